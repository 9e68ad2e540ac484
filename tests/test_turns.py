"The second question for GANomaly's critic: how was an image turned and moved?"
import numpy as np
import pytest
import torch
from ganad.contract import check, toy_rows
from ganad.core import set_seed
from ganad.detector import load_model, save_model
from ganad.models.ganomaly import TURNS, GANomaly, ShapeError
from terms import code_distance
from tracing import Outputs, fitted, gradients, make, networks_of, odd_and_even      # noqa: F401

IMAGE = (1, 8, 8)
SPLIT = 4, 7                                   # of the ten logits: four turns, three rows, three columns


def turning(shape=IMAGE):
    return make('ganomaly', shape, dict(turns=True))


def log_p(model, x):
    "The logs of the three answers to images, in NumPy"
    weight, bias = (p.detach().numpy() for p in (model.Turn.heads.weight, model.Turn.heads.bias))
    with torch.no_grad(): features = model.D.features(torch.as_tensor(np.ascontiguousarray(x))).numpy()
    answers = np.split(features@weight.T + bias, SPLIT, 1)
    return [logits - np.log(np.exp(logits).sum(1, keepdims=True)) for logits in answers]


def doubt(outputs, model, x):
    "-log p(t | f(t(x))) over the 36 turns t, in NumPy"
    weight, bias = (p.detach().numpy() for p in (model.Turn.heads.weight, model.Turn.heads.bias))
    total, n = 0, x.shape[-1]//4
    for turns in range(4):
        padded = np.pad(np.rot90(x, turns, (2, 3)), [(0, 0), (0, 0), (n, n), (n, n)], constant_values=-1)
        for row in range(3):
            for column in range(3):
                crop = padded[:, :, (2-row)*n:(6-row)*n, (2-column)*n:(6-column)*n]
                features = outputs.D.features(np.ascontiguousarray(crop))
                answers = np.split(features@weight.T + bias, SPLIT, 1)
                for logits, right in zip(answers, (turns, row, column)):
                    total = total + np.log(np.exp(logits).sum(1)) - logits[:, right]
    return total


def test_doubts_are_their_formula(fitted):
    "(9): the distance of codes and the doubt, each in units of its spread over rows it learned from"
    model, x = fitted('ganomaly', dict(turns=True), IMAGE), odd_and_even(IMAGE).numpy()
    outputs = Outputs(model)
    def both(x): return np.stack([code_distance(outputs, x), doubt(outputs, model, x)], 1)
    unit = both(toy_rows(IMAGE, 64).numpy()).std(0)
    np.testing.assert_allclose(model.Turn.unit.numpy(), unit, rtol=1e-3)
    np.testing.assert_allclose(model.score(x).numpy(), (both(x)/unit).sum(1), rtol=1e-3)


def test_doubts_teach_the_critic_alone(monkeypatch):
    x, plain, model = toy_rows(IMAGE, 16), make('ganomaly', IMAGE, {}), turning()
    shared = {name: value for name, value in model.state_dict().items() if not name.startswith('Turn')}
    plain.load_state_dict(shared)
    (a, _), (b, _) = (gradients(m, x, monkeypatch) for m in (model, plain))
    assert {*a['g']} == {*b['g']}
    assert all(torch.equal(a['g'][name], value) for name, value in b['g'].items())
    assert networks_of(a['d']) == {'D', 'Turn'}
    assert not any(torch.equal(a['d'][name], value) for name, value in b['d'].items() if 'fx' in name)


def moved_by_hand(x, turns, row, column):
    "One image (C,8,8): turned, and moved by two pixels, black behind"
    turned, out = np.rot90(x, turns, (1, 2)), np.full_like(x, -1)
    down, right = 2*(row-1), 2*(column-1)
    to = slice(max(down, 0), 8 + min(down, 0)), slice(max(right, 0), 8 + min(right, 0))
    source = slice(max(-down, 0), 8 - max(down, 0)), slice(max(-right, 0), 8 - max(right, 0))
    out[(slice(None), *to)] = turned[(slice(None), *source)]
    return out


