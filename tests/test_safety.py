"Nothing is written, removed, waited for or shown that nobody asked for"
import errno
import io
import json
import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import prepared
import pytest
import torch
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from project import ROOT
from safetensors import SafetensorError

from ganad import data
from ganad.cli import main
from ganad.core import DataError, GanadError, atomic, write_json
from ganad.detector import write_tensors
from ganad.evidence.executor import as_run, estimate, stored
from ganad.evidence.run import Run, execute_alone, results
from ganad.evidence.tables import markdown, table
from ganad._files.pictures import in_folder

posix = pytest.mark.skipif(os.name=='nt', reason='rights, links and locks are those of POSIX')


# Where files are written

@posix
@pytest.mark.parametrize('rights', [0o600, 0o640, 0o664, 0o666])
def test_a_file_keeps_its_rights(tmp_path, rights):
    path = tmp_path/'a.json'
    path.write_text('{}')
    path.chmod(rights)
    with atomic(path) as temporary:
        assert not stat.S_IMODE(temporary.stat().st_mode) & ~rights, 'never open to more people'
        temporary.write_text('{"a": 1}')
    assert (stat.S_IMODE(path.stat().st_mode), path.read_text())==(rights, '{"a": 1}')


@posix
def test_a_model_has_the_rights_of_new_files(tmp_path):
    "safetensors makes its own files, for nobody but their owner"
    (tmp_path/'usual').write_text('')
    write_tensors(tmp_path/'ours', {}, dict(w=torch.zeros(3)))
    assert (tmp_path/'ours').stat().st_mode==(tmp_path/'usual').stat().st_mode


def test_a_new_file_has_the_rights_of_new_files_and_no_other_thread_notices(tmp_path, monkeypatch):
    monkeypatch.setattr(os, 'umask', None)                           # whoever calls it fails
    (tmp_path/'usual').write_text('')
    write_json(tmp_path/'ours', {})
    assert (tmp_path/'ours').stat().st_mode==(tmp_path/'usual').stat().st_mode


@posix
@pytest.mark.parametrize('there', [True, False])
def test_a_link_stays_and_what_it_leads_to_is_written(tmp_path, there):
    (tmp_path/'elsewhere').mkdir()
    target, link = tmp_path/'elsewhere/a.json', tmp_path/'a.json'
    if there: target.write_text('{}')
    link.symlink_to(target)
    write_json(link, dict(a=1))
    assert link.is_symlink() and json.loads(target.read_text())==dict(a=1)
    assert {*tmp_path.iterdir()}=={target.parent, link} and [*target.parent.iterdir()]==[target]


@posix
def test_a_link_to_itself_is_one_line(tmp_path):
    link = tmp_path/'a.json'
    link.symlink_to(link)
    with pytest.raises(DataError) as error: write_json(link, {})
    assert error.value.file==link and link.is_symlink()


def test_what_a_killed_process_left_is_removed_and_nothing_else(tmp_path):
    mine = ['a.json', '.a.json.tmp', '.a.json.backup-1.tmp', '.b.json.deadbeef.tmp', 'a.json.deadbeef.tmp']
    for name in mine: (tmp_path/name).write_text('')
    (tmp_path/'.a.json.deadbee2.tmp').mkdir()
    for name in ('.a.json.deadbeef.tmp', '.a.json.k2_x9abc.tmp'): (tmp_path/name).write_text('half')
    write_json(tmp_path/'a.json', {})
    assert {path.name for path in tmp_path.iterdir()}=={*mine, '.a.json.deadbee2.tmp'}


@posix
def test_what_another_process_is_writing_stays(tmp_path):
    with atomic(tmp_path/'a.json') as theirs:
        pid = os.fork()
        if not pid:
            write_json(tmp_path/'a.json', dict(by='me'))
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])==0 and theirs.exists()
        theirs.write_text('{"by": "them"}')
    assert json.loads((tmp_path/'a.json').read_text())==dict(by='them')
    assert len([*tmp_path.iterdir()])==1


# What somebody else's results say

@pytest.fixture(scope='module')
def record():
    "Of a run of PCA, which takes no time"
    return execute_alone(Run('pca', 'digits', data.OneClass(normal=8)))


def shared(folder, content):
    "A folder of results that holds one file"
    path = folder/'m/pca.json'
    path.parent.mkdir(parents=True)
    path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
    return path


