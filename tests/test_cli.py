"The command line: what it writes, what it says, and how it stops"
import json, os, signal, subprocess, sys, time
from pathlib import Path
import numpy as np
import pytest
from PIL import Image
from ganad.evidence.run import split_of
from ganad.cli import demo_runs
from ganad.core import DataError, GanadError
from ganad.detector import detectors, save_model
from ganad.models.bigan import BiGAN
from ganad.models.gan import GAN

ENV = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(Path(__file__).parents[1])}
ALL = ','.join(detectors())


def images(folder, classes, n=12):
    rng = np.random.default_rng(0)
    for i, c in enumerate(classes):
        (folder/c).mkdir(parents=True)
        for j in range(n):
            x = (rng.random((16, 16, 3))*80 + 100*i).astype('uint8')
            Image.fromarray(x).save(folder/c/f'{j}.png')
    return folder


def test_demo_of_every_method(run, tmp_path):
    code, out, err = run('demo', '--quick', '--out', tmp_path/'d')
    assert (code, err) == (0, '')
    r = json.loads((tmp_path/'d/results.json').read_text())
    assert {t['label'] for t in r['table']} == {*detectors()} and r['verdict'] in out
    aurocs = [t['auroc'] for t in r['table']]
    assert aurocs == sorted(aurocs, reverse=True) and all(t['base_rate'] > .9 for t in r['table'])
    page = (tmp_path/'d/report.html').read_text()
    assert page.count('<img src="data:image/png;base64,') >= 6 and 'src="http' not in page and r['verdict'][:30] in page
    runs = [json.loads(p.read_text()) for p in (tmp_path/'d/runs').glob('*.json')]
    for k in ('method', 'data', 'protocol', 'seed', 'settings', 'status', 'metrics', 'seconds', 'rows', 'peak_mb', 'history',
              'versions', 'revision', 'data_sha256', 'threads'):
        assert all(k in x for x in runs), k
    assert {'auroc', 'auprc', 'base_rate', 'precision', 'recall', 'f1', 'fpr95'} <= {*runs[0]['metrics']}
    assert all(len(v) <= 200 for x in runs for v in x['history'].values())
    assert all((tmp_path/'d/runs'/f'{m}-digits-imbalance8-0.safetensors').exists() for m in detectors())


def test_demo_on_a_folder_of_images(run, tmp_path):
    code, out, err = run('demo', '--quick', '--data', images(tmp_path/'pics', ['good', 'bad']), '--normal', 'good',
                         '--methods', 'meanrow,knn', '--out', tmp_path/'d')
    assert (code, err) == (0, '') and 'normal: good' in out


def test_same_command_same_numbers(run, tmp_path):
    for d in 'ab': run('demo', '--quick', '--methods', 'bigan,random', '--out', tmp_path/d)
    a, b = ([x['metrics'] for x in json.loads((tmp_path/d/'results.json').read_text())['runs']] for d in 'ab')
    assert a == b


MISTAKES = {
    'data set': (['--data', 'digitz'], "no data set or folder of images 'digitz'"),
    'method': (['--methods', 'bigan,alda'], "no method 'alda'"),
    'class': (['--normal', '12'], "no class of digits '12'"),
    'class of kdd': (['--data', 'kdd99', '--normal', '1'], 'leave --normal out'),
    'no seeds': (['--seeds', '0'], 'give 1 or more'),
    'not writable': (['--out', '/dev/null/x'], 'cannot write'),
}


@pytest.mark.parametrize('argv,text', MISTAKES.values(), ids=MISTAKES)
def test_mistake_is_one_line_and_2(run, tmp_path, argv, text):
    code, out, err = run('demo', *(['--out', tmp_path/'d'] if '--out' not in argv else []), *argv)
    assert code == 2 and text in err and err.startswith('ganad: ') and err.count('\n') == 1 and 'Traceback' not in err
    assert not list(tmp_path.rglob('*.json'))


def test_empty_folder(run, tmp_path):
    (tmp_path/'empty').mkdir()
    code, _, err = run('demo', '--data', tmp_path/'empty', '--out', tmp_path/'d')
    assert code == 2 and err.count('\n') == 1 and 'empty' in err


def test_folder_without_normal_rows(run, tmp_path):
    d = images(tmp_path/'pics', ['train/ok', 'test/ok', 'test/hole'])
    code, _, err = run('demo', '--data', d, '--normal', 'hole', '--out', tmp_path/'d')
    assert code == 2 and err.count('\n') == 1 and 'no rows of' in err


@pytest.mark.parametrize('file,junk,text', [('kddcup99/kddcup.data_10_percent.gz', b'junk', 'kddcup'),
                                            ('MNIST/raw/train-images-idx3-ubyte', b'junk', 'train-images')])
def test_corrupted_archive(run, tmp_path, monkeypatch, file, junk, text):
    f = tmp_path/'data'/file
    f.parent.mkdir(parents=True)
    for n in ['train-images-idx3-ubyte', 'train-labels-idx1-ubyte', 't10k-images-idx3-ubyte', 't10k-labels-idx1-ubyte']:
        if 'MNIST' in file: (f.parent/n).write_bytes(junk)
    f.write_bytes(junk)
    monkeypatch.setenv('GANAD_DATA', str(tmp_path/'data'))
    code, _, err = run('demo', '--data', 'mnist' if 'MNIST' in file else 'kdd99', '--out', tmp_path/'d')
    assert code == 2 and err.count('\n') == 1 and text in err


