"A training that ran away is refused, whatever the numbers that it left look like; so is its model file"
import numpy as np
import pytest
import torch
from sklearn.exceptions import NotFittedError

from ganad.cli import main
from ganad.core import NonFiniteLoss, set_seed
from ganad.detector import detectors
from ganad.estimator import estimators
from ganad.estimator._settings import settings_of
from ganad.estimator._threshold import Threshold

WITH_LR = [name for name, cls in detectors().items() if 'lr' in settings_of(cls)]
CHEAP = dict(anogan=dict(steps=5, tries=16))
TABLE = np.random.default_rng(0).normal(size=(300, 6))
PICTURES = (np.random.default_rng(0).random((100, 8, 8))*60 + np.linspace(0, 190, 8)).astype('u1')


def fit(name, x, **settings):
    is_known = np.arange(len(x))%20==0
    return estimators()[name](epochs=3, random_state=0, **CHEAP.get(name, {}), **settings).fit(x, is_known)


@pytest.mark.parametrize('x', [TABLE, PICTURES], ids=['table', 'pictures'])
@pytest.mark.parametrize('name', WITH_LR)
def test_a_training_that_ran_away_is_refused(name, x):
    for settings in (dict(lr=1e8, false_alarms=.1), dict(lr=1e3, threshold=1)):
        e = estimators()[name](epochs=3, random_state=0, **CHEAP.get(name, {}), **settings)
        with pytest.raises(NonFiniteLoss) as caught: e.fit(x, np.arange(len(x))%20==0)
        assert 'smaller lr' in caught.value.mend
        with pytest.raises(NotFittedError): e.anomaly_score(x)


@pytest.mark.parametrize('x', [TABLE, PICTURES], ids=['table', 'pictures'])
@pytest.mark.parametrize('name', WITH_LR)
def test_a_large_step_alone_is_no_reason(name, x):
    assert np.isfinite(fit(name, x, lr=.01).threshold_)


def test_nothing_is_saved(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savetxt('train.csv', TABLE, delimiter=',', header='a,b,c,d,e,f', comments='')
    with pytest.raises(SystemExit) as stopped:
        main('fit train.csv --save m.safetensors --method gan --set lr=1e8 --epochs 6'.split())
    lines = capsys.readouterr().err.splitlines()
    assert stopped.value.code==2
    assert 'smaller lr' in lines[-1]
    assert not (tmp_path/'m.safetensors').exists()


def test_another_try_under_the_same_name_goes_on(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    np.savetxt('train.csv', TABLE, delimiter=',', header='a,b,c,d,e,f', comments='')
    for method, settings, code in (('gan', '--set lr=1e8 --epochs 6', 2), ('gan', '--epochs 2', 0),
                                   ('egbad', '--set lr=1e8 --epochs 6', 2), ('bigan', '--epochs 1', 0)):
        with pytest.raises(SystemExit) as stopped:
            main(f'fit train.csv --save m --method {method} {settings} --quiet'.split())
        assert stopped.value.code==code, (method, capsys.readouterr().err)
        assert not (tmp_path/'m.part').exists()


def test_a_bare_detector_with_infinite_weights_has_not_learned():
    set_seed(0)
    x = torch.tensor(PICTURES[:, None], dtype=torch.float32)/127.5 - 1
    with pytest.raises(NonFiniteLoss, match='no longer finite'):
        detectors()['autoencoder']((1, 8, 8), lr=1e8).fit(x, epochs=6)


@pytest.mark.parametrize('value', [None, 1.])
@pytest.mark.parametrize('bad', [np.nan, np.inf])
def test_no_line_rests_on_scores_that_are_not_finite(bad, value):
    with pytest.raises(NonFiniteLoss): Threshold.draw([1., 2., bad], True, value=value)