def test_verifying_results_writes_to_no_path_that_they_name(run, tmp_path, record):
    named = tmp_path/'elsewhere/x'
    path = shared(tmp_path, record | dict(method='gan', fit=dict(epochs=1, checkpoint=str(named))))
    code, _, err = run('bench', '--verify', '1', '--out', tmp_path)
    assert (code, err.count('\n'))==(2, 1) and str(path) in err
    assert not named.parent.exists() and [*tmp_path.rglob('*.json')]==[path]


BROKEN = {'torn':b'{"status": "ok"', 'empty':b'', 'no text':b'\xff\xfe\0', 'a list':b'[]', 'deep':b'['*99_999,
          'another status':dict(status='fine'), 'nothing but a status':dict(status='ok')}


@pytest.mark.parametrize('content', BROKEN.values(), ids=[*BROKEN])
@pytest.mark.parametrize('how', ['--list', '--verify 1', '--matrix quick --dry-run'])
def test_results_that_no_run_has_written_are_one_line(run, tmp_path, content, how):
    path = shared(tmp_path, content)
    code, _, err = run('bench', *how.split(), '--out', tmp_path)
    assert (code, err.count('\n'))==(2, 1) and str(path) in err


def test_a_folder_with_the_name_of_a_run_is_one_line(run, tmp_path):
    (tmp_path/'m/pca.json').mkdir(parents=True)
    code, _, err = run('bench', '--list', '--out', tmp_path)
    assert (code, err.count('\n'))==(2, 1)


TEXT = st.text(max_size=5)


def nested(inner): return st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3)


JUNK = st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | TEXT, nested)


@settings(max_examples=150, deadline=None, suppress_health_check=[*HealthCheck])
@given(draw=st.data())
def test_whatever_stands_in_a_field_is_right_or_one_line(tmp_path_factory, record, draw):
    inside = [f'{part} {name}' for part in ('protocol', 'metrics', 'seconds', 'fit')
              for name in {'steps':0, **record[part]}]
    part, _, name = draw.draw(st.sampled_from([*record, *inside])).partition(' ')
    junk = draw.draw(JUNK)
    changed = record | {part:record[part] | {name:junk} if name else junk}
    folder = tmp_path_factory.mktemp('shared')
    shared(folder, changed)
    try:
        records = stored(folder)
        estimate(Run('pca', 'digits', data.OneClass(1), fit=dict(steps=3)), records)
        if records: markdown(table(results('m', root=folder)))
        for stranger in records: as_run(stranger)
    except GanadError as error: assert '\n' not in str(error)


# What is removed

def torn_mnist(folder):
    paths = [folder/f'MNIST/raw/{part}-{kind}-ubyte' for part in ('train', 't10k')
             for kind in ('images-idx3', 'labels-idx1')]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'torn')
    return paths


@posix
@pytest.mark.parametrize('command', ['fit loop --save m', 'fit t.csv --save loop', 'score loop --model m',
                                     'score t.csv --model loop', 'score t.csv --model m --out loop',
                                     'info loop', 'report loop --model m --out r.html',
                                     'report t.csv --model m --out loop',
                                     'report t.csv --model loop --out r.html'])
def test_a_link_to_itself_is_one_line_from_every_command(run, tmp_path, monkeypatch, command):
    monkeypatch.chdir(tmp_path)
    Path('loop').symlink_to('loop')
    Path('t.csv').write_text('a,b\n' + ''.join(f'{i},{i%7}\n' for i in range(60)))
    assert run('fit', 't.csv', '--save', 'm', '--method', 'pca')[0]==0
    code, _, err = run(*command.split())
    assert code==2 and err.count('\n')==1 and 'loop' in err, err
    assert Path('loop').is_symlink()


@posix
def test_a_picture_that_is_a_link_to_itself_is_left_out(tmp_path):
    (tmp_path/'loop.png').symlink_to(tmp_path/'loop.png')
    assert in_folder(tmp_path)==([], [('loop.png', 'no file')])


