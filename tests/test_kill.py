"""Kill -9 at any moment: no file is half there, and the same command ends as if nothing had happened.

One process imports everything and forks a child for each attempt, so that a kill costs no import of torch."""
import json, os, subprocess, sys
from pathlib import Path
import numpy as np
import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='fork and kill are POSIX')
ENV = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(Path(__file__).parents[1])}

DRIVER = r"""
import json, os, random, signal, sys, time, zipfile
from pathlib import Path
import torch
from safetensors import safe_open
from ganad.cli import main
from ganad import core
from ganad.estimator import modelfile
from ganad.evidence import run as bench
from ganad.files import readers as files
from ganad.detector import detectors
detectors(); torch.set_num_threads(1)
where, seed, *jobs = sys.argv[1:]
rng, die = random.Random(int(seed)), lambda: os.kill(os.getpid(), signal.SIGKILL)
ARGV = dict(fit='fit t.csv --save {d}/m.safetensors --method alice --set nz=2 --epochs 12 --quiet',
            score='score t.csv --model m.safetensors --out {d}/s.csv --quiet',
            report='report t.csv --model m.safetensors --out {d}/r.html --quiet',
            bench='demo --quick --methods meanrow,pca,gan --out {d}')
os.chdir(where)

def at(moment, end, nth, log):
    "Die at a moment of the nth write to a name with this end: before there is a byte, half written, or just before and after it gets its name"
    replace, chmod, mkstemp, made, goal = os.replace, os.chmod, core.tempfile.mkstemp, [], []
    def last(name): Path(log).open('a').write(f'{moment} {name}\n'); die()
    def begun(**k):
        fd, tmp = mkstemp(**k); name = k['prefix'][1:-1]
        if name.endswith(end): made.append(tmp)
        if made[nth-1:] == [tmp]: goal.extend([tmp, name])
        if tmp in goal and moment == 'begun': last(name)
        return fd, tmp
    def half(path, *a):
        if moment == 'half' and str(path) in goal: b = Path(path).read_bytes(); Path(path).write_bytes(b[:len(b)//2]); last(goal[1])
        chmod(path, *a)
    def named(tmp, path):
        if moment == 'before' and str(tmp) in goal: last(goal[1])
        replace(tmp, path)
        if moment == 'after' and str(tmp) in goal: last(goal[1])
    core.tempfile.mkstemp, os.chmod, os.replace = begun, half, named

def child(what, d, *moment):
    pid = os.fork()
    if pid: return pid
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if moment: at(*moment, f'{what}-log')
    try: main(ARGV[what].format(d=d).split())
    except SystemExit as e: os._exit(e.code or 0)
    except BaseException:
        import traceback; traceback.print_exc(); os._exit(99)

def wait(pid): return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

def whole(d):
    "Every file that bears its name is complete"
    for f in d.rglob('*'):
        if f.suffix == '.safetensors':
            with safe_open(f, 'pt') as s: [s.get_tensor(k) for k in s.keys()]
        if f.suffix == '.part': torch.load(f, weights_only=True)
        if f.suffix == '.json': json.loads(f.read_text())
        if f.suffix == '.html': assert f.read_text().endswith('</html>'), f
        if f.name == 's.csv': assert f.read_text().count('\n') == 301, f

def content(d):
    out = {}
    for f in sorted(d.rglob('*')):
        name = str(f.relative_to(d))
        if f.suffix == '.safetensors':
            with safe_open(f, 'pt') as s: out[name] = {k: s.get_tensor(k).tolist() for k in s.keys()}
        elif f.name in ('s.csv', 'r.html'): out[name] = f.read_text()
        elif f.suffix == '.json' and f.name != 'results.json': out[name] = json.loads(f.read_text())['metrics']
    return json.dumps(out, sort_keys=True).replace(str(d.resolve()), '').replace(f'{d}/', '')

WRITES = dict(fit=[('.part', 1), ('.part', 2), ('m.safetensors', 1), ('.tmp', 1)], bench=[('.json', 2)])    # aimed at; of the others the first

def go(what, n):
    "Kill n times, first at certain moments, look at every file, go on; after some kills a run may end"
    most = 3 if n > 16 else 1
    ref = Path(f'{what}-ref'); ref.mkdir(); start = time.time(); assert wait(child(what, ref)) == 0
    took, want, killed, resumed = time.time()-start, content(ref), 0, 0
    moments = [(m, *w) for m in ('begun', 'after', 'before', 'half') for w in WRITES.get(what, [('', 1)])]
    for i in range(9*n):
        if killed >= n: break
        d = Path(f'{what}-{i}'); d.mkdir(); kills, code = 0, -9
        while code:
            moment = moments.pop() if moments and not kills else ()
            pid = child(what, d, *moment)
            if not moment and kills < most: time.sleep(rng.uniform(0, took)); os.kill(pid, signal.SIGKILL)
            code = wait(pid); whole(d)
            assert code in (0, -9), (d, code)
            resumed += bool([*d.rglob('*.part')]); kills += code != 0
        assert content(d) == want, f'{d}, killed {kills} times, ended otherwise'
        assert not [*d.rglob('*.part')], d
        killed += kills
    return dict(killed=killed, resumed=resumed, took=took, at=Path(f'{what}-log').read_text().splitlines())

print(json.dumps({j.split('=')[0]: go(j.split('=')[0], int(j.split('=')[1])) for j in jobs}))
"""


def drive(where, seed, **jobs):
    argv = [sys.executable, '-W', 'ignore', '-c', DRIVER, where, seed, *(f'{k}={n}' for k, n in jobs.items())]
    p = subprocess.run([*map(str, argv)], env=ENV, capture_output=True, text=True)
    assert p.returncode == 0, p.stderr[-3000:]
    return json.loads(p.stdout.splitlines()[-1])


@pytest.fixture
def place(tmp_path):
    "A small table, and a model of it"
    x = np.random.default_rng(0).normal(size=(300, 3))
    (tmp_path/'t.csv').write_text('a,b,c\n' + ''.join(f'{a:.4f},{b:.4f},{c:.4f}\n' for a, b, c in x))
    from ganad.cli import main
    with pytest.raises(SystemExit): main(['fit', f'{tmp_path}/t.csv', '--save', f'{tmp_path}/m.safetensors', '--method', 'pca', '--quiet'])
    return tmp_path


def test_killed_and_resumed(place):
    r = drive(place, 0, fit=16, score=4, report=2, bench=2)
    hit = {k: {*v['at']} for k, v in r.items()}; moments = ('begun', 'half', 'before', 'after')
    assert {f'{m} {f}' for m in moments for f in ('m.safetensors.part', 'm.safetensors')} <= hit['fit'] and len(r['fit']['at']) == 16, hit
    assert {f'{m} s.csv' for m in moments} == hit['score'] and r['report']['killed'] >= 2 and len(hit['bench']) == 2, hit
    assert r['fit']['resumed'] >= 8, 'a checkpoint that was whole when the process died is there for the next'


@pytest.mark.slow
def test_killed_fifty_times(place):
    r = drive(place, 1, fit=50, score=50, report=50, bench=10)
    print(r); assert all(v['killed'] >= 10 for v in r.values()) and r['fit']['killed'] >= 50 and r['fit']['resumed'] >= 10
