"Many runs at once: on a cluster that loses a worker, after a kill, on a second machine; and the command that does it"
import json, os, signal, subprocess, sys, time
from pathlib import Path
import pytest
from ganad import data
from ganad.evidence.run import MATRICES, Run, bench, results
from ganad.core import GanadError
from ganad.evidence.executor import alone, as_run, estimate, spread, stored, verify

ROOT = Path(__file__).resolve().parent.parent
ENV = {**os.environ, 'OMP_NUM_THREADS':'1', 'PYTHONPATH':str(ROOT)}
posix = pytest.mark.skipif(os.name=='nt', reason='POSIX signals')

def digit(method, c, **kw): return Run(method, 'digits', data.OneClass(normal=c), **kw)

def some(n=6, steps=60): return [digit('bigan', c, fit=dict(steps=steps, bs=32)) for c in range(n)]

def whole(folder):
    "The run files of a folder, each of which can be read; nothing else lies there"
    paths = sorted(folder.iterdir())
    assert {p.suffix for p in paths}<={'.json'}, paths
    return {p.stem:json.loads(p.read_text(encoding='utf-8')) for p in paths}

@posix
def test_cluster_that_loses_a_worker_still_makes_every_run(tmp_path):
    "A real cluster of two worker processes, one of them killed in the middle"
    from dask.distributed import LocalCluster
    runs = some(8, 200)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        made = spread(runs, 'm', tmp_path, cluster=cluster.scheduler_address)
        first = next(made)[0].name                                          # both workers are busy with the next two
        with cluster.get_client() as c: busy = [w for w,tasks in c.processing().items() if tasks]; pids = c.run(os.getpid)
        os.kill(pids[busy[0]], signal.SIGKILL)
        rest = [r.name for r,_ in made]
    assert sorted([first, *rest])==sorted(r.name for r in runs)              # every run, and none twice
    recs = whole(tmp_path/'m')
    assert {r['status'] for r in recs.values()}=={'ok'} and len({*pids.values()})==2
    for r in runs[:2]: assert recs[r.name]['metrics']==alone(r)['metrics']   # it does not matter where it ran

@posix
def test_killed_bench_loses_nothing_and_does_nothing_twice(tmp_path):
    cmd = [sys.executable, '-m', 'ganad.cli', 'bench', '--matrix', 'quick', '--jobs', '2', '--out', str(tmp_path)]
    folder,runs = tmp_path/'quick',MATRICES['quick']()
    p = subprocess.Popen(cmd, env=ENV, start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until = time.time()+120
    while len([*folder.glob('*.json')])<3 and time.time()<until: time.sleep(.05)
    os.killpg(p.pid, signal.SIGKILL); p.wait()
    before = {f:f.stat().st_mtime_ns for f in folder.glob('*.json')}
    assert 3<=len(before)<len(runs)
    for f in before: json.loads(f.read_text())                              # none is half a file
    again = subprocess.run(cmd, env=ENV, capture_output=True, text=True, timeout=240)
    assert again.returncode==0, again.stderr
    assert set(whole(folder))=={r.name for r in runs}
    assert {f:f.stat().st_mtime_ns for f in before}==before and again.stdout.count('  AUROC ')==len(runs)-len(before)
    assert f'{len(before):>3} of {len(runs):>3} runs there' in again.stdout

def test_a_failure_is_recorded_and_tried_again(tmp_path):
    bad = digit('gan', 1, settings=dict(lr=1e30), fit=dict(epochs=20))
    (run,rec),= spread([bad], 'm', tmp_path)
    assert rec['status']=='failed' and 'NonFinite' in rec['error'] and results('m', root=tmp_path)==stored(tmp_path)==[]
    assert len([*spread([bad], 'm', tmp_path)])==1                          # there is no good file, so it is tried again

def test_a_wrong_question_stops_everything(tmp_path):
    with pytest.raises(GanadError, match="no data set 'digitz'"): [*spread([Run('pca', 'digitz', data.OneClass(1))], 'm', tmp_path)]
    assert not (tmp_path/'m').exists()

def test_time_over_begins_nothing(tmp_path, run):
    code,out,err = run('bench', '--matrix', 'quick', '--max-minutes', '0.000001', '--jobs', '1', '--out', tmp_path)
    assert code==0 and 'AUROC' not in out and f"{len(MATRICES['quick']())} runs are left; the same command goes on" in err

def test_dry_run_says_what_and_how_long(tmp_path, run):
    code,out,_ = run('bench', '--matrix', 'quick', '--dry-run', '--out', tmp_path)
    assert code==0 and 'no estimate' in out and not (tmp_path/'quick').exists()
    bench([digit('pca', 8), digit('bigan', 8, fit=dict(steps=20, bs=32))], 'some', tmp_path, progress=False)
    code,out,_ = run('bench', '--matrix', 'quick', '--dry-run', '--jobs', '2', '--out', tmp_path)
    assert 'on 2 processes' in out and all(r.name in out for r in MATRICES['quick']())

def test_list_names_every_matrix(tmp_path, run):
    code,out,_ = run('bench', '--list', '--out', tmp_path)
    asked = 'kdd99 arrhythmia fashion-oneclass mnist-egbad cifar-bird imbalance latent speed quick'.split()
    assert code==0 and all(f'\n{m} ' in '\n'+out for m in asked)

def test_verify_finds_a_forged_file(tmp_path, run):
    r = digit('pca', 8)
    bench([r], 'm', tmp_path, progress=False)
    assert run('bench', '--verify', '1', '--out', tmp_path)[0]==0
    path = tmp_path/'m'/f'{r.name}.json'; rec = json.loads(path.read_text())
    rec['metrics']['auroc'] += .001; path.write_text(json.dumps(rec))
    code,out,_ = run('bench', '--verify', '1', '--out', tmp_path)
    assert code==1 and 'different' in out and 'by 0.001' in out
    assert run('bench', '--verify', '1', '--out', tmp_path/'nothing')[0]==1                # nothing was verified

def test_stored_runs_of_the_course_can_be_had_again():
    "Two runs of the digits, which need no data: equal where the versions are, near where they are not"
    recs = [r for r in stored(ROOT/'results', 'digits') if r['method'] in ('pca','bigan') and r['protocol']['normal']==3]
    for v in map(verify, recs):
        assert v['verdict']!='different', v
        assert v['apart']<.15, v

def test_every_stored_run_tells_what_it_was():
    for r in stored(ROOT/'results'):
        if r['data']!='digits': continue
        back = as_run(r).to_dict()
        assert {k:r[k] for k in back}==back

def test_results_are_small_and_whole():
    files = [p for p in (ROOT/'results').rglob('*') if p.is_file()]
    assert sum(p.stat().st_size for p in files)<5e6
    assert {p.suffix for p in files}<={'.json','.csv'} and all(json.loads(p.read_text()).get('status', 'ok')=='ok' for p in files if p.suffix=='.json')

def test_estimate_grows_with_steps(tmp_path):
    recs = bench([digit('bigan', 1, fit=dict(steps=40, bs=32))], 'm', tmp_path, progress=False)
    assert estimate(some(1, 4000)[0], recs)>10*estimate(some(1, 40)[0], recs)
    assert estimate(Run('bigan', 'kdd99', data.KDD99()), recs) is None