@pytest.mark.parametrize('yours', ['cache/../mine', 'cache/mine', 'cache/link/mine'])
def test_data_of_yours_are_never_removed(tmp_path, monkeypatch, yours):
    (tmp_path/'cache').mkdir()
    (tmp_path/'far').mkdir()
    if os.name!='nt': (tmp_path/'cache/link').symlink_to(tmp_path/'far')
    monkeypatch.setenv('GANAD_CACHE', str(tmp_path/'cache'))
    monkeypatch.setenv('GANAD_DATA', str(tmp_path/yours))
    monkeypatch.setattr('torchvision.datasets.MNIST.download', lambda self: pytest.fail('nothing is fetched'))
    paths = torn_mnist(tmp_path/yours)
    with pytest.raises(DataError) as error: data.load('mnist')
    assert str(error.value.file) in map(str, paths)
    assert all(path.read_bytes()==b'torn' for path in paths)


# How a command stops

ENV = {**os.environ, 'OMP_NUM_THREADS':'1', 'PYTHONPATH':str(ROOT)}
INTERRUPTED = """
import os, signal, sys
_, module, how, *sys.argv[1:] = sys.argv
class Interrupt:
    def find_spec(self, name, *_):
        if name==module: os.kill(os.getpid(), getattr(signal, how))
sys.meta_path.insert(0, Interrupt())
signal.signal(signal.SIGINT, signal.default_int_handler)
from ganad.cli import main
main()
"""


@posix
@pytest.mark.parametrize('how', ['SIGINT', 'SIGTERM'])
@pytest.mark.parametrize('module', ['torch', 'sklearn', 'ganad._files.commands'])
def test_an_interruption_in_the_first_seconds_prints_nothing(module, how):
    argv = ['-c', INTERRUPTED, module, how, 'methods']
    if module.startswith('ganad'): done = prepared.run(*argv, env=ENV)
    else: done = subprocess.run([sys.executable, *argv], env=ENV, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr)==(130, '', '')


@pytest.mark.parametrize('error', [OSError(errno.ENOSPC, 'No space left on device'),
                                   SafetensorError('I/O error: No space left on device (os error 28)')])
@pytest.mark.parametrize('function', ['ganad.evidence.run.save_model', 'ganad.evidence.run.write_json',
                                      'ganad._files.demo.write_page'])
def test_a_full_disk_in_the_demo_is_one_line(run, tmp_path, monkeypatch, function, error):
    def fail(*_): raise error
    monkeypatch.setattr(function, fail)
    code, _, err = run('demo', '--quick', '--methods', 'pca,meanrow', '--out', tmp_path/'d')
    assert (code, err.count('\n'))==(2, 1) and 'o space left' in err and str(tmp_path) in err


# Where rows and messages go

NAMES = ['Ünsal', 'Köln', '日本', 'a😀']


@pytest.fixture(scope='module')
def table_and_model(tmp_path_factory):
    "Folder of a table with words beyond ASCII, and a model of it"
    folder = tmp_path_factory.mktemp('table')
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({'größe':rng.normal(size=200), 'b':rng.normal(size=200)})
    frame.assign(name=[NAMES[i%4] for i in range(200)]).to_csv(folder/'t.csv', index=False)
    with pytest.raises(SystemExit) as end:
        main(['fit', str(folder/'t.csv'), '--method', 'pca', '--save', str(folder/'m'), '--quiet'])
    assert end.value.code==0
    return folder


def shown(monkeypatch, *arguments, encoding='utf-8', stdin=b''):
    "Exit code, bytes on standard output and text on standard error, where both are of this encoding"
    out, err = (io.TextIOWrapper(io.BytesIO(), encoding=encoding, newline='\r\n') for _ in range(2))
    monkeypatch.setattr(sys, 'stdout', out)
    monkeypatch.setattr(sys, 'stderr', err)
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(stdin)))
    with pytest.raises(SystemExit) as end: main([*map(str, arguments)])
    out.flush()
    err.flush()
    return end.value.code, out.buffer.getvalue(), err.buffer.getvalue().decode(encoding)


@pytest.mark.parametrize('encoding', ['ascii', 'cp1252', 'utf-16', 'utf-8'])
def test_rows_are_utf8_whatever_the_output_is(monkeypatch, table_and_model, encoding):
    table, model, out = (table_and_model/name for name in ('t.csv', 'm', f'{encoding}.csv'))
    assert shown(monkeypatch, 'score', table, '--model', model, '--out', out, encoding=encoding)[0]==0
    code, rows, _ = shown(monkeypatch, 'score', table, '--model', model, encoding=encoding)
    assert code==0 and rows==out.read_bytes()
    assert {*pd.read_csv(io.BytesIO(rows)).name}=={*NAMES}


