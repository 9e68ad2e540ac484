"Pumps for the tests of commands: rows, a model of them, and what a mistake looks like"
import json
import os

import numpy as np
import pandas as pd
import pytest
from project import ROOT

from ganad.cli import main

try: import resource
except ImportError: resource = None          # Windows


LIMITS = pytest.mark.skipif(resource is None, reason='POSIX limits')
ENV = {**os.environ, 'OMP_NUM_THREADS':'1', 'PYTHONPATH':str(ROOT)}
PCA = ['--method', 'pca', '--set', 'k=2']
LABELS = ['--label', 'bad', '--drop', 'no']


def pump(n, seed=0, broken=0):
    rng = np.random.default_rng(seed)
    is_fast = rng.random(n)<.4
    is_broken = np.arange(n)<broken
    speed = np.where(is_fast, 50, 20) + rng.normal(0, 2, n)
    heat = 30 + .5*speed + rng.normal(0, 1, n) + 15*is_broken
    return pd.DataFrame({'no':[f'{i:05}' for i in range(n)], 'mode 🌡':np.where(is_fast, 'fast', 'eco'),
                         'speed':speed, 'heat, °C':heat, 'flow':2*speed + rng.normal(0, 3, n),
                         'bad':is_broken.astype(int)})


TEST = pump(300, 1, 12)


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    "A folder with pumps, a model of them, and pumps to score"
    folder = tmp_path_factory.mktemp('own')
    pump(1000, broken=10).to_csv(folder/'train.csv', index=False)
    TEST.to_csv(folder/'test.csv', index=False)
    fit = ['fit', f'{folder}/train.csv', '--save', f'{folder}/m.safetensors', *LABELS, '--quiet']
    alice = ['--method', 'alice', '--set', 'nz=2', '--epochs', '40']
    with pytest.raises(SystemExit) as end: main([*fit, *alice])
    assert end.value.code==0
    return folder


@pytest.fixture
def score(run, place):
    "Score a file with the model of pumps, and say what `--json` says"
    def _score(path, out, *options):
        argv = ['score', path, '--model', place/'m.safetensors', '--out', out, '--json']
        code, printed, err = run(*argv, *options)
        assert (code, err)==(0, '')
        return json.loads(printed)
    return _score


@pytest.fixture
def report(run, place):
    "Write the report of a file, and say what `--json` says, and the page"
    def _report(path, out, *options, model=place/'m.safetensors'):
        code, printed, err = run('report', path, '--model', model, '--out', out, '--json', *options)
        assert (code, err)==(0, '')
        return json.loads(printed), out.read_text('utf-8')
    return _report


def is_mistake(result):
    "Did it end with code 2 and one line? What the lines say is in `messages.txt`"
    code, _, err = result
    return code==2 and err.startswith('ganad: ') and err.count('\n')==1


def changed(tmp_path, change):
    "The pumps to score, changed"
    path = tmp_path/'t.csv'
    change(TEST).to_csv(path, index=False)
    return path


def trains_for_nothing(*_): pytest.fail('it trained for nothing')