def test_turns_are_taught_by_the_turns_that_were_made():
    "(8): each image in one way, and the price of not knowing this way"
    model, x = turning(), toy_rows(IMAGE, 16)
    set_seed(5)
    ways = [TURNS[i] for i in torch.randint(36, (16,)).tolist()]
    set_seed(5)
    loss = model.Turn.loss(model.D, x).item()
    made = np.stack([moved_by_hand(row, *way) for row, way in zip(x.numpy(), ways)])
    answers = log_p(model, made)
    def log_p_of(i, way): return sum(answer[i, right] for answer, right in zip(answers, way))
    want = -np.mean([log_p_of(i, way) for i, way in enumerate(ways)])
    assert len({*ways}) > 10
    assert loss == pytest.approx(want, rel=1e-5)


def test_the_critic_pays_for_both_questions():
    model, x = turning(), toy_rows(IMAGE, 16)
    _, xr, _ = model.cycle(x)
    real_or_fake = model.d_loss(model.D.features(x), xr).item()
    set_seed(7)
    turn = model.Turn.loss(model.D, x).item()
    model.load_state_dict(turning().state_dict())
    set_seed(7)
    assert model.step(x)['d'] == pytest.approx(real_or_fake + turn, rel=1e-5)


@pytest.mark.parametrize('shape', [(3, 8, 8), (1, 28, 28)])
def test_turns_keep_the_contract_and_come_back(shape, tmp_path):
    "Scored by both halves after saving, after resuming, and after learning again"
    x, how = toy_rows(shape, 40), dict(bs=16, progress=False)
    model = turning(shape).fit(x, epochs=2, **how)
    score = model.score(x)
    loaded = load_model(save_model(model, tmp_path/'m.safetensors'))
    assert torch.equal(loaded.score(x), score) and loaded.score_names() == ('codes', 'doubt')
    half = turning(shape).fit(x, epochs=1, checkpoint=tmp_path/'c', **how)
    assert not torch.equal(half.score(x), score)
    resumed = turning(shape).fit(x, epochs=2, checkpoint=tmp_path/'c', **how)
    assert torch.equal(resumed.score(x), score)
    unit = model.Turn.unit.clone()
    model.fit(x.flip(3), epochs=2, **how)
    assert not torch.equal(model.Turn.unit, unit) and model.score(x).isfinite().all()


def test_contract_with_turns(): check(GANomaly, shape=IMAGE, turns=True)


def test_units_of_doubts_come_from_all_of_the_rows():
    "Sorted rows, many of them; one row; rows that are all alike"
    x, how = toy_rows(IMAGE, 64), dict(epochs=1, bs=512, progress=False)
    many = torch.cat([x[:1].repeat(1500, 1, 1, 1), x.repeat(24, 1, 1, 1)])
    model = turning().fit(many, **how)
    halves = torch.stack([*model.all_scores(many).values()], 1)
    assert (model.Turn.unit/halves.std(0) - 1).abs().max() < .1
    for few in x[:1], x[:1].repeat(5, 1, 1, 1):
        model = turning().fit(few, **how)
        means = torch.stack([values.mean() for values in model.all_scores(few).values()])
        assert (model.Turn.unit >= .99e-5*means).all()
        assert model.score(x).abs().max() < 1e6


def test_without_turns_there_is_one_half():
    model = make('ganomaly', IMAGE, {}).fit(toy_rows(IMAGE, 16), epochs=1, progress=False)
    assert [*model.scores(toy_rows(IMAGE, 4))] == ['codes'] == [*model.score_names()]


@pytest.mark.parametrize('shape', [4, (1, 8, 12)])
def test_turns_are_for_square_images(shape):
    with pytest.raises(ShapeError, match='square images'): turning(shape)
