"The command line: what it writes, what it says, and how it stops"
import argparse
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image
from prepared import Python
from project import ROOT

from ganad.cli import parser
from ganad.core import DataError, GanadError
from ganad.detector import detectors
from ganad.evidence.run import split_of
from ganad._files.demo import demo_runs, verdict

ENV = {**os.environ, 'OMP_NUM_THREADS':'1', 'PYTHONPATH':str(ROOT)}
COMMAND = '-m', 'ganad.cli'
POSIX = pytest.mark.skipif(os.name=='nt', reason='POSIX signals')


def images(folder, classes, n=12):
    rng = np.random.default_rng(0)
    for i, name in enumerate(classes):
        (folder/name).mkdir(parents=True)
        for j in range(n):
            x = (rng.random((16, 16, 3))*80 + 100*i).astype('uint8')
            Image.fromarray(x).save(folder/name/f'{j}.png')
    return folder


def is_mistake(result):
    "Did it end with code 2 and one line?"
    code, _, err = result
    return code==2 and err.startswith('ganad: ') and err.count('\n')==1


# It starts at once

@pytest.mark.parametrize('line', ['--version', '--help', 'demo --help', 'fit --help', 'report --help', 'fit'])
def test_who_only_asks_does_not_wait(line):
    "Neither PyTorch nor the rest of what takes seconds is imported"
    heavy = ['torch', 'pandas', 'sklearn', 'matplotlib', 'numpy', 'scipy', 'PIL', 'jinja2']
    code = ('import sys\nfrom ganad.cli import main\ntry: main(sys.argv[2:])\n'
            'finally: print(*({*sys.argv[1].split()} & {*sys.modules}), file=sys.stderr)')
    argv = [sys.executable, '-c', code, ' '.join(heavy), *line.split()]
    done = subprocess.run(argv, env=ENV, capture_output=True, text=True)
    assert done.stderr.splitlines()[-1]=='', done.stderr


def test_every_command_says_where_its_work_is_done():
    from importlib import import_module
    commands = next(action for action in parser()._actions if action.dest=='command' or action.choices)
    for name, command in commands.choices.items():
        module, function = command.get_default('work')
        assert callable(getattr(import_module(module), function)), name


# The demo

def test_every_option_is_read_by_a_command():
    "One that is only declared does nothing, and says so to nobody"
    code = ' '.join((ROOT/f'ganad/_files/{name}.py').read_text() for name in ('commands', 'demo'))
    of_parser = parser()._actions
    commands = next(action for action in of_parser if isinstance(action, argparse._SubParsersAction)).choices
    for command, options in commands.items():
        if command=='completion': continue                             # answered while the line is parsed
        for option in options._actions:
            is_read = option.dest=='help' or re.search(rf'\b{option.dest}\b', code)
            assert is_read, f'{command} {option.option_strings}'


def test_demo_of_every_method(run, tmp_path):
    out = tmp_path/'d'
    code, printed, err = run('demo', '--quick', '--out', out)
    assert (code, err)==(0, '')
    results = json.loads((out/'results.json').read_text())
    table = results['table']
    assert {row['label'] for row in table}=={*detectors()} and results['verdict'] in printed
    aurocs = [row['auroc'] for row in table]
    assert aurocs==sorted(aurocs, reverse=True) and all(row['base_rate']>.9 for row in table)
    page = (out/'report.html').read_text()
    assert page.count('<img src="data:image/png;base64,')>=6 and 'src="http' not in page
    assert results['verdict'][:30] in page
    runs = [json.loads(path.read_text()) for path in (out/'runs').glob('*.json')]
    keys = {'method', 'data', 'protocol', 'seed', 'settings', 'status', 'metrics', 'seconds', 'rows',
            'peak_mb', 'history', 'versions', 'revision', 'data_sha256', 'threads'}
    assert all(keys<={*run} for run in runs)
    assert {'auroc', 'auprc', 'base_rate', 'precision', 'recall', 'f1', 'fpr95'}<={*runs[0]['metrics']}
    assert all(len(losses)<=200 for run in runs for losses in run['history'].values())
    models = [out/'runs'/f'{name}-digits-imbalance8-0.safetensors' for name in detectors()]
    assert all(path.exists() for path in models)


