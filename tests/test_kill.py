"""Kill -9 at any moment: no file is half there, and the same command ends as if nothing had happened.

One process imports everything and forks a child for each attempt, so that a kill costs no import of torch."""
import json
import os

import numpy as np
import prepared
import pytest
from project import ROOT

pytestmark = pytest.mark.skipif(not hasattr(os, 'fork'), reason='fork and kill are POSIX')
ENV = {**os.environ, 'OMP_NUM_THREADS':'1', 'PYTHONPATH':str(ROOT)}

DRIVER = r"""
import json, os, random, signal, sys, time, traceback
from pathlib import Path
import torch
from safetensors import safe_open
from ganad import core
from ganad.cli import main
from ganad.detector import detectors
from ganad.estimator import _modelfile as modelfile
from ganad.evidence import run
from ganad._files import commands, demo, readers

detectors()
torch.set_num_threads(1)
where, seed, *jobs = sys.argv[1:]
rng = random.Random(int(seed))
COMMANDS = dict(fit='fit t.csv --save {folder}/m.safetensors --method alice --set nz=2 --epochs 12 --quiet',
                score='score t.csv --model m.safetensors --out {folder}/s.csv --quiet',
                report='report t.csv --model m.safetensors --out {folder}/r.html --quiet',
                bench='demo --quick --methods meanrow,pca,gan --out {folder}')
# ending of a name, which write to such a name is aimed at; of other commands the first write to any
WRITES = dict(fit=[('.part', 1), ('.part', 2), ('m.safetensors', 1)], bench=[('.json', 2)])
os.chdir(where)


class Killer:
    "Dies at a moment of a write: before there is a byte, half written, just before or after it gets its name"
    def __init__(self, moment, ending, nth, log):
        self.moment = moment
        self.ending = ending
        self.nth = nth
        self.log = log
        self.made = []                                  # temporary files for names with this ending
        self.temporary = self.name = None               # of the write that is aimed at
        self.replace = os.replace
        self.temporary_file = core._temporary_file

    def install(self):
        core._temporary_file = self.when_begun
        os.replace = self.when_named

    def die_at(self, moment):
        if moment!=self.moment: return
        with open(self.log, 'a') as file: file.write(f'{moment} {self.name}\n')
        os.kill(os.getpid(), signal.SIGKILL)

    def when_begun(self, path):
        handle, temporary = self.temporary_file(path)
        if path.name.endswith(self.ending):
            self.made.append(temporary)
            if len(self.made)==self.nth: self.temporary, self.name = temporary, path.name
        if temporary==self.temporary: self.die_at('begun')
        return handle, temporary

    def when_named(self, temporary, path):
        is_aimed_at = temporary==self.temporary
        if is_aimed_at and self.moment=='half':
            content = temporary.read_bytes()
            temporary.write_bytes(content[:len(content)//2])
            self.die_at('half')
        if is_aimed_at: self.die_at('before')
        self.replace(temporary, path)
        if is_aimed_at: self.die_at('after')


def child(job, folder, *moment):
    "The process of a command, which kills itself at a moment, if one is given"
    pid = os.fork()
    if pid: return pid
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if moment: Killer(*moment, f'{job}-log').install()
    try: main(COMMANDS[job].format(folder=folder).split())
    except SystemExit as end: os._exit(end.code or 0)
    except BaseException:
        traceback.print_exc()
        os._exit(99)


def wait(pid): return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def tensors(path):
    with safe_open(path, 'pt') as file: return {name:file.get_tensor(name).tolist() for name in file.keys()}


def check_whole(folder):
    "Every file that bears its name is complete"
    for path in folder.rglob('*'):
        if path.suffix=='.safetensors': tensors(path)
        if path.suffix=='.part': tensors(path)
        if path.suffix=='.json': json.loads(path.read_text())
        if path.suffix=='.html': assert path.read_text().endswith('</html>'), path
        if path.name=='s.csv': assert path.read_text().count('\n')==301, path


def content(folder):
    "What a command has made, without the name of its folder"
    found = {}
    for path in sorted(folder.rglob('*')):
        name = str(path.relative_to(folder))
        if path.suffix=='.safetensors': found[name] = tensors(path)
        elif path.name in ('s.csv', 'r.html'): found[name] = path.read_text()
        elif path.suffix=='.json' and path.name!='results.json':
            found[name] = json.loads(path.read_text())['metrics']
    return json.dumps(found, sort_keys=True).replace(str(folder.resolve()), '').replace(f'{folder}/', '')


def kill_and_resume(job, folder, moment, most, seconds):
    "How often a command was killed until it ended, and how often a checkpoint was there for the next"
    killed = resumed = 0
    while True:
        pid = child(job, folder, *moment) if not killed else child(job, folder)
        if not (moment and not killed) and killed<most:
            time.sleep(rng.uniform(0, seconds))
            os.kill(pid, signal.SIGKILL)
        code = wait(pid)
        check_whole(folder)
        assert code in (0, -9), (folder, code)
        resumed += bool([*folder.rglob('*.part')])
        if code==0: return killed, resumed
        killed += 1


def kill_often(job, n):
    "Kill n times, first at certain moments, look at every file, go on; after some kills a run may end"
    reference = Path(f'{job}-reference')
    reference.mkdir()
    start = time.time()
    assert wait(child(job, reference))==0
    seconds = time.time() - start
    expected = content(reference)
    writes = WRITES.get(job, [('', 1)])
    moments = [(moment, *write) for moment in ('begun', 'after', 'before', 'half') for write in writes]
    killed = resumed = 0
    for i in range(9*n):
        if killed>=n: break
        folder = Path(f'{job}-{i}')
        folder.mkdir()
        moment = moments.pop() if moments else ()
        kills, resumes = kill_and_resume(job, folder, moment, 3 if n>16 else 1, seconds)
        assert content(folder)==expected, f'{folder}, killed {kills} times, ended otherwise'
        left = [path for path in folder.rglob('*') if path.suffix in ('.part', '.tmp')]
        assert not left, 'whoever ends clears up after who was killed'
        killed += kills
        resumed += resumes
    return dict(killed=killed, resumed=resumed, took=seconds, at=Path(f'{job}-log').read_text().splitlines())


results = {}
for job in jobs:
    name, _, n = job.partition('=')
    results[name] = kill_often(name, int(n))
print(json.dumps(results))
"""


