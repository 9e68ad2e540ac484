"What a score is made of, written down a second time in NumPy; and that a row's score needs no other row"
import numpy as np
import pytest
import torch
from ganad.models.ganomaly import scaled
from terms import rows
from tracing import Outputs, fitted, odd_and_even, shapes      # noqa: F401

scores = pytest.mark.parametrize('name,settings,formula', rows('score'))


def first_of_each(params):
    "One row of the table for each method"
    return list({param.values[0]: param for param in reversed(params)}.values())[::-1]


def check_score(score, formula, model, x):
    want = formula(Outputs(model), x.numpy())
    np.testing.assert_allclose(score.numpy(), want, rtol=1e-4, atol=1e-5*np.abs(want).max())
    return want


@shapes
@scores
def test_score_is_its_formula(fitted, name, settings, formula, shape):
    model, x = fitted(name, settings, shape), odd_and_even(shape)
    score = model.score(x)
    want = check_score(score, formula, model, x)
    assert score.dtype == torch.float32
    assert score.shape == (40,)
    assert np.ptp(want) > 0


@shapes
@scores
def test_a_row_alone_scores_the_same(fitted, name, settings, formula, shape):
    model, x = fitted(name, settings, shape), odd_and_even(shape)
    score = model.score(x)
    close = dict(rtol=1e-4, atol=1e-5*score.abs().max().item())
    torch.testing.assert_close(model.score(x, bs=1), score, **close)
    torch.testing.assert_close(model.score(x[7:8]), score[7:8], **close)
    if hasattr(model, 'rec_batch'):
        torch.testing.assert_close(model.reconstruct(x, bs=1), model.reconstruct(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize('name,settings,formula', first_of_each(rows('score')))
def test_colour_images(fitted, name, settings, formula):
    "Networks work in channels-last memory, where one channel or three are not the same"
    model, x = fitted(name, settings, (3, 8, 8)), odd_and_even((3, 8, 8))
    check_score(model.score(x), formula, model, x)
    if hasattr(model, 'rec_batch'): assert model.reconstruct(x).shape == x.shape


def test_scaled_scores_of_ganomaly():
    score, val = torch.randn(50), torch.rand(30)
    reference = val.double().numpy()
    want = (score.double().numpy() - reference.min())/(np.quantile(reference, .9) - reference.min())
    np.testing.assert_allclose(scaled(score, val, .9).numpy(), want, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('name, settings, names', [
    ('egbad', {}, ('features', 'sigma')), ('alad', {}, ('l1', 'l2', 'logits', 'features')),
    ('ganomaly', {}, ('codes',)), ('bigan', {}, ())])
def test_a_method_names_the_scores_that_it_knows(fitted, name, settings, names):
    "And gives each of them, for any number of rows; those of the whole are among them"
    model, x = fitted(name, settings, 4), odd_and_even(4)
    found = model.all_scores(x, bs=7)
    assert model.score_names() == tuple(found) == names
    for scores in found.values():
        assert scores.shape == (40,)
        assert scores.isfinite().all()
    if names: assert any(torch.allclose(scores, model.score(x), rtol=1e-4) for scores in found.values())
