"Many rows: the recipes of the page, for each engine that is installed; parts on a cluster, and kills"
import importlib.util
import json
import os
import pickle
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import prepared
import pytest
from prepared import Python
from project import NBS, ROOT, sources
from pumps import is_mistake, pump

from ganad.core import DataError
from ganad.estimator import KNNDetector, load
from ganad._files.many_rows import is_in_parts, parts_of

ENV = {**os.environ, 'OMP_NUM_THREADS':'1', 'PYTHONPATH':str(ROOT), 'PYSPARK_PYTHON':sys.executable}
PAGE = NBS/'files/25_many_rows.ipynb'


def rows_of_pumps(n, seed): return pump(n, seed).drop(columns='bad').rename(columns={'no':'id'})


@pytest.fixture(scope='module')
def place(tmp_path_factory):
    "A folder with parts of pumps and a model of others"
    folder = tmp_path_factory.mktemp('many')
    (folder/'parts').mkdir()
    for i in range(6):
        rows = rows_of_pumps(400, i+1)
        rows['id'] = f'{i}-' + rows.id
        rows.to_parquet(folder/f'parts/part-{i}.parquet')
    est = KNNDetector(false_alarms=.05, random_state=0).fit(rows_of_pumps(500, 0).drop(columns='id'))
    est.save(folder/'m.safetensors')
    return folder


def expected(place, parts):
    "id → score, in this process"
    rows = pd.read_parquet(parts).set_index('id')
    est = load(place/'m.safetensors')
    return pd.Series(est.anomaly_score(rows[est.feature_names_in_]), rows.index)


# The recipes

BEFORE = {'ray':'import ray\nray.init(num_cpus=2, include_dashboard=False)\n'}       # starts sooner without
ENGINES = {'dask.dataframe':'import dask.dataframe', 'pyspark':'from pyspark', 'ray':'import ray'}


def recipe(engine):
    "The code of the page that loads the engine, and no other: a block of a text, or the cells of Dask"
    pattern = re.compile(r'^```python\n(.*?)^```$', re.M | re.S)
    blocks = [block for text in sources(PAGE) for block in pattern.findall(text)]
    cells = [cell for cell in sources(PAGE, 'code') if 'dd.read_parquet' in cell]
    imports = 'import dask.dataframe as dd\nfrom ganad.estimator import load\n'
    blocks += [imports + cell.replace("folder/'by-dask'", 'out') for cell in cells]
    found, = (block for block in blocks if ENGINES[engine] in block)
    return found


def is_installed(engine):
    is_there = importlib.util.find_spec(engine.partition('.')[0]) is not None
    return is_there and (engine!='pyspark' or shutil.which('java') is not None)


@pytest.mark.parametrize('engine', ENGINES)
def test_a_recipe_gives_the_scores_of_one_process(place, tmp_path, engine):
    "As it stands on the page, in a process of its own; no row is lost or doubled, and none has another score"
    if not is_installed(engine): pytest.skip(f'{engine} is not installed')
    names = f'parts, model, out = {[str(place/"parts"), str(place/"m.safetensors"), str(tmp_path/"out")]!r}\n'
    code = tmp_path/'recipe.py'
    code.write_text(names + BEFORE.get(engine, '') + recipe(engine), encoding='utf-8')
    command = [sys.executable, str(code)]                            # Spark and Ray start more of it
    done = subprocess.run(command, cwd=tmp_path, env=ENV, capture_output=True, text=True, timeout=500)
    assert done.returncode==0, done.stderr[-2000:]
    found = pd.read_parquet(tmp_path/'out').set_index('id')
    rows = pd.read_parquet(place/'parts').set_index('id')
    assert sorted(found.index)==sorted(rows.index)
    assert np.abs(found.score - expected(place, place/'parts')[found.index]).max()==0
    assert found.loc[rows.index, 'speed'].equals(rows.speed)            # a score stands beside its own row


# ganad score of a folder

@pytest.fixture
def parts(place, tmp_path):
    "A copy of the parts"
    return shutil.copytree(place/'parts', tmp_path/'parts')


def command(place, parts, out, *more):
    return ['score', parts, '--model', place/'m.safetensors', '--out', out, *more]


def read_scores(out):
    "All that was written, in one table; each part has its record, and nothing else lies there"
    files = sorted(path for path in Path(out).rglob('*') if path.is_file())
    assert {path.suffix for path in files}<={'.csv', '.json'}, files
    written = [path.relative_to(out) for path in files if path.suffix=='.csv']
    kept = [path.relative_to(Path(out)/'_parts') for path in files if path.suffix=='.json']
    assert [path.with_suffix('') for path in written]==[path.with_suffix('') for path in kept]
    return pd.concat([pd.read_csv(Path(out)/path) for path in written]).set_index('id')