def drive(where, seed, **jobs):
    counts = [f'{job}={n}' for job, n in jobs.items()]
    done = prepared.run('-c', DRIVER, where, seed, *counts, env=ENV)
    assert done.returncode==0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.fixture
def place(run, tmp_path):
    "A small table, and a model of it"
    rows = np.random.default_rng(0).normal(size=(300, 3))
    lines = ['a,b,c', *(','.join(f'{value:.4f}' for value in row) for row in rows)]
    (tmp_path/'t.csv').write_text('\n'.join(lines) + '\n')
    fit = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m.safetensors', '--method', 'pca', '--quiet']
    assert run(*fit)[0]==0
    return tmp_path


def test_killed_and_resumed(place):
    results = drive(place, 0, fit=16, score=4, report=2, bench=2)
    hit = {job:{*result['at']} for job, result in results.items()}
    def moments_of(name): return {f'{moment} {name}' for moment in ('begun', 'half', 'before', 'after')}
    assert moments_of('m.safetensors.part') | moments_of('m.safetensors')<=hit['fit'], hit
    assert len(results['fit']['at'])==12 and moments_of('s.csv')==hit['score'], hit
    assert results['report']['killed']>=2 and len(hit['bench'])==2, hit
    assert results['fit']['resumed']>=8, 'a checkpoint that was whole is there for the next'


@pytest.mark.slow
def test_killed_fifty_times(place):
    results = drive(place, 1, fit=50, score=50, report=50, bench=10)
    print(results)
    assert all(result['killed']>=10 for result in results.values())
    assert results['fit']['killed']>=50 and results['fit']['resumed']>=10
