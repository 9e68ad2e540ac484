"Small estimators and tables that several files of tests use"
import numpy as np
import pandas as pd
import pytest
from sklearn.datasets import load_digits

from ganad.core import DataError
from ganad.detector import detectors
from ganad.estimator import estimators

CHEAP = dict(anogan=dict(steps=2, tries=8, starts=1), isolationforest=dict(trees=5),
             alad=dict(nz=2), alad64=dict(nz=2))


def small(name, **kw):
    "An estimator that is quickly trained"
    return estimators()[name](**dict(epochs=1, random_state=0) | CHEAP.get(name, {}) | kw)


LABELLED = [name for name, cls in detectors().items() if cls.labelled]


def table(n=200, seed=0):
    causes = np.random.default_rng(seed).normal(size=(n, 3))
    return causes @ [[1, 2, 0, 1], [0, 1, 1, 0], [0, 0, 1, 5]] + [0, 9, 0, -3]


def frame(n=120, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({'price €':rng.lognormal(size=n), '🌍':rng.choice(['land', 'sea', 'air'], n),
                         'sold':rng.random(n)<.5, 'n':rng.integers(9, size=n)})


def place_of_error(f, *args):
    "Row and column of the error that `f` leads to"
    with pytest.raises(DataError) as e: f(*args)
    return e.value.row, e.value.column


def digits(n=60): return load_digits().images[:n]/16