def check_scores(place, parts, out):
    found = read_scores(out)
    wanted = expected(place, parts)
    assert sorted(found.index)==sorted(wanted.index)
    np.testing.assert_allclose(found.score, wanted[found.index], rtol=1e-7)     # to the digits written
    assert (found.flag==(found.score>load(place/'m.safetensors').threshold_)).all()


def times_of(out): return {path:path.stat().st_mtime_ns for path in Path(out).rglob('*') if path.is_file()}


def test_each_part_is_scored_as_a_file_by_itself(run, place, parts, tmp_path):
    out = tmp_path/'scores'
    code, printed, _ = run(*command(place, parts, out))
    assert code==0 and 'rows in 6 parts score above' in printed and 'before' not in printed
    check_scores(place, parts, out)
    one = tmp_path/'one.csv'
    assert run(*command(place, parts/'part-3.parquet', one))[0]==0
    assert (out/'part-3.csv').read_bytes()==one.read_bytes()


def test_what_is_done_is_not_done_again_and_what_was_changed_is(run, place, parts, tmp_path):
    out = tmp_path/'scores'
    assert run(*command(place, parts, out))[0]==0
    before = times_of(out)
    code, printed, _ = run(*command(place, parts, out))
    assert code==0 and '6 parts scored before, and not again' in printed and times_of(out)==before
    pd.read_parquet(parts/'part-2.parquet')[:50].to_parquet(parts/'part-2.parquet')
    (out/'part-4.csv').unlink()
    (out/'_parts/part-5.json').write_text('{"asked"')                           # half a record is none
    code, printed, _ = run(*command(place, parts, out))
    assert code==0 and '3 parts scored before' in printed
    check_scores(place, parts, out)
    after = times_of(out)
    assert {path.stem for path in before if after[path]!=before[path]}=={'part-2', 'part-4', 'part-5'}


@pytest.mark.parametrize('more', [['--threshold', '3'], ['--prefix', 'new_']])
def test_other_scores_do_not_get_among_them(run, place, parts, tmp_path, more):
    out = tmp_path/'scores'
    assert run(*command(place, parts, out))[0]==0
    before = times_of(out)
    result = run(*command(place, parts, out, *more))
    assert is_mistake(result) and f'another {more[0][2:]}' in result[2] and times_of(out)==before


def test_another_model_is_another_folder(run, place, parts, tmp_path):
    out = tmp_path/'scores'
    assert run(*command(place, parts, out))[0]==0
    other = KNNDetector(k=3, false_alarms=.05).fit(rows_of_pumps(300, 9).drop(columns='id'))
    other.save(tmp_path/'m.safetensors')
    result = run(*command(tmp_path, parts, out))
    assert is_mistake(result) and 'scores with another model' in result[2]


def test_a_part_that_cannot_be_scored_keeps_no_other_from_it(run, place, parts, tmp_path):
    out = tmp_path/'scores'
    whole = (parts/'part-1.parquet').read_bytes()
    (parts/'part-1.parquet').write_bytes(whole[:500])
    pd.read_parquet(parts/'part-4.parquet').drop(columns='speed').to_parquet(parts/'part-4.parquet')
    result = run(*command(place, parts, out))
    assert is_mistake(result) and '2 of 6 parts could not be scored; the others are' in result[2]
    assert 'part-1.parquet' in result[2] and len(read_scores(out))==4*400
    (parts/'part-1.parquet').write_bytes(whole)
    (parts/'part-4.parquet').unlink()
    code, printed, _ = run(*command(place, parts, out))
    assert code==0 and '4 parts scored before' in printed
    check_scores(place, parts, out)


def test_what_does_not_fit_is_said_before_anything_is_scored(run, place, parts, tmp_path):
    out = tmp_path/'scores'
    mistakes = {'give --out FOLDER': ['--out', '-'], 'name a folder': ['--out', tmp_path/'s.csv'],
                'written over': ['--out', parts], 'not compared with labels': ['--label', 'mode'],
                'no text file': ['--sep', ';'], 'is no threshold': ['--threshold', 'nan'],
                'a table, for which --strict does nothing': ['--strict']}
    for text, more in mistakes.items():
        result = run(*command(place, parts, out, *more))
        assert is_mistake(result) and text in result[2], result[2]
    result = run(*command(place, parts/'part-0.parquet', out, '--cluster', 'tcp://127.0.0.1:9'))
    assert is_mistake(result) and 'no folder of Parquet files' in result[2]
    result = run(*command(place, parts, out, '--cluster', 'tcp://127.0.0.1:9'))
    assert is_mistake(result) and 'no Dask scheduler answers' in result[2]
    (parts/'part-0.parquet').write_bytes((parts/'part-0.parquet').read_bytes()[:100])
    result = run(*command(place, parts, out))
    assert is_mistake(result) and 'part-0.parquet' in result[2]
    assert not [*out.rglob('*.csv')]


