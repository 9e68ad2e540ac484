"What mypy sees of the package: its own code, and the mistakes of who calls it"
import os
import subprocess
import sys

from project import ROOT

UNCHECKED = {'models', 'plots', 'site', 'widgets'}              # pages; and what `called`, below, looks at
TYPED = [path for path in sorted((ROOT/'ganad').rglob('*.py')) if path.name!='_modidx.py'
         and path.relative_to(ROOT/'ganad').parts[0].removesuffix('.py') not in UNCHECKED]
CALLED = ['plots', 'widgets']                                  # of figures and methods: what a caller sees
USE = """
import numpy as np
from ganad.data import OneClass, Split, load as load_data
from ganad.detector import Detector, detectors
from ganad.estimator import ALADDetector, Estimator, estimators, info, load
from ganad._files.pictures import rows_of
from ganad.metrics import summary
from ganad._files.fit_and_score import score_file
from ganad._files.report import report_file
est: Estimator = ALADDetector(nz=4, false_alarms=.05)
est.fit([[1., 2.]])
scores: np.ndarray = est.anomaly_score([[1., 2.]])
limit: float = load(est.save('m.safetensors', note='x')).threshold_
name: str = info('m.safetensors')['method']
split: Split = OneClass(normal=8).split(load_data('digits'))
model: Detector = detectors()['bigan'](64).fit(split.train.flatten(1), epochs=1)
area: float = summary(split.y, model.score(split.test))['auroc']
rows: int = score_file('m.safetensors', 't.csv')['rows'] + len(rows_of('t.csv').all())
rows += len(report_file('m', 't', 'o.html'))
for key, cls in estimators().items(): print(key.upper(), cls().predict(scores).mean())
"""

WRONG = """
from ganad.data import OneClass, Split
from ganad.estimator import estimators, load
from ganad._files.pictures import rows_of
from ganad.estimator._threshold import rows_needed
load()                                  # error: Missing positional argument
estimators(3)                           # error: Too many arguments
rows_needed('x')                        # error: Argument 1 has incompatible type
load('x').p_values()                    # error: Missing positional argument
load('x').fit([[1]], checkpint='c')     # error: Unexpected keyword argument
load('x').anomaly_scroe([[1]])          # error: "Estimator" has no attribute
load('x').mistake_                      # error: "Estimator" has no attribute
OneClass()                              # error: Missing positional argument
rows_of('t.csv').al()                   # error: "Rows" has no attribute
Split.trian                             # error: "type[Split]" has no attribute
"""


def mypy(cwd, *args):
    flags = '--ignore-missing-imports --follow-imports=silent --no-site-packages --no-error-summary'.split()
    argv = [sys.executable, '-m', 'mypy', *flags, '--cache-dir', str(cwd/'cache'), *map(str, args)]
    env = {**os.environ, 'MYPYPATH':str(ROOT)}
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, env=env)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def test_types(tmp_path):
    assert (ROOT/'ganad/py.typed').exists()
    (tmp_path/'use.py').write_text(USE)
    called = [*sorted((ROOT/'ganad/models').glob('*.py')), *(ROOT/f'ganad/{name}.py' for name in CALLED)]
    out = mypy(tmp_path, '--check-untyped-defs', *TYPED, 'use.py')
    out += mypy(tmp_path, *called)
    assert not out, '\n'.join(out)


def test_types_find_mistakes(tmp_path):
    (tmp_path/'wrong.py').write_text(WRONG)
    lines = WRONG.splitlines()
    found = [line for line in mypy(tmp_path, '--check-untyped-defs', 'wrong.py') if 'error:' in line]
    for line in found:
        number = int(line.split(':')[1])
        assert lines[number-1].split('# ')[1].split()[1] in line, line
    assert len(found)==sum('# error' in line for line in lines), found
