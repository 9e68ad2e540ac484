"Many runs at once: on a cluster that loses a worker, after a kill, on another machine; and the command"
import json
import math
import os
import signal
import socket
import subprocess
import time
from collections import Counter
from dataclasses import replace
from statistics import mean

import prepared
import pytest
from prepared import Python
from project import ROOT

from ganad import data
from ganad.core import GanadError
from ganad.detector import detectors
from ganad.evidence.executor import as_run, estimate, run_all, stored, verify
from ganad.evidence.matrices import MATRICES
from ganad.evidence.run import Run, bench, execute, execute_alone, results, split_of

ENV = {**os.environ, 'OMP_NUM_THREADS':'1', 'PYTHONPATH':str(ROOT)}
posix = pytest.mark.skipif(os.name=='nt', reason='POSIX signals')


def on_digit(method, digit, **more): return Run(method, 'digits', data.OneClass(normal=digit), **more)


def bigan_runs(n=6, steps=60):
    return [on_digit('bigan', digit, fit=dict(steps=steps, bs=32)) for digit in range(n)]


def records_of(folder):
    "The run files of a folder, each of which can be read; nothing else lies there"
    paths = sorted(folder.iterdir())
    assert {path.suffix for path in paths}<={'.json'}, paths
    return {path.stem:json.loads(path.read_text(encoding='utf-8')) for path in paths}


