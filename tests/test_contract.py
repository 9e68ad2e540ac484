"Every method keeps every promise; every mutant breaks the one that it was made to break"
import functools

import pytest
import torch
from ganad.contract import CHECKS, toy_rows, trained
from ganad.detector import detectors
from ganad.metrics import auroc
from mutants import MUTANTS, Cycle, Hinge

METHODS = detectors()
SHAPES = {'table': 4, 'image': (1, 8, 8)}
SETTINGS = {('alad64', 'image'): dict(lr=1e-3),      # its own is for 64x64: 160 steps on 8x8 teach nothing
            ('twodiscriminators', 'image'): dict(epochs=20)}     # a U-Net has learned the toy after ten
PROMISES = {check.__name__: check for check in CHECKS}


def name_of(cls): return cls.__name__


@pytest.fixture(scope='module', params=[(name, shape) for shape in SHAPES for name in METHODS], ids='-'.join)
def fitted(request):
    name, shape = request.param
    return trained(METHODS[name], SHAPES[shape], **SETTINGS.get(request.param, {}))


@pytest.mark.parametrize('promise', PROMISES)
def test_promise(fitted, promise): PROMISES[promise](fitted)


def epochs_for(promise):
    "Only one of them asks for skill"
    return 40 if promise=='higher_is_more_anomalous' else 2


@pytest.mark.parametrize('mutant', MUTANTS, ids=name_of)
def test_mutant_dies(mutant):
    fitted = trained(mutant, epochs=epochs_for(mutant.breaks))
    with pytest.raises(AssertionError): PROMISES[mutant.breaks](fitted)


PARENTS = {(mutant.__bases__[0], mutant.breaks) for mutant in MUTANTS}


@functools.cache
def trained_parent(parent, epochs): return trained(parent, epochs=epochs)


@pytest.mark.parametrize('parent,promise', sorted(PARENTS, key=str))
def test_the_same_without_the_defect_lives(parent, promise):
    PROMISES[promise](trained_parent(parent, epochs_for(promise)))


def test_every_promise_has_a_mutant(): assert {mutant.breaks for mutant in MUTANTS}=={*PROMISES}


@pytest.fixture(scope='module', params=[Cycle, Hinge], ids=name_of)
def right(request): return trained(request.param)


@pytest.mark.parametrize('promise', PROMISES)
def test_what_is_right_lives(right, promise): PROMISES[promise](right)


@pytest.mark.parametrize('shape', SHAPES.values(), ids=SHAPES)
def test_size_does_not_betray_odd_rows(shape):
    "A model that knows nothing but how large a row is guesses, and most networks before training do the same"
    normal, odd = toy_rows(shape, 500), toy_rows(shape, 500, seed=1, odd=True)
    for power in (1, 2, 9):
        sizes = [rows.abs().pow(power).flatten(1).sum(1) for rows in (normal, odd)]
        assert abs(auroc([0]*500 + [1]*500, torch.cat(sizes)) - .5) < .06
    assert normal.abs().max()<=1
    assert not torch.equal(toy_rows(shape, 5), toy_rows(shape, 5, seed=1))


def test_gans_and_baselines_are_found():
    assert {'gan', 'bigan'} <= {*METHODS}
    assert {'random', 'lookup', 'meanrow', 'pca', 'knn', 'isolationforest', 'autoencoder'} <= {*METHODS}
    assert not any(mutant.__name__.lower() in METHODS for mutant in MUTANTS)
    baselines = [cls.baseline for cls in METHODS.values()]
    assert baselines==sorted(baselines)          # GANs first