@pytest.mark.parametrize('encoding', ['ascii', 'cp1252'])
def test_text_is_shown_in_any_encoding(monkeypatch, table_and_model, encoding):
    code, out, _ = shown(monkeypatch, 'info', table_and_model/'m', encoding=encoding)
    assert code==0 and ('größe' if encoding=='cp1252' else r'gr\xf6\xdfe') in out.decode(encoding)
    code, out, _ = shown(monkeypatch, 'info', table_and_model/'m', '--json', encoding=encoding)
    assert code==0 and json.loads(out.decode(encoding))['prep']['names'][0]=='größe'
    code, _, err = shown(monkeypatch, 'score', table_and_model/'ü.csv', '--model', 'm', encoding=encoding)
    assert code==2 and 'Traceback' not in err
    assert shown(monkeypatch, '--help', encoding=encoding)[0]==0


WITHOUT_OUTPUT = """
import os, sys
how = sys.argv.pop(1)
if how=='>/dev/full': os.dup2(os.open('/dev/full', os.O_WRONLY), 1)
if how=='>&-':
    os.close(1)
    sys.stdout = None                   # as Python begins where a shell has closed it
if how=='2>&-':
    os.close(2)
    sys.stderr = None
from ganad.cli import main
main()
"""


@posix
def test_an_output_that_takes_nothing_is_one_line(monkeypatch, table_and_model):
    for command in (['methods'], ['score', table_and_model/'t.csv', '--model', table_and_model/'m']):
        for redirect in ('>/dev/full', '>&-'):
            done = prepared.run('-c', WITHOUT_OUTPUT, redirect, *command, env=ENV)
            notes = [line for line in done.stderr.splitlines() if 'standard output' in line]
            assert done.returncode==2 and len(notes)==1 and 'Traceback' not in done.stderr, done.stderr
    done = prepared.run('-c', WITHOUT_OUTPUT, '2>&-', *command, env=ENV)
    assert done.returncode==0 and 'ganad:' not in done.stdout, 'a note is no row'


def test_packed_scores_are_the_same_bytes_each_time(run, monkeypatch, table_and_model, tmp_path):
    outs = [tmp_path/'a.csv.gz', tmp_path/'b.csv.gz']
    for moment, out in enumerate(outs):
        monkeypatch.setattr('time.time', lambda moment=moment: 1e9 + 1000*moment)
        assert run('score', table_and_model/'t.csv', '--model', table_and_model/'m', '--out', out)[0]==0
    assert outs[0].read_bytes()==outs[1].read_bytes()
    assert len(pd.read_csv(outs[0]))==200


EVIL = 'x\x1b[2J\x9b31m\nganad: all is well\u202e'


def test_no_name_steers_the_terminal_or_forges_a_line(run, tmp_path):
    frame = pd.DataFrame({EVIL:np.r_[np.arange(198.), np.nan, 1], 'b':1., 'kind':['ok']*197 + [EVIL]*3})
    table = tmp_path/'t.csv'
    frame.to_csv(table, index=False)
    fit = 'fit', table, '--method', 'pca', '--label', 'kind', '--save', tmp_path/'m'
    told = [run(*fit), run(*fit, '--normal', 'ok'), run(*fit, '--normal', EVIL), run(*fit, '--drop', EVIL)]
    frame.fillna(0).to_csv(table, index=False)
    told += [run(*fit, '--normal', 'ok'), run('info', tmp_path/'m'), run('info', tmp_path/'m', '--json')]
    frame.rename(columns={EVIL:'other'}).to_csv(table, index=False)
    told += [run('score', table, '--model', tmp_path/'m', '--out', tmp_path/'s.csv')]
    assert [code for code, *_ in told].count(2)==5 and [code for code, *_ in told].count(0)==3, told
    for _, out, err in told:
        for line in (out + err).split('\n'):
            assert line.isprintable() and not line.startswith('ganad: all is well'), line


def test_errors_in_python_are_one_line_too():
    assert str(DataError(EVIL, column=EVIL, file=EVIL + '\r')).isprintable()


# What is read