def test_no_network(run, tmp_path, monkeypatch):
    import socket
    def refuse(*a, **k): raise OSError('Network is unreachable')
    monkeypatch.setattr(socket, 'create_connection', refuse)
    monkeypatch.setattr(socket, 'getaddrinfo', refuse)
    monkeypatch.setenv('GANAD_CACHE', str(tmp_path/'cache'))
    monkeypatch.delenv('GANAD_DATA', raising=False)
    for name in ('mnist', 'kdd99', 'cifar10', 'svhn'):
        code, _, err = run('demo', '--data', name, '--out', tmp_path/'d')
        assert code == 2 and 'GANAD_DATA' in err and 'network' in err and err.count('\n') == 1
    assert not (tmp_path/'cache/MNIST/raw/train-images-idx3-ubyte').exists()


def test_help_has_examples(run):
    for argv in ([], ['demo'], ['bench']):
        code, out, err = run(*argv, '--help')
        assert code == 0 and 'ganad demo --data fashion --normal 1' in out


def test_bench_lists_its_tables(run):
    code, out, _ = run('bench', '--list')
    assert code == 0 and 'digits' in out and 'fashion' in out
    assert run('bench', '--matrix', 'digitz')[0] == 2


@pytest.mark.skipif(os.name == 'nt', reason='POSIX signals')
def test_ctrl_c_leaves_what_was_finished_and_goes_on(tmp_path):
    argv = [sys.executable, '-c', 'from ganad.cli import main; main()', 'demo', '--methods', 'meanrow,pca,bigan', '--out',
            str(tmp_path/'d')]
    heard = lambda: signal.signal(signal.SIGINT, signal.SIG_DFL)          # a shell's background job, as this may be, ignores Ctrl-C
    p = subprocess.Popen(argv, env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=heard)
    end = time.time() + 120
    while not list((tmp_path/'d').glob('runs/pca*.json')) and time.time() < end: time.sleep(.02)
    p.send_signal(signal.SIGINT)
    out, err = p.communicate(timeout=120)
    assert p.returncode == 130 and 'stopped: 1 runs are left' in err and 'Traceback' not in err
    r = json.loads((tmp_path/'d/results.json').read_text())
    assert [x['method'] for x in r['runs']] == ['meanrow', 'pca'] and (tmp_path/'d/report.html').exists()
    assert not list((tmp_path/'d').rglob('*.tmp'))
    done = subprocess.run(argv, env=ENV, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and len(json.loads((tmp_path/'d/results.json').read_text())['runs']) == 3


@pytest.mark.skipif(os.name == 'nt', reason='POSIX signals')
def test_kill_9_leaves_no_half_file(tmp_path):
    argv = [sys.executable, '-c', 'from ganad.cli import main; main()', 'demo', '--quick', '--methods', 'meanrow,knn,pca,bigan',
            '--out', str(tmp_path/'d')]
    p = subprocess.Popen(argv, env=ENV, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.time() + 120
    while not list((tmp_path/'d').glob('runs/meanrow*.json')) and time.time() < end: time.sleep(.01)
    p.kill()
    assert p.wait() == -signal.SIGKILL, 'it was to be killed in the middle'
    for f in (tmp_path/'d').rglob('*.json'): json.loads(f.read_text())
    before = {f: f.stat().st_mtime_ns for f in (tmp_path/'d/runs').glob('*.json')}
    assert subprocess.run(argv, env=ENV, capture_output=True, timeout=300).returncode == 0
    assert all(f.stat().st_mtime_ns == t for f, t in before.items())                        # none twice
    assert len(list((tmp_path/'d/runs').glob('*.json'))) == 4                              # none lost


def test_every_method_of_the_demo_is_tested_on_the_same_unknown_rows():
    runs = demo_runs(quick=True)
    assert {*detectors()} == {r.method for r in runs} and len({r.protocol for r in runs}) == 1
    s = split_of(runs[0])
    assert len(s.known) == 20 and not {*s.rows['known'].tolist()} & {*s.rows['test'].tolist(), *s.rows['train'].tolist()}


def test_the_demo_says_why_labelled_methods_are_left_out(run, tmp_path, capsys):
    assert not any(detectors()[r.method].labelled for r in demo_runs('kdd99'))
    assert 'left out, for want of labelled anomalies (the protocol of kdd99 hands none out): twodiscriminators, classifier' in capsys.readouterr().out
    with pytest.raises(GanadError, match='classifier needs labelled anomalies: the protocol of kdd99 hands none out; or leave it out'):
        demo_runs('kdd99', methods=['classifier'])
    for part, classes in (('train', ['good']), ('test', ['good', 'crack'])): images(tmp_path/'pics'/part, classes)
    with pytest.raises(GanadError, match='no training rows of class crack'):
        demo_runs(str(tmp_path/'pics'), normal='good', methods=['classifier'])
    few = demo_runs(str(images(tmp_path/'few', ['good', 'bad'])), normal='good', methods=['classifier'])
    assert 1 <= few[0].protocol.known <= 20 and len(split_of(few[0]).known) == few[0].protocol.known


def test_missing_data_is_looked_for_once_and_is_no_want_of_labels(monkeypatch):
    asked = []
    def load(name, *_): asked.append(name); raise DataError('FashionMNIST is not here')
    monkeypatch.setattr('ganad.evidence.run._load', load)
    with pytest.raises(DataError, match='^FashionMNIST is not here$'): demo_runs('fashion')
    assert asked == ['fashion']