def test_folders_in_folders_empty_parts_and_what_engines_leave(run, place, parts, tmp_path):
    inner = parts/'day=1'
    inner.mkdir()
    (parts/'part-1.parquet').rename(inner/'part-1.parquet')
    pd.read_parquet(parts/'part-0.parquet')[:0].to_parquet(parts/'part-00.parquet')         # no rows
    for name in ('_SUCCESS', '_temporary.parquet', '.part-9.parquet'): (parts/name).write_bytes(b'')
    assert len(parts_of(parts))==7
    out = tmp_path/'scores'
    code, printed, _ = run(*command(place, parts, out, '--json'))
    done = json.loads(printed)
    assert code==0 and (done['parts'], done['rows'])==(7, 6*400)
    assert (out/'day=1/part-1.csv').exists() and not (out/'part-00.csv').exists()
    assert json.loads(run(*command(place, parts, out, '--json'))[1])['done_before']==7
    for path in parts_of(parts):
        if path.name!='part-00.parquet': path.unlink()
    assert is_mistake(run(*command(place, parts, tmp_path/'other')))


def test_a_folder_of_pictures_with_a_table_in_it_is_one_of_pictures(tmp_path):
    pd.DataFrame(dict(a=[1])).to_parquet(tmp_path/'t.parquet')
    assert is_in_parts(tmp_path)
    (tmp_path/'good').mkdir()
    (tmp_path/'good/a.png').touch()
    assert not is_in_parts(tmp_path)


def test_an_error_comes_back_whole_from_another_process():
    error = DataError('a value is not finite', 'drop such rows', file='a.parquet', line=3, column='x')
    assert str(pickle.loads(pickle.dumps(error)))==str(error)


def large_parts(place, folder, n=8, rows=30_000):
    "Parts that take a second or so each"
    folder.mkdir()
    for i in range(n):
        table = rows_of_pumps(rows, 100+i)
        table['id'] = f'{i}-' + table.id
        table.to_parquet(folder/f'part-{i}.parquet')
    return folder


def wait_for_records(out, n, process):
    until = time.time()+180
    def is_early(): return len([*out.glob('_parts/*.json')])<n and process.poll() is None
    while is_early() and time.time()<until: time.sleep(.02)
    assert process.poll() is None, 'it ended before anything was killed'


@pytest.mark.skipif(os.name=='nt', reason='POSIX signals')
def test_a_worker_killed_in_the_middle_loses_nothing_and_repeats_nothing(run, place, tmp_path):
    "A real cluster of two worker processes, one of them killed while it works"
    import dask
    from dask.distributed import LocalCluster
    parts = large_parts(place, tmp_path/'parts')
    out = tmp_path/'scores'
    prepared.context()                                              # its server makes the workers
    forks = dask.config.set({'distributed.worker.multiprocessing-method':'forkserver'})
    settings = dict(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None)
    with forks, LocalCluster(**settings) as cluster:
        argv = command(place, parts, out, '--cluster', cluster.scheduler_address)
        process = Python('-m', 'ganad.cli', *argv, env=ENV)
        with cluster.get_client() as client:
            process_ids = client.run(os.getpid)
            wait_for_records(out, 2, process)
            busy = [worker for worker, tasks in client.processing().items() if tasks]
            before = times_of(out/'_parts')
            os.kill(process_ids[busy[0]], signal.SIGKILL)
        printed, err = process.communicate(timeout=300)
        assert process.returncode==0, err
        assert '240,000 rows in 8 parts' in printed
        after = times_of(out)
        assert 2<=len(before)<8 and {path:after[path] for path in before}==before
        check_scores(place, parts, out)                             # and no half file is left
        code, printed, _ = run(*argv)
        assert code==0 and '8 parts scored before, and not again' in printed and times_of(out)==after


@pytest.mark.skipif(os.name=='nt', reason='POSIX signals')
def test_a_killed_command_goes_on(run, place, tmp_path):
    parts = large_parts(place, tmp_path/'parts', 5)
    out = tmp_path/'scores'
    process = Python('-m', 'ganad.cli', *command(place, parts, out), env=ENV)
    wait_for_records(out, 2, process)
    process.kill()
    process.wait()
    before = times_of(out/'_parts')
    assert 2<=len(before)<5
    code, printed, _ = run(*command(place, parts, out))
    assert code==0 and f'{len(before)} parts scored before' in printed
    assert {path:times_of(out)[path] for path in before}==before
    check_scores(place, parts, out)