def test_demo_on_a_folder_of_images(run, tmp_path):
    folder = images(tmp_path/'pics', ['good', 'bad'])
    code, out, err = run('demo', '--quick', '--data', folder, '--normal', 'good', '--methods', 'meanrow,knn',
                         '--out', tmp_path/'d')
    assert (code, err)==(0, '') and 'normal: good' in out


def test_same_command_same_numbers(run, tmp_path):
    def metrics(name):
        run('demo', '--quick', '--methods', 'bigan,random', '--out', tmp_path/name)
        results = json.loads((tmp_path/name/'results.json').read_text())
        return [record['metrics'] for record in results['runs']]
    assert metrics('a')==metrics('b')


def test_the_page_holds_what_was_found_as_text(tmp_path, run):
    folder = images(tmp_path/'pics', ['a<b', 'bad'])
    assert run('demo', '--quick', '--data', folder, '--normal', 'a<b', '--methods', 'meanrow,pca',
               '--out', tmp_path/'d')[0]==0
    page = (tmp_path/'d/report.html').read_text()
    assert 'normal is a&lt;b' in page and 'a<b' not in page
    assert page.endswith('</html>') and 'A quick trial' in page


@pytest.mark.parametrize('mistake', ['--data digitz', '--methods bigan,alda', '--normal 12', '--seeds 0',
                                     '--data kdd99 --normal 1', '--out /dev/null/x'])
def test_mistake_is_one_line_and_2(run, tmp_path, monkeypatch, mistake):
    monkeypatch.chdir(tmp_path)
    assert is_mistake(run('demo', *mistake.split()))
    assert not list(tmp_path.rglob('*.json'))


def test_folders_without_normal_rows(run, tmp_path):
    (tmp_path/'empty').mkdir()
    assert is_mistake(run('demo', '--data', tmp_path/'empty', '--out', tmp_path/'d'))
    folder = images(tmp_path/'pics', ['train/ok', 'test/ok', 'test/hole'])
    result = run('demo', '--data', folder, '--normal', 'hole', '--out', tmp_path/'d')
    assert is_mistake(result) and 'no rows of' in result[2]


KDD = ['kddcup99/kddcup.data_10_percent.gz']
MNIST = [f'MNIST/raw/{part}-{kind}-ubyte' for part in ('train', 't10k')
         for kind in ('images-idx3', 'labels-idx1')]


@pytest.mark.parametrize('name,files', [('kdd99', KDD), ('mnist', MNIST)])
def test_corrupted_archive(run, tmp_path, monkeypatch, name, files):
    for file in files:
        path = tmp_path/'data'/file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b'junk')
    monkeypatch.setenv('GANAD_DATA', str(tmp_path/'data'))
    result = run('demo', '--data', name, '--out', tmp_path/'d')
    assert is_mistake(result) and files[0] in result[2]


@pytest.mark.parametrize('name', ['mnist', 'kdd99', 'cifar10', 'svhn'])
def test_no_network(run, tmp_path, monkeypatch, name):
    def refuse(*_, **__): raise OSError('Network is unreachable')
    monkeypatch.setattr(socket, 'create_connection', refuse)
    monkeypatch.setattr(socket, 'getaddrinfo', refuse)
    monkeypatch.setenv('GANAD_CACHE', str(tmp_path/'cache'))
    monkeypatch.delenv('GANAD_DATA', raising=False)
    result = run('demo', '--data', name, '--out', tmp_path/'d')
    assert is_mistake(result) and 'GANAD_DATA' in result[2] and 'network' in result[2]
    assert not (tmp_path/'cache/MNIST/raw/train-images-idx3-ubyte').exists()


@pytest.mark.parametrize('command, example', [
    ([], 'ganad demo --data fashion --normal 1'),
    (['demo'], 'ganad demo --data fashion --normal 1'),
    (['bench'], 'ganad bench --verify 3')])
def test_help_has_examples(run, command, example):
    code, out, _ = run(*command, '--help')
    assert code==0
    assert example in out


def test_bench_lists_its_tables(run):
    code, out, _ = run('bench', '--list')
    assert code==0 and 'digits' in out and 'fashion' in out
    assert is_mistake(run('bench', '--matrix', 'digitz'))


# How it stops

def wait_for(folder, pattern, seconds=120):
    end = time.time() + seconds
    while not list(folder.glob(pattern)) and time.time()<end: time.sleep(.01)