@posix
@pytest.mark.parametrize('name', ['p.csv', 'p.parquet', 'p.npz', 'p.zip'])
def test_a_pipe_is_not_waited_for(run, tmp_path, table_and_model, name):
    os.mkfifo(tmp_path/name)
    for command in (['fit', tmp_path/name, '--save', tmp_path/'m'],
                    ['score', tmp_path/name, '--model', table_and_model/'m'],
                    ['score', table_and_model/'t.csv', '--model', tmp_path/name], ['info', tmp_path/name]):
        code, _, err = run(*command)
        assert (code, err.count('\n'))==(2, 1) and str(tmp_path/name) in err


@pytest.mark.parametrize('kind', ['csv', 'tsv', 'csv.gz', 'parquet'])
def test_a_table_may_come_in(monkeypatch, table_and_model, tmp_path, kind):
    table, model, path = table_and_model/'t.csv', table_and_model/'m', tmp_path/f't.{kind}'
    frame = pd.read_csv(table)
    if kind=='parquet': frame.to_parquet(path)
    else: frame.to_csv(path, index=False, sep='\t' if kind=='tsv' else ',')
    code, rows, _ = shown(monkeypatch, 'score', '-', '--model', model, stdin=path.read_bytes())
    assert code==0 and rows==shown(monkeypatch, 'score', path, '--model', model)[1]
    fit = 'fit', '-', '--method', 'pca', '--save', tmp_path/'m2', '--quiet'
    assert shown(monkeypatch, *fit, stdin=path.read_bytes())[0]==0
    code, _, err = shown(monkeypatch, 'score', '-', '--model', model, stdin=b'a,b\n1,2\n')
    assert code==2 and err.startswith('ganad: standard input: no column')


def test_one_file_of_a_comparison_may_come_in(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    bad = np.arange(200)<20
    rows = [f'{a + 9*odd:.3f},{b:.3f},{int(odd)}' for (a, b), odd in zip(rng.normal(size=(200, 2)), bad)]
    whole = '\n'.join(['a,b,bad', *rows])
    (tmp_path/'t.csv').write_text(whole + '\n')
    tables = []
    for train, test in (('t.csv', 't.csv'), ('t.csv', '-'), ('-', 't.csv')):
        files = [name if name=='-' else tmp_path/name for name in (train, test)]
        argv = 'compare', *files, '--label', 'bad', '--methods', '', '--out', tmp_path/'c.html', '--json'
        code, out, err = shown(monkeypatch, *argv, stdin=whole.encode() + b'\n')
        assert (code, err)==(0, '')
        tables.append([(row['method'], row['auroc']) for row in json.loads(out)['table']])
    assert tables[0]==tables[1]==tables[2]
    code, _, err = shown(monkeypatch, 'compare', '-', '-', '--out', tmp_path/'d.html', stdin=whole.encode())
    assert code==2 and err.startswith('ganad: both files cannot be what comes in; give a file')
    argv = 'compare', tmp_path/'t.csv', '-', '--out', tmp_path/'d.html', '--label', 'bad'
    code, _, err = shown(monkeypatch, *argv, stdin=b'a,b\n1,"2\n')
    assert code==2 and 'standard input: a quote is never closed' in err


def of_archive(folder, *names):
    with zipfile.ZipFile(folder/'a.zip', 'w') as archive:
        for name in names: archive.writestr(name, 'a,b\n1,2\n')
    return (folder/'a.zip').read_bytes()


def test_what_comes_in_is_recognised(monkeypatch, tmp_path):
    "In one line, which says what it is and how to go on"
    picture = io.BytesIO()
    Image.new('L', (8, 8)).save(picture, 'png')
    array = io.BytesIO()
    np.save(array, np.zeros((9, 2)))
    for stdin, words in (
            (of_archive(tmp_path, '[Content_Types].xml', 'xl/workbook.xml'), 'Excel file; unpack it, or'),
            (of_archive(tmp_path, 't.csv'), "it holds 't.csv' and no picture; unpack it"),
            (of_archive(tmp_path, 'notes'), 'no picture'), (b'PK\3\4torn', 'damaged'),
            (picture.getvalue(), 'this is a picture; give the folder'),
            (array.getvalue(), 'an array of NumPy'),
            (b'a   b\n1   2\n', 'several blanks'), (b'a:b\n1:2\n', '--sep :'), (b'', 'empty')):
        code, _, err = shown(monkeypatch, 'fit', '-', '--save', tmp_path/'m', '--method', 'pca', stdin=stdin)
        assert code==2 and err.count('\n')==1 and words in err and 'standard input' in err, err


def test_pictures_arrays_and_any_separator_may_come_in(monkeypatch, tmp_path):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(30, 2)).round(2)
    np.savez(tmp_path/'x.npz', x=x)
    with zipfile.ZipFile(tmp_path/'p.zip', 'w') as archive:
        for i in range(20):
            picture = io.BytesIO()
            Image.fromarray(rng.integers(255, size=(8, 8)).astype('u1')).save(picture, 'png')
            archive.writestr(f'{i}.png', picture.getvalue())
    text = '\n'.join(['a:b', *(f'{a}:{b}' for a, b in x)]).encode()
    for stdin, *options in (((tmp_path/'x.npz').read_bytes(),), ((tmp_path/'p.zip').read_bytes(),),
                            (text, '--sep', ':'), (text.replace(b':', b'\t'),)):
        argv = 'fit', '-', '--save', tmp_path/'m', '--method', 'pca', '--quiet', *options
        assert shown(monkeypatch, *argv, stdin=stdin)[::2]==(0, '')