@posix
def test_cluster_that_loses_a_worker_still_makes_every_run(tmp_path):
    "A real cluster of two worker processes, one of them killed in the middle"
    import dask
    from dask.distributed import LocalCluster
    runs = bigan_runs(8, 200)
    prepared.context()                                              # its server makes the workers
    forks = dask.config.set({'distributed.worker.multiprocessing-method':'forkserver'})
    settings = dict(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with forks, LocalCluster(**settings) as cluster:
        made = run_all(runs, 'm', tmp_path, cluster=cluster.scheduler_address)
        first = next(made)[0].name                                  # both workers are busy with the next two
        with cluster.get_client() as client:
            busy = [worker for worker, tasks in client.processing().items() if tasks]
            process_ids = client.run(os.getpid)
        os.kill(process_ids[busy[0]], signal.SIGKILL)
        rest = [run.name for run, _ in made]
    assert sorted([first, *rest])==sorted(run.name for run in runs)         # every run, and none twice
    records = records_of(tmp_path/'m')
    assert {record['status'] for record in records.values()}=={'ok'}
    assert len(set(process_ids.values()))==2
    for run in runs[:2]:                                            # it does not matter where it ran
        assert records[run.name]['metrics']==execute_alone(run)['metrics']


def workers_of(process):
    "Of a command that leads its process group: the others of that group that are alive"
    listed = subprocess.run(['ps', '-eo', 'pid,pgid,stat'], capture_output=True, text=True).stdout
    rows = [line.split() for line in listed.splitlines()[1:]]
    return [pid for pid, group, state in rows if group==str(process.pid)!=pid and 'Z' not in state]


# The workers of a command are new processes, each of which imports PyTorch; where no more is asked of them
# than what they make, they may be forks
WORKERS_ARE_FORKS = """
import warnings
from loky.backend.context import set_start_method
from ganad.cli import main
warnings.simplefilter('ignore')
set_start_method('fork')
main()
"""


@posix
@pytest.mark.parametrize('how', ['Ctrl-C', 'SIGTERM', 'SIGKILL'])
def test_workers_end_with_the_command(tmp_path, how):
    process = Python('-m', 'ganad.cli', 'bench', '--matrix', 'quick', '--jobs', 2, '--out', tmp_path, env=ENV)
    until = time.time()+120
    while not [*tmp_path.rglob('*.json')] and time.time()<until: time.sleep(.05)
    assert len(workers_of(process))>=2
    if how=='Ctrl-C': os.killpg(process.pid, signal.SIGINT)                 # a terminal sends it to all
    else: process.send_signal(signal.Signals[how])
    _, err = process.communicate(timeout=60)
    until = time.time()+20
    while workers_of(process) and time.time()<until: time.sleep(.1)
    assert not workers_of(process)
    if how!='SIGKILL':
        assert process.returncode==130 and err.count('\n')==1 and 'the same command goes on' in err
    assert {path.suffix for path in (tmp_path/'quick').iterdir()}=={'.json'}


@pytest.fixture
def scheduler():
    "Address and process of a Dask scheduler that can be killed"
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    command = ['-m', 'distributed.cli.dask_scheduler', '--no-dashboard']
    process = Python(*command, '--host', '127.0.0.1', '--port', port)
    yield f'tcp://127.0.0.1:{port}', process
    process.kill()
    process.wait()


@posix
def test_a_cluster_without_a_worker_and_one_without_a_scheduler_are_one_line(tmp_path, scheduler):
    address, process = scheduler
    runs = bigan_runs(8, 200)
    with pytest.raises(GanadError, match='has no worker'): next(run_all(runs, 'm', tmp_path, cluster=address))
    options = ['--no-dashboard', '--no-nanny', '--nthreads', '1']
    worker = Python('-m', 'distributed.cli.dask_worker', address, *options, env=ENV)
    try:
        made = run_all(runs, 'm', tmp_path, cluster=address)
        first = next(made)[0]
        process.kill()
        with pytest.raises(GanadError, match='is gone'): list(made)
    finally:
        worker.kill()
        worker.wait()
    assert first.name in records_of(tmp_path/'m')                           # no run is lost


def test_minutes_of_zero_begin_nothing(tmp_path):
    assert [*run_all(bigan_runs(1), 'm', tmp_path, minutes=0)]==[]


@pytest.mark.parametrize('wrong', ['--jobs 0', '--jobs -2', '--threads 0', '--threads 9999999', '--verify 0',
                                   '--max-minutes nan', '--max-minutes -1'])
def test_a_number_that_means_nothing_is_one_line(tmp_path, run, wrong):
    code, _, err = run('bench', '--matrix', 'quick', *wrong.split(), '--out', tmp_path)
    assert (code, err.count('\n'))==(2, 1) and wrong.split()[0] in err
    assert not [*tmp_path.iterdir()]


@posix
def test_killed_bench_loses_nothing_and_does_nothing_twice(tmp_path):
    command = ['bench', '--matrix', 'quick', '--jobs', '2', '--out', str(tmp_path)]
    folder = tmp_path/'quick'
    runs = MATRICES['quick']()
    process = Python('-m', 'ganad.cli', *command, env=ENV)
    until = time.time()+120
    while len([*folder.glob('*.json')])<3 and time.time()<until: time.sleep(.05)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    before = {path:path.stat().st_mtime_ns for path in folder.glob('*.json')}
    assert 3<=len(before)<len(runs)
    for path in before: json.loads(path.read_text())                        # none is half a file
    again = prepared.run('-c', WORKERS_ARE_FORKS, *command, env=ENV)
    assert again.returncode==0, again.stderr
    assert set(records_of(folder))=={run.name for run in runs}
    assert {path:path.stat().st_mtime_ns for path in before}==before
    assert again.stdout.count('  AUROC ')==len(runs)-len(before)
    assert f'{len(before):>3} of {len(runs):>3} runs there' in again.stdout


def test_a_failure_is_recorded_and_tried_again(tmp_path):
    hopeless = on_digit('gan', 1, settings=dict(lr=1e30), fit=dict(epochs=20))
    (_, record), = run_all([hopeless], 'm', tmp_path)
    assert record['status']=='failed' and 'NonFinite' in record['error']
    assert results('m', root=tmp_path)==stored(tmp_path)==[]
    assert len([*run_all([hopeless], 'm', tmp_path)])==1            # there is no good file: it is tried again


def test_a_wrong_question_stops_everything(tmp_path):
    with pytest.raises(GanadError, match="no data set 'digitz'"):
        list(run_all([Run('pca', 'digitz', data.OneClass(1))], 'm', tmp_path))
    assert not (tmp_path/'m').exists()


def test_time_over_begins_nothing(tmp_path, run):
    brief = '--max-minutes', '0.000001'
    code, out, err = run('bench', '--matrix', 'quick', *brief, '--jobs', '1', '--out', tmp_path)
    assert code==0 and 'AUROC' not in out
    assert f"{len(MATRICES['quick']())} runs are left; the same command goes on" in err


def test_dry_run_says_what_and_how_long(tmp_path, run):
    code, out, _ = run('bench', '--matrix', 'quick', '--dry-run', '--out', tmp_path)
    assert code==0 and 'no estimate' in out and not (tmp_path/'quick').exists()
    known = [on_digit('pca', 8), on_digit('bigan', 8, fit=dict(steps=20, bs=32))]
    bench(known, 'some', tmp_path, progress=False)
    code, out, _ = run('bench', '--matrix', 'quick', '--dry-run', '--jobs', '2', '--out', tmp_path)
    assert 'on 2 processes' in out
    assert all(planned.name in out for planned in MATRICES['quick']())


def test_list_names_every_matrix(tmp_path, run):
    code, out, _ = run('bench', '--list', '--out', tmp_path)
    asked = 'kdd99 arrhythmia fashion-oneclass mnist-egbad cifar-bird imbalance latent speed quick'.split()
    assert code==0 and all(f'\n{matrix} ' in '\n'+out for matrix in asked)


def test_verify_finds_a_forged_file(tmp_path, run):
    pca = on_digit('pca', 8)
    bench([pca], 'm', tmp_path, progress=False)
    assert run('bench', '--verify', '1', '--out', tmp_path)[0]==0
    path = tmp_path/'m'/f'{pca.name}.json'
    record = json.loads(path.read_text())
    record['metrics']['auroc'] += .001
    path.write_text(json.dumps(record))
    code, out, _ = run('bench', '--verify', '1', '--out', tmp_path)
    assert code==1 and 'different' in out and 'by 0.001' in out
    assert run('bench', '--verify', '1', '--out', tmp_path/'nothing')[0]==1        # nothing was verified


def test_verify_promises_nothing_of_another_processor(tmp_path, run):
    pca = on_digit('pca', 8)
    record, = bench([pca], 'm', tmp_path, progress=False)
    record['metrics']['auroc'] += .001
    for processor in ('abacus (BEADS)', None):                      # None: a record from before it was noted
        foreign = {**record, 'processor':processor}
        if processor is None: del foreign['processor']
        (tmp_path/'m'/f'{pca.name}.json').write_text(json.dumps(foreign))
        code, out, _ = run('bench', '--verify', '1', '--out', tmp_path)
        assert code==0 and '1 other machine' in out and 'by 0.001' in out
        assert f"made with processor {processor or 'unknown'}" in out
        assert verify(foreign)['difference']==pytest.approx(.001)


def stored_digits(methods, digits):
    return [record for record in stored(ROOT/'results', 'digits')
            if record['method'] in methods and record['protocol']['normal'] in digits]


def test_stored_runs_of_classical_detectors_can_be_had_again_on_any_machine():
    "Two digits, which need no data: nothing is trained, so no last bit is amplified"
    classical = {name for name, method in detectors().items() if method.once}
    records = stored_digits(classical, (3, 8))
    assert {record['method'] for record in records}==classical
    for found in map(verify, records):
        assert found['verdict']=='equal', found
        assert found['difference']<1e-6, found


def test_stored_run_of_a_gan_can_be_had_again_in_kind():
    "Its exact numbers belong to one kind of processor; that it learns, seed after seed, does not"
    record, = stored_digits(['alice'], [3])
    assert record['metrics']['auroc']>.95
    brief = replace(as_run(record), fit=dict(record['fit'], steps=300))
    again = [execute_alone(replace(brief, seed=seed)) for seed in range(3)]
    for made in again:
        assert all(math.isfinite(value) for value in made['metrics'].values())
        assert made['rows']==record['rows'] and made['data_sha256']==record['data_sha256']
    assert mean(made['metrics']['auroc'] for made in again)>.75          # chance is .5
    assert len({made['metrics']['auroc'] for made in again})==3     # three trainings, not one three times


def test_a_gan_run_made_here_can_be_had_again_bit_for_bit(tmp_path):
    "The record says which processor made it; on that one, the same versions give the same numbers"
    record, = bench([on_digit('bigan', 3, fit=dict(steps=40, bs=32))], 'm', tmp_path, progress=False)
    found = verify(record)
    assert (found['verdict'], found['difference'])==('equal', 0)


def test_estimate_grows_with_steps(tmp_path):
    records = bench([on_digit('bigan', 1, fit=dict(steps=40, bs=32))], 'm', tmp_path, progress=False)
    long, = bigan_runs(1, 4000)
    short, = bigan_runs(1, 40)
    assert estimate(long, records)>10*estimate(short, records)
    assert estimate(Run('bigan', 'kdd99', data.KDD99()), records) is None


GRADUAL = [name for name, method in detectors().items() if not method.once and not method.labelled]


@pytest.mark.parametrize('name', GRADUAL)
def test_a_run_takes_the_steps_that_it_says(name, monkeypatch):
    "Of every method that is trained in steps, rivals too: nobody gets fewer"
    taken = []
    def counted(model, x):
        taken.append(len(x))
        return {}
    monkeypatch.setattr(detectors()[name], 'step', counted)
    run = Run(name, 'digits', data.OneClass(8, n_test=40), fit=dict(steps=30, bs=32))
    execute(run, progress=False)
    split = split_of(run)
    a_pass = math.ceil(len(split.train)/32)
    assert len(taken)==a_pass*round(30/a_pass)
    assert sum(taken)==len(split.train)*round(30/a_pass)


def test_stored_runs_took_the_steps_that_they_say():
    "Whatever is trained in steps, rivals as well"
    of_method = Counter()
    for record in stored(ROOT/'results'):
        asked, method = record['fit'], detectors()[record['method']]
        if method.once or 'steps' not in record: continue
        a_pass = math.ceil(record['rows']['train']/asked.get('bs', 64))
        epochs = asked.get('epochs') or max(1, round(asked['steps']/a_pass))
        assert record['steps']==epochs*a_pass, record['label']
        of_method[method] += 1
    assert all(of_method[detectors()[name]] for name in ('autoencoder', 'geotrans', 'classifier', 'ganomaly'))
