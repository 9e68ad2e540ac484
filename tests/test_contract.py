"Every method keeps every promise; every mutant breaks the one that it was made to break"
import pytest
import torch
from ganad.contract import CHECKS, trained
from ganad.detector import detectors
from mutants import MUTANTS, Cycle

SHAPES = {'table': 4, 'image': (1, 8, 8)}
PROMISE = {f.__name__: f for f in CHECKS}


@pytest.fixture(scope='module', params=[(n, s) for s in SHAPES for n in detectors()], ids=lambda p: '-'.join(p))
def fitted(request):
    name, shape = request.param
    return trained(detectors()[name], SHAPES[shape])


@pytest.mark.parametrize('promise', PROMISE)
def test_promise(fitted, promise): PROMISE[promise](fitted)


def epochs(promise): return 40 if promise == 'higher_is_more_anomalous' else 2       # only this one asks for skill


@pytest.mark.parametrize('mutant', MUTANTS, ids=lambda m: m.__name__)
def test_mutant_dies(mutant):
    with pytest.raises(AssertionError): PROMISE[mutant.breaks](trained(mutant, epochs=epochs(mutant.breaks)))


@pytest.mark.parametrize('parent,promise', sorted({(m.__bases__[0], m.breaks) for m in MUTANTS}, key=str))
def test_the_same_without_the_defect_lives(parent, promise): PROMISE[promise](trained(parent, epochs=epochs(promise)))


def test_every_promise_has_a_mutant(): assert {m.breaks for m in MUTANTS} == {*PROMISE}


@pytest.mark.parametrize('promise', PROMISE)
def test_right_cycle_lives(promise): PROMISE[promise](trained(Cycle))


def test_gans_and_baselines_are_found():
    found = detectors()
    assert {'gan', 'bigan', 'random', 'lookup', 'meanrow', 'pca', 'knn', 'isolationforest', 'autoencoder'} <= {*found}
    assert not any(m.__name__.lower() in found for m in MUTANTS)
    baselines = [c.baseline for c in found.values()]
    assert baselines == sorted(baselines)          # GANs first