@POSIX
@pytest.mark.parametrize('how', ['SIGINT', 'SIGTERM'])
def test_a_stop_leaves_what_was_finished_and_goes_on(tmp_path, how):
    out = tmp_path/'d'
    argv = [*COMMAND, 'demo', '--methods', 'meanrow,pca,bigan', '--out', out]
    process = Python(*argv, env=ENV)
    wait_for(out, 'runs/pca*.json')
    process.send_signal(signal.Signals[how])
    _, err = process.communicate(timeout=120)
    assert process.returncode==130 and 'Traceback' not in err
    assert 'runs are left; the same command goes on' in err
    results = json.loads((out/'results.json').read_text())
    assert [record['method'] for record in results['runs']]==['meanrow', 'pca']
    assert (out/'report.html').exists()
    assert not list(out.rglob('*.tmp'))
    assert Python(*argv, env=ENV).wait(300)==0
    assert len(json.loads((out/'results.json').read_text())['runs'])==3


@POSIX
def test_kill_9_leaves_no_half_file(tmp_path):
    out = tmp_path/'d'
    argv = [*COMMAND, 'demo', '--quick', '--methods', 'meanrow,knn,pca,bigan', '--out', out]
    process = Python(*argv, env=ENV)
    wait_for(out, 'runs/meanrow*.json')
    process.kill()
    assert process.wait()==-signal.SIGKILL, 'it was to be killed in the middle'
    for path in out.rglob('*.json'): json.loads(path.read_text())
    before = {path:path.stat().st_mtime_ns for path in (out/'runs').glob('*.json')}
    assert Python(*argv, env=ENV).wait(300)==0
    assert all(path.stat().st_mtime_ns==when for path, when in before.items())             # none twice
    assert len(list((out/'runs').glob('*.json')))==4                                       # none lost


# What the demo runs

def test_every_method_of_the_demo_is_tested_on_the_same_unknown_rows():
    runs = demo_runs(quick=True)
    assert {run.method for run in runs}=={*detectors()} and len({run.protocol for run in runs})==1
    split = split_of(runs[0])
    known, test, train = ({*split.rows[part].tolist()} for part in ('known', 'test', 'train'))
    assert len(split.known)==20 and not known & (test | train)


def test_a_table_of_adbench_has_its_protocol():
    runs = demo_runs('adbench/wine', methods=['pca', 'knn'], seeds=2)
    assert {(type(run.protocol).__name__, run.protocol.seed) for run in runs}=={('Halves', 0), ('Halves', 1)}
    with pytest.raises(GanadError, match='says itself who is normal'): demo_runs('adbench/wine', normal='1')


def test_the_demo_says_why_labelled_methods_are_left_out(tmp_path, capsys):
    assert not any(detectors()[run.method].labelled for run in demo_runs('kdd99'))
    why = 'the protocol of kdd99 hands none out'
    left_out = f'left out, for want of labelled anomalies ({why}): twodiscriminators, classifier'
    assert left_out in capsys.readouterr().out
    with pytest.raises(GanadError) as error: demo_runs('kdd99', methods=['classifier'])
    assert error.value.what==f'classifier needs labelled anomalies: {why}'
    images(tmp_path/'pics/train', ['good'])
    images(tmp_path/'pics/test', ['good', 'crack'])
    with pytest.raises(GanadError, match='no training rows of class crack'):
        demo_runs(str(tmp_path/'pics'), normal='good', methods=['classifier'])
    few = demo_runs(str(images(tmp_path/'few', ['good', 'bad'])), normal='good', methods=['classifier'])
    known = few[0].protocol.known
    assert 1<=known<=20 and len(split_of(few[0]).known)==known


def test_the_verdict_calls_nothing_a_gan_that_is_none():
    def row(label, auroc, baseline): return dict(label=label, auroc=auroc, baseline=baseline)
    yardsticks = [row('classifier', .9, True), row('meanrow', .8, True)]
    assert 'no GAN to compare it with' in verdict(yardsticks)
    assert 'no baseline to compare it with' in verdict([row('bigan', .9, False)])
    assert 'GAN' not in verdict(yardsticks).replace('no GAN', '')


def test_missing_data_is_looked_for_once_and_is_no_want_of_labels(monkeypatch):
    asked = []
    def load(name, *_):
        asked.append(name)
        raise DataError('FashionMNIST is not here')
    monkeypatch.setattr('ganad.evidence.run._load', load)
    with pytest.raises(DataError) as error: demo_runs('fashion')
    assert error.value.what=='FashionMNIST is not here' and asked==['fashion']