@pytest.mark.parametrize('name', ['PK', 'PAR1'])
def test_a_name_is_no_signature(monkeypatch, table_and_model, tmp_path, name):
    first, rows = (table_and_model/'t.csv').read_text().split('\n', 1)
    table = f"{name},{first.split(',', 1)[1]}\n{rows}".encode()
    argv = 'fit', '-', '--method', 'pca', '--save', tmp_path/'m', '--quiet'
    assert shown(monkeypatch, *argv, stdin=table)[0]==0


def test_a_model_takes_the_place_of_nothing_but_a_model(run, tmp_path, table_and_model):
    fit = 'fit', table_and_model/'t.csv', '--method', 'pca', '--save'
    yours = tmp_path/'x.csv'
    yours.write_text('a,b\n1,2\n')
    code, _, err = run(*fit, yours)
    assert (code, err.count('\n'))==(2, 1) and str(yours) in err and yours.read_text()=='a,b\n1,2\n'
    for name in ('new', 'new', 'empty'):
        (tmp_path/'empty').write_bytes(b'')
        assert run(*fit, tmp_path/name)[0]==0


@pytest.mark.skipif(sys.platform!='linux', reason='names of files are text elsewhere')
def test_a_picture_whose_name_is_no_text_is_said(run, tmp_path):
    (tmp_path/'pictures').mkdir()
    for i in range(40):
        pixels = np.random.default_rng(i).integers(256, size=(8, 8)).astype('u1')
        Image.fromarray(pixels).save(tmp_path/f'pictures/{i:02}.png')
    os.rename(tmp_path/'pictures/07.png', os.fsencode(tmp_path/'pictures') + b'/\xff.png')
    code, _, err = run('fit', tmp_path/'pictures', '--method', 'pca', '--save', tmp_path/'m')
    assert code==0 and 'skipped' not in err
    code, _, err = run('score', tmp_path/'pictures', '--model', tmp_path/'m', '--out', tmp_path/'s.csv')
    scores = pd.read_csv(tmp_path/'s.csv')
    assert code==0 and len(scores)==40 and '\ufffd.png' in [*scores.file]


# What is trusted

WORKFLOWS = sorted((ROOT/'.github/workflows').glob('*.yml'))


@pytest.mark.parametrize('path', WORKFLOWS, ids=[path.stem for path in WORKFLOWS])
def test_a_workflow_has_fixed_actions_and_the_least_rights(path):
    workflow = yaml.safe_load(path.read_text())
    assert workflow['permissions']=={'contents':'read'}, 'a job that needs more says so itself'
    for job in workflow['jobs'].values():
        for step in job['steps']:
            commit = step.get('uses', '').partition('@')[2]
            assert 'uses' not in step or len(commit)==40 and int(commit, 16), step


@posix
def test_nothing_is_installed_on_the_system_without_being_asked():
    for asked in ('', 'true'):
        make = ['make', '-n', 'tools', f'CI={asked}']
        planned = subprocess.run(make, cwd=ROOT, capture_output=True, text=True).stdout
        assert f'test "{asked}" = true && ' in planned.partition('apt-get -qq')[0]
