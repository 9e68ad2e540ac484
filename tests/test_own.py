"`ganad fit`, `score`, `report` on your own files: right answers, or one line that says what to mend"
import json
import os
import re
import shlex
import subprocess
import sys
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import prepared
import pytest
import torch
from PIL import Image
from project import ROOT, cracked_plates

from ganad.cli import main, parser
from ganad.core import CheckpointError, DataError
from ganad.detector import detectors, save_model
from ganad.estimator import PCADetector, info, load
from ganad._files.fit_and_score import fit_rows, score_file
from ganad._files.scored import open_for, scored_chunks
from ganad._files.pictures import rows_of
from ganad._files.readers import csv_line
from ganad._files.report import usual_values
from ganad._files.warnings import diversity, model_warnings

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


def draw(folder, n, size=8, channels=()):
    "Pictures of noise"
    folder.mkdir(parents=True, exist_ok=True)
    for i in range(n):
        x = np.random.default_rng(i).integers(256, size=(size, size, *channels)).astype('u1')
        Image.fromarray(x).save(folder/f'{i:02}.png')


# What the three commands do

def test_scores_stand_beside_the_rows_as_they_were(run, place):
    argv = ['score', place/'test.csv', '--model', place/'m.safetensors']
    code, out, err = run(*argv, '--out', place/'scores.csv')
    assert (code, err)==(0, '') and 'of 300 rows score above' in out
    before, after = ((place/name).read_text('utf-8').splitlines() for name in ('test.csv', 'scores.csv'))
    assert len(before)==len(after)==301 and after[0].endswith(',score,p_value,flag')
    assert all(new.startswith(old + ',') for old, new in zip(before, after))
    table = pd.read_csv(place/'scores.csv', dtype=dict(no=str))
    est = load(place/'m.safetensors')
    x = TEST.drop(columns=['no', 'bad'])
    scores = est.anomaly_score(x)
    assert np.allclose(table.score, scores, rtol=1e-6) and (table.flag==(scores>est.threshold_)).all()
    assert np.allclose(table.p_value, est.p_values(x), atol=1e-3)
    assert table.flag[:12].mean()>.9 and table.flag[12:].mean()<.15 and table.no[1]=='00001'
    code, out, err = run(*argv)                                                 # to standard output
    assert (code, err)==(0, '') and out==(place/'scores.csv').read_text('utf-8')


def test_report_says_which_and_why(place, tmp_path, report):
    done, page = report(place/'test.csv', tmp_path/'r.html')
    assert done['rows']==300 and not re.search(r'(src|href)="(?!data:)', page) and 'http' not in page
    for part in ('Warnings', 'Against the labels', 'Most anomalous', 'Scores', 'Training',
                 'Data and settings', 'type="range"', 'AUROC'):
        assert part in page, part
    lines = re.findall(r'<tr>\s*<td>(\d+)</td>\s*<td>[\d.]+</td>', page)
    assert len(lines)==12 and {*map(int, lines)}<={*range(2, 14)}                 # the broken ones, …
    assert page.count('heat, °C')>=12                                           # … for their heat
    assert '.top td:nth-child(4){min-width:15rem}' in page                      # on a phone, too
    head = re.findall('<th>(.*?)</th>', page)
    assert head[:6]==['line', 'score', 'p-value', 'why', 'no', 'bad']           # who it is, and its label
    assert f"ganad score {place/'test.csv'} --model" in page and '--prefix' not in page


def test_slider_begins_at_the_verdict_and_says_the_same(place, tmp_path, report):
    done, page = report(place/'test.csv', tmp_path/'r.html')
    points = json.loads(re.search('const S=(.*), k=', page)[1])
    start = int(re.search('max="[0-9]+" value="([0-9]+)"', page)[1])
    verdict = re.search('class="verdict">(.*?)</p>', page)[1]
    flagged, threshold, sentence = points[start]
    assert flagged==done['flagged'] and threshold==done['threshold']
    assert verdict.endswith(sentence) and 'held-out normal rows' in sentence


def test_report_of_awkward_names(place, tmp_path, report):
    path = changed(tmp_path, lambda table: table.assign(flag=0)).rename(tmp_path/"pump's <data>.csv")
    _, page = report(path, tmp_path/'r.html')
    command = json.loads(re.search(r"el\('c'\).textContent=(\".*?\")\+", page)[1])
    assert command.startswith(f'ganad score {shlex.quote(str(path))} ') and command.endswith(' --prefix new_')
    assert '<data>' not in page


def test_the_command_on_a_report_reads_as_the_report_did(run, tmp_path):
    pump(300).to_csv(tmp_path/'t.csv', index=False, sep='|', decimal=',')
    text = (tmp_path/'t.csv').read_text()
    (tmp_path/'t.csv').write_text(f'a title\n{text}# the end\n')
    typed = ['--sep', '|', '--decimal', ',', '--comment', '#', '--skip-rows', '1', '--max-gb', '2.5']
    fit = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca', '--quiet', '--drop', 'no,bad']
    assert run(*fit, *typed)[0]==0
    argv = ['report', tmp_path/'t.csv', '--model', tmp_path/'m', '--out', tmp_path/'r.html', '--json', *typed]
    code, printed, _ = run(*argv)
    page = (tmp_path/'r.html').read_text('utf-8')
    command = json.loads(re.search(r"el\('c'\).textContent=(\".*?\")\+", page)[1])
    _, *line = shlex.split(command)
    code, again, _ = run(*line, '--out', tmp_path/'s.csv', '--json')
    assert code==0 and json.loads(again)['flagged']==json.loads(printed)['flagged']


@pytest.mark.parametrize('argv', [
    ['fit', '', '--save', 'n', '--method', 'pca'], ['fit', 'test.csv', '--save', ''],
    ['compare', '', 'test.csv', '--out', 'c.html'],
    ['score', 'test.csv', '--model', 'm', '--out', ''],
    ['report', 'test.csv', '--model', 'm', '--out', '/dev/stdout'],
    *(['fit', 'test.csv', '--save', 'n', '--max-gb', limit] for limit in ('0', '-1', 'nan')),
    ['score', 'test.csv', '--model', 'm', '--out', 's.csv', '--max-gb', '0'],
    ['fit', 'test.csv', '--save', 'n', '--decimal', '.', '--thousands', '.'],
    ['fit', 'test.csv', '--save', 'n', '--thousands', '.'],
    ['fit', 'test.csv', '--save', 'n', '--decimal', ',', '--thousands', ',']])
def test_names_and_settings_that_mean_nothing(run, tmp_path, monkeypatch, argv):
    monkeypatch.chdir(tmp_path)
    pump(300).drop(columns=['no', 'bad']).to_csv('test.csv', index=False)
    draw(tmp_path/'good', 30)                                      # what an empty name stands for
    assert run('fit', 'test.csv', '--save', 'm', '--method', 'pca', '--quiet')[0]==0
    before = {*tmp_path.iterdir()}
    assert is_mistake(run(*argv)) and {*tmp_path.iterdir()}==before


def test_standard_output_by_name_is_standard_output(run, place):
    argv = ['score', place/'test.csv', '--model', place/'m.safetensors']
    assert run(*argv, '--out', '/dev/stdout')[:2]==run(*argv)[:2] and run(*argv)[1].count('\n')>100


def test_report_of_folders(run, tmp_path, report):
    folder, page = tmp_path/'pictures', tmp_path/'r.html'
    draw(folder, 30)
    assert run('fit', folder, '--save', tmp_path/'p', '--method', 'pca', '--quiet')[0]==0
    done, _ = report(folder, page, model=tmp_path/'p')
    assert not [note for note in done['notes'] if 'label' in note]              # one folder: no labels
    for i, path in enumerate(sorted(folder.glob('*.png'))):
        path.parent.joinpath('ok' if i else 'torn').mkdir(exist_ok=True)
        path.rename(path.parent/('ok' if i else 'torn')/path.name)
    done, text = report(folder, page, model=tmp_path/'p')
    assert '--normal ok' in done['notes'][0] and 'AUROC' not in text
    _, text = report(folder, page, '--normal', 'ok', model=tmp_path/'p')
    assert 'AUROC' in text
    assert is_mistake(run('report', folder, '--model', tmp_path/'p', '--out', page, '--normal', 'good'))


def test_usual_values_are_possible_ones(tmp_path):
    rng = np.random.default_rng(0)
    table = pd.DataFrame(dict(a=rng.exponential(size=300), b=rng.normal(size=300)))
    est = load(PCADetector(k=1, random_state=0).fit(table).save(tmp_path/'m'))
    low_and_high = [float(value) for value in usual_values(est, 0).split(' to ')]
    assert low_and_high==pytest.approx(np.quantile(table.a, [.025, .975]), rel=.01)
    est.prep_.middle = []
    assert usual_values(est, 0).startswith('-')                 # a file from before: mean and deviation


def test_endings_are_kept_or_refused(run, place, tmp_path):
    argv = [place/'test.csv', '--model', place/'m.safetensors', '--out']
    assert run('score', *argv, tmp_path/'s.csv.gz')[0]==0 and len(pd.read_csv(tmp_path/'s.csv.gz'))==300
    code, out, _ = run('score', *argv, '-')
    assert code==0 and out.startswith('no,mode') and out.count('\n')==301
    for name in ('s.parquet', 's.npz', 's.xlsx'): assert is_mistake(run('score', *argv, tmp_path/name))
    for name in (tmp_path/'r.pdf', '-'): assert is_mistake(run('report', *argv, name))
    assert [*tmp_path.iterdir()]==[tmp_path/'s.csv.gz']


def test_known_anomalies_are_kept_out_and_measured(place):
    extra = info(place/'m.safetensors')['extra']
    about = [extra[name] for name in ('normal', 'anomalies', 'label', 'drop', 'file')]
    assert about==[990, 10, 'bad', ['no'], 'train.csv']
    assert extra['found']['auroc']>.9 and extra['found']['normal']==198
    assert 'bad' not in load(place/'m.safetensors').feature_names_in_


def test_labelled_method_gets_them(run, place, tmp_path):
    model = tmp_path/'c.safetensors'
    classifier = ['--save', model, '--method', 'classifier', '--epochs', '5']
    assert run('fit', place/'train.csv', *classifier, *LABELS)[0]==0
    assert info(model)['data']['known']==10
    assert is_mistake(run('fit', place/'test.csv', *classifier, '--drop', 'no,bad'))


WRITERS = {
    'parquet': lambda table, path: table.to_parquet(path),
    'npz': lambda table, path: np.savez(path, table.to_numpy()),
    'csv.gz': lambda table, path: table.to_csv(path, index=False),
    'tsv': lambda table, path: table.to_csv(path, index=False, sep='\t'),
}


@pytest.mark.parametrize('end', WRITERS)
def test_other_kinds_of_files_score_the_same(run, tmp_path, end):
    numbers = pump(300).drop(columns=['no', 'mode 🌡', 'bad'])
    numbers.to_csv(tmp_path/'a.csv', index=False)
    WRITERS[end](numbers, tmp_path/f't.{end}')
    found = []
    for path in (tmp_path/'a.csv', tmp_path/f't.{end}'):
        assert run('fit', path, '--save', tmp_path/'m.safetensors', *PCA)[0]==0
        scores = {}
        score = ['score', path, '--model', tmp_path/'m.safetensors', '--quiet', '--out']
        for out, sep in dict(csv=',', tsv='\t').items():        # an ending says what stands between values
            assert run(*score, tmp_path/f's.{out}')==(0, '', '')
            scores[out] = pd.read_csv(tmp_path/f's.{out}', sep=sep).score
        assert np.array_equal(scores['csv'], scores['tsv'])
        found.append(scores['csv'])
    assert np.allclose(found[1], found[0], rtol=1e-5) and len(found[1])==300


@pytest.fixture
def cracks(tmp_path):
    "Grey plates, some of the test with a bright square; one picture is torn"
    folder = cracked_plates(tmp_path/'pics', {'train/good':120, 'test/good':20, 'test/crack':5}, 16)
    torn = folder/'test/good/007.png'
    torn.write_bytes(torn.read_bytes()[:200])
    return folder


def test_pictures(run, cracks, tmp_path, report):
    model = tmp_path/'m.safetensors'
    assert run('fit', cracks, '--normal', 'good', '--save', model, '--method', 'pca')[0]==0
    header = info(model)
    assert header['prep']['shape']==[1, 16, 16] and header['extra']['rows']==120
    code, _, err = run('score', cracks, '--model', model, '--out', tmp_path/'s.csv')
    assert code==0 and '1 picture skipped; test/good/007.png' in err and err.count('\n')==1
    table = pd.read_csv(tmp_path/'s.csv')
    assert len(table)==24 and [*table.columns]==['file', 'class', 'score', 'p_value', 'flag']
    scores = table.groupby('class').score
    assert scores.min()['crack']>scores.max()['good']
    done, page = report(cracks, tmp_path/'r.html', '--top', '5', model=model)
    assert page.count('class="pic"')==5 and page.count('test/crack/')>=10 and 'AUROC 1.000' in page
    assert done['skipped'][0][0]=='test/good/007.png'
    assert is_mistake(run('score', cracks, '--model', model, '--out', tmp_path/'x.csv', '--strict'))
    assert not (tmp_path/'x.csv').exists()


def test_training_and_scoring_see_the_same_pixels(run, tmp_path):
    folder = tmp_path/'pictures'
    draw(folder, 30, 40, [3])
    for size in (30, 0, -8): assert is_mistake(run('fit', folder, '--save', tmp_path/'m', '--size', size))
    for size, options in ((40, []), (16, ['--size', '16'])):
        assert run('fit', folder, '--save', tmp_path/'m', '--method', 'pca', '--quiet', *options)[0]==0
        est = load(tmp_path/'m')
        x = np.concatenate([chunk.x for chunk in open_for(est, folder).chunks(7)])
        assert est.prep_.shape[1]==x.shape[1]==size and np.array_equal(x, rows_of(folder, size=size).all().x)
        assert np.allclose(np.sort(est.anomaly_score(x)), est.reference_)       # none were held back


def test_a_model_of_an_array_reports(tmp_path, report):
    x = np.random.default_rng(0).normal(size=(80, 3))
    np.savez(tmp_path/'t.npz', x=x)
    model = PCADetector(k=2, random_state=0).fit(x).save(tmp_path/'m')
    for path in (model, save_model(load(model).model_, tmp_path/'old')):        # of format 1 too
        _, page = report(tmp_path/'t.npz', tmp_path/'r.html', '--threshold', '1', model=path)
        assert 'Most anomalous' in page


# A training that was killed

@pytest.fixture
def killed(run, place, tmp_path, monkeypatch):
    "The command of a training that was trained and not yet saved"
    gan = ['--method', 'gan', '--epochs', '1', '--set', 'nz=2']
    fit = ['fit', place/'train.csv', '--save', tmp_path/'m', *LABELS, *gan]
    def stop(*_): raise KeyboardInterrupt
    with monkeypatch.context() as patch:
        patch.setattr('ganad._files.fit_and_score._auroc_of_known', stop)
        assert run(*fit)[0]==130 and (tmp_path/'m.part').exists()
    return fit


def test_what_is_left_of_another_training_is_refused(run, killed, place, tmp_path):
    other = tmp_path/'other.csv'
    other.write_text((place/'train.csv').read_text().rsplit('\n', 2)[0] + '\n')
    assert is_mistake(run('fit', other, *killed[2:]))
    other.unlink()
    for more in ('--seed 1', '--set nz=3', '--batch-size 9'): assert is_mistake(run(*killed, *more.split()))
    assert run(*killed)[0]==0 and [*tmp_path.iterdir()]==[tmp_path/'m']


def refusing(error):
    "An estimator whose training fails with this error"
    def fit(*_, **__): raise error
    return SimpleNamespace(method=SimpleNamespace(labelled=False), fit=fit)


SAYS = dict(seed='another --seed', data='other rows', val='other rows', known='other rows',
            nz='nz is 2, not 3')


@pytest.mark.parametrize('differs,says', SAYS.items())
def test_what_differs_between_two_trainings_is_a_field(differs, says):
    error = CheckpointError('its nz is 2, not 3', 'name another file', file='m.part')
    error.differs = differs
    with pytest.raises(CheckpointError) as raised: fit_rows(refusing(error), pump(3), [])
    assert raised.value is error and says in error.what and 'repeat its command' in error.mend


def test_other_errors_of_a_training_stay_what_they_are():
    for error in (RuntimeError('a matrix is singular'), ZeroDivisionError('no')):
        with pytest.raises(type(error)) as raised: fit_rows(refusing(error), pump(3), [])
        assert raised.value is error


def test_same_seed_same_model(run, place, tmp_path):
    fit = ['fit', place/'train.csv', *LABELS, '--method', 'gan', '--epochs', '2', '--quiet', '--save']
    for name in 'ab': run(*fit, tmp_path/name)
    assert info(tmp_path/'a')['digest']==info(tmp_path/'b')['digest']


# What is around them

def test_info(run, place):
    code, out, _ = run('info', place/'m.safetensors')
    assert code==0 and 'alice' in out and 'heat, °C' in out
    for line in ('drawn by   a rate of false alarms of 0.05, on rows held out', 'p-values   yes',
                 'label      bad', 'dropped    no'):
        assert line in out, out
    assert is_mistake(run('info', place/'train.csv'))
    assert json.loads(run('info', place/'m.safetensors', '--json')[1])['method']=='alice'


def test_methods_and_data(run):
    assert 'twodiscriminators' in run('methods')[1]
    assert len(json.loads(run('methods', '--json')[1])['methods'])>=17
    out = run('data')[1]
    assert 'digits         with scikit-learn' in out and 'kdd99' in out


@pytest.mark.parametrize('shell', ['bash', 'zsh'])
def test_completion(run, shell):
    code, out, _ = run('completion', shell)
    assert code==0 and '--false-alarms' in out and 'score' in out
    if shell=='bash' and sys.platform=='linux':
        subprocess.run(['bash', '-n'], input=out, text=True, check=True)


def test_each_command_has_examples_of_its_own(run):
    "Two or three, that no other shows, and that the parser takes"
    seen = set()
    names = 'demo bench fit score report compare info methods data completion'
    for name in names.split():
        code, out, _ = run(name, '--help')
        lines = re.findall(rf'^  (.*ganad {name}\b.*)$', out.split('examples:')[1], re.MULTILINE)
        assert code==0 and 1<len(lines)<4 and not {*lines} & seen, name
        seen |= {*lines}
        for line in lines:
            typed = re.split(r'  +|>', line.split('ganad ', 1)[1])[0]
            parser().parse_args(shlex.split(typed))
        assert len(re.findall('^  .*ganad ', out.split('examples:')[1], re.MULTILINE))==len(lines)
    code, out, _ = run('--help')
    assert code==0 and 'ganad fit train.csv --save' in out and 'ganad demo --data fashion --normal 1' in out


# What a model remembers of its file

def european(path, n, seed=0):
    rows = pump(n, seed).drop(columns=['no', 'bad'])
    text = rows.round(3).to_csv(index=False, sep='|', decimal=',')
    path.write_text(f'Export of today\n# by hand\n{text}')
    return rows.round(3)


TYPED = ['--sep', '|', '--decimal', ',', '--comment', '#', '--skip-rows', '1']


def test_a_file_like_that_of_the_training_is_read_like_it(run, tmp_path):
    european(tmp_path/'t.csv', 300)
    rows = european(tmp_path/'new.csv', 60, 1)
    fit = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca', '--quiet']
    assert run(*fit, *TYPED)[0]==0
    score = ['score', tmp_path/'new.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv']
    code, _, err = run(*score)
    typed = "--sep '|' --decimal , --comment '#' --skip-rows 1"
    assert code==0 and f'Read as the training file was: {typed}.' in err
    scored = pd.read_csv(tmp_path/'s.csv', sep='|', decimal='.')
    est = load(tmp_path/'m')
    assert np.allclose(scored.score, est.anomaly_score(rows), rtol=1e-6)
    code, out, _ = run('info', tmp_path/'m')
    assert code==0 and f'read with  {typed}' in out
    code, _, err = run(*score, *TYPED)                                # typed again: nothing to say
    assert code==0 and 'Read as' not in err
    code, _, err = run('report', tmp_path/'new.csv', '--model', tmp_path/'m', '--out', tmp_path/'r.html')
    assert code==0 and 'Read as the training file was' in (tmp_path/'r.html').read_text('utf-8')


def test_options_of_its_own_replace_those_of_the_training(run, tmp_path):
    european(tmp_path/'t.csv', 300)
    rows = european(tmp_path/'new.csv', 60, 1)
    assert run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca', '--quiet', *TYPED)[0]==0
    score = ['score', tmp_path/'plain.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv']
    rows.to_csv(tmp_path/'plain.csv', index=False)
    code, _, err = run(*score)
    assert code==2 and "as in training: type others" in err and "--sep '|'" in err and err.count('\n')==1
    assert run(*score, '--sep', ',')[0]==0
    rows.to_parquet(tmp_path/'new.parquet')                          # is no text file
    assert run('score', tmp_path/'new.parquet', '--model', tmp_path/'m', '--out', tmp_path/'p.csv')[0]==0
    assert pd.read_csv(tmp_path/'p.csv').score.equals(pd.read_csv(tmp_path/'s.csv').score)


def test_a_model_without_a_layout_reads_as_before(run, place):
    "As those of older files: nothing is said, and nothing is kept"
    assert not info(place/'m.safetensors')['extra']['layout']
    assert 'read with' not in run('info', place/'m.safetensors')[1]


@pytest.mark.parametrize('layout', [{'sep':'||'}, {'what':1}, {'skip_rows':-1}, {'thousands':'.'}, 7])
def test_a_forged_layout_is_refused(place, tmp_path, layout):
    from ganad.detector import read_tensors, write_tensors
    from ganad.estimator._modelfile import fingerprint
    header, state = read_tensors(place/'m.safetensors')
    header.pop('digest')
    header['extra']['layout'] = layout
    write_tensors(tmp_path/'m', dict(header, digest=fingerprint(header, state)), state)
    with pytest.raises(CheckpointError, match='extra.layout'): load(tmp_path/'m')


@pytest.mark.parametrize('options, counts, counts_not', [
    ([], 'false_alarms 0.05', 'contamination'),
    (['--contamination', '.1'], 'contamination 0.1', 'false_alarms'),
    (['--set', 'threshold=3'], 'threshold 3', 'contamination')])
def test_info_shows_the_setting_that_counts(run, tmp_path, options, counts, counts_not):
    pump(200).drop(columns='no').to_csv(tmp_path/'t.csv', index=False)
    fit = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca', '--quiet', '--label', 'bad']
    assert run(*fit, *options)[0]==0
    line = re.search('^settings .*', run('info', tmp_path/'m')[1], re.MULTILINE)[0]
    assert counts in line and counts_not not in line


# A column that says nothing

@pytest.mark.parametrize('value', ['n/a', '', 'ERR'])
@pytest.mark.parametrize('command', ['score', 'report', 'compare'])
def test_a_column_without_a_value_is_refused(run, tmp_path, value, command):
    train, test = pump(300).drop(columns='no'), pump(60, 1, 6).drop(columns='no')
    train.loc[5:9, 'speed'] = np.nan
    train.drop(columns='bad').to_csv(tmp_path/'t.csv', index=False)
    test.assign(speed=value).to_csv(tmp_path/'silent.csv', index=False)
    out = tmp_path/('o.csv' if command=='score' else 'o.html')
    argv = [tmp_path/'silent.csv', '--model', tmp_path/'m', '--out', out]
    if command=='compare':
        argv = [tmp_path/'t.csv', tmp_path/'silent.csv', '--out', out, '--impute', 'median', '--label', 'bad',
                '--methods', 'pca']
    else:
        fit = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca', '--quiet']
        assert run(*fit, '--impute', 'median')[0]==0
    code, _, err = run(command, *argv)
    assert code==2 and "none of 60 rows has a value in 'speed'" in err and '--drop speed' in err
    assert err.count('\n')==1 and not out.exists()


def test_few_rows_without_a_value_are_scored_and_said(run, tmp_path):
    "One row with a gap is no broken column; nor are 59 of 60"
    train, test = pump(300).drop(columns=['no', 'bad']), pump(60, 1).drop(columns=['no', 'bad'])
    train.loc[5:9, 'speed'] = np.nan
    train.to_csv(tmp_path/'t.csv', index=False)
    fit = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca', '--quiet']
    assert run(*fit, '--impute', 'median')[0]==0
    score = ['score', tmp_path/'few.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv']
    test[:3].assign(speed=np.nan).to_csv(tmp_path/'few.csv', index=False)
    code, _, err = run(*score)
    assert code==0 and "No row has a value in 'speed'" in err and 'say nothing of it' in err
    test.assign(speed=[*[np.nan]*59, 20]).to_csv(tmp_path/'few.csv', index=False)
    code, _, err = run(*score)
    assert code==0 and 'No row has a value' not in err and '59 of 60 rows had gaps' in err


# Which rows are held out

def test_the_last_rows_and_whole_groups_can_be_held_out(run, tmp_path):
    table = pump(600).drop(columns=['bad', 'no']).assign(machine=[f'm{i%12}' for i in range(600)])
    table.to_csv(tmp_path/'t.csv', index=False)
    fit = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca']
    code, _, err = run(*fit, '--groups', 'machine')
    assert code==0 and '2 groups held out' in err
    _, out, _ = run('info', tmp_path/'m')
    assert 'on rows of 2 groups (machine), held out as a whole' in out and 'dropped    machine' in out
    assert 'machine' not in load(tmp_path/'m').prep_.names
    new = pump(30, 1).drop(columns=['bad', 'no'])
    new.to_csv(tmp_path/'new.csv', index=False)                       # needs no such column
    assert run('score', tmp_path/'new.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv')[0]==0
    assert run(*fit, '--hold-out', 'last', '--drop', 'machine')[0]==0
    est = load(tmp_path/'m')
    last = table[-120:].drop(columns='machine')
    assert np.allclose(est.reference_, np.sort(est.anomaly_score(last))), 'the last fifth draws the line'
    assert 'on the last rows, held out' in run('info', tmp_path/'m')[1]
    code, _, err = run(*fit, '--hold-out', 'last', '--drop', 'machine', '--contamination', '.1')
    assert code==0 and 'No rows were held out' in err


def test_what_is_stopped_says_from_where_it_goes_on(run, place, tmp_path, monkeypatch):
    from ganad._files import commands
    def stopped(*_, **__): raise KeyboardInterrupt
    monkeypatch.setattr(commands, 'fit_file', stopped)
    (tmp_path/'m.part').write_bytes(b'')
    code, _, err = run('fit', place/'train.csv', '--save', tmp_path/'m')
    assert code==130 and err==(f"stopped; {tmp_path/'m.part'} keeps the training so far: "
                               "the same command goes on from there\n")


def test_two_ways_to_draw_the_line_exclude_each_other(run, place):
    fit = ['fit', place/'train.csv', '--save', place/'x']
    code, _, err = run(*fit, '--false-alarms', '.1', '--contamination', '.1')
    assert code==2 and 'not allowed with' in err


def test_quiet_and_json(run, place, tmp_path):
    fit = ['fit', place/'train.csv', '--save', tmp_path/'m', *LABELS, *PCA]
    assert run(*fit, '--quiet')==(0, '', '')
    code, out, err = run(*fit, '--json')
    about = json.loads(out)
    assert (code, err)==(0, '')
    assert about['normal']==990 and about['found']['anomalies']==10 and about['threshold']>0
    assert is_mistake(run('score', place/'test.csv', '--model', place/'m.safetensors', '--json'))


def test_threshold_of_ones_own(run, place, tmp_path, score):
    for threshold, n in ((0, 300), (1e9, 0)):
        done = score(place/'test.csv', tmp_path/'x.csv', '--threshold', threshold)
        assert done['flagged']==n==pd.read_csv(tmp_path/'x.csv').flag.sum()
    argv = ['score', place/'test.csv', '--model', place/'m.safetensors', '--out', tmp_path/'y.csv']
    for threshold in ('nan', 'inf'): assert is_mistake(run(*argv, '--threshold', threshold))
    assert not (tmp_path/'y.csv').exists()


def test_a_column_with_a_comma_can_be_dropped(run, tmp_path):
    table = pd.DataFrame({'name, first':[f'n{i}' for i in range(200)], 'a':range(200), 'b':range(200)})
    table.to_csv(tmp_path/'t.csv', index=False)
    fit = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', *PCA]
    code, _, err = run(*fit)
    advice = shlex.split(err.partition('; ')[2])
    assert (code, advice)==(2, ['--drop', '"name, first"']) and run(*fit, *advice)[0]==0
    assert load(tmp_path/'m').feature_names_in_.tolist()==['a', 'b']


@pytest.mark.parametrize('share,n', [(0, 1), (.2, 1), (.3, 0), (None, 0)])
def test_a_collapsed_generator_is_said(share, n):
    found = model_warnings(share)
    assert len(found)==n and all('collapsed: what it makes varies by' in sentence for sentence in found)


@pytest.mark.parametrize('spread', [1, .1, 0])
def test_diversity_is_that_of_what_the_generator_makes(spread):
    model = detectors()['gan'](2, nz=2)
    x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0))
    model.G = torch.nn.Linear(2, 2, bias=False)
    model.G.weight.data = spread*torch.eye(2)
    assert abs(diversity(model, x) - spread)<.1 and bool(model_warnings(diversity(model, x)))==(spread<.25)


# Files to score that are not like the training file

def test_columns_in_another_order_and_more_of_them(place, tmp_path, score):
    done = score(place/'test.csv', tmp_path/'a.csv')
    path = changed(tmp_path, lambda table: table[[*table.columns[::-1]]].assign(wind=7))
    again = score(path, tmp_path/'b.csv')
    assert done['flagged']==again['flagged']
    assert again['notes']==["Columns that the model does not know: 'wind'; not looked at."]
    assert pd.read_csv(tmp_path/'a.csv').score.equals(pd.read_csv(tmp_path/'b.csv').score)


UNLIKE = {                                                    # how it differs; line and column of the error
    'missing column': (lambda t: t.drop(columns=['heat, °C']), None, None),
    'numbers became text': (lambda t: t.assign(speed=t.speed.astype(str) + ' rpm'), 2, 'speed'),
    'decimal comma': (lambda t: t.assign(speed=t.speed.astype(str).str.replace('.', ',')), 2, 'speed'),
    'one typing error': (lambda t: t.assign(speed=[*t.speed[:-1].astype(str), '2O']), 301, 'speed'),
    'missing values': (lambda t: t.assign(flow=t.flow.where(t.index!=200)), 202, 'flow'),
    'infinities': (lambda t: t.assign(flow=t.flow.where(t.index!=7, np.inf)), 9, 'flow'),
    'no rows': (lambda t: t[:0], None, None),
    'already scored': (lambda t: t.assign(score=1), None, None),
}


@pytest.mark.parametrize('change,line,column', UNLIKE.values(), ids=UNLIKE)
def test_unlike_file_is_named_with_its_line(run, place, tmp_path, change, line, column):
    path = changed(tmp_path, change)
    with pytest.raises(DataError) as error: score_file(place/'m.safetensors', path, tmp_path/'s.csv')
    found = error.value
    assert (found.file, found.line, found.column)==(path, line, column), str(found)
    assert is_mistake(run('score', path, '--model', place/'m.safetensors', '--out', tmp_path/'s.csv'))
    assert {path.name for path in tmp_path.iterdir()}=={'t.csv'}


def test_row_of_a_model_is_line_of_the_file_in_any_chunk(tmp_path):
    "A model knows the place among the rows that it was given; the rows of a file come in chunks"
    path = changed(tmp_path, lambda table: table.drop(columns=['no', 'bad']))
    class Model:
        prep_ = SimpleNamespace(names=['speed'])
        def anomaly_score(self, x):
            if 250 in x.index + self.seen: raise DataError('this row', row=250-self.seen, column='speed')
            self.seen += len(x)
            return np.zeros(len(x))
    for n in (7, 100, 300):
        rows = rows_of(path)
        rows.chunks = partial(rows.chunks, n)
        model = Model()
        model.seen = 0
        with pytest.raises(DataError) as error:
            for _ in scored_chunks(model, rows): pass
        assert (error.value.file, error.value.line, error.value.column)==(path, 252, 'speed')


def test_prefix_and_one_row(run, place, tmp_path):
    path = changed(tmp_path, lambda table: table[:1].assign(score=1))
    model = ['--model', place/'m.safetensors', '--out']
    assert run('score', path, '--prefix', 'new_', *model, tmp_path/'s.csv')[0]==0
    assert pd.read_csv(tmp_path/'s.csv').columns[-3:].tolist()==['new_score', 'new_p_value', 'new_flag']
    assert run('report', path, *model, tmp_path/'r.html')[0]==0
    assert 'Only 1 row scored' in (tmp_path/'r.html').read_text()


def test_unseen_categories(tmp_path, score, report):
    path = changed(tmp_path, lambda table: table.assign(**{'mode 🌡':'7'}))       # digits, where words were
    done = score(path, tmp_path/'s.csv')
    assert pd.read_csv(tmp_path/'s.csv').flag.mean()>.5
    reported, page = report(path, tmp_path/'r.html')
    for notes in (done['notes'], reported['notes']):
        assert "300 of 300 values of 'mode 🌡' were never seen in training (7)." in notes
    assert re.search(r'<td>mode 🌡</td>\s*<td>known text</td>\s*<td>100% new text</td>', page)


def test_shifted_scores_are_said(run, place, tmp_path):
    path = changed(tmp_path, lambda table: table.assign(flow=table.flow*3.6))              # another unit
    model = ['--model', place/'m.safetensors', '--out']
    assert 'another unit or sensor' in run('report', path, *model, tmp_path/'r.html')[2]
    assert 'another unit or sensor' in run('score', path, *model, tmp_path/'s.csv')[2]
    page = (tmp_path/'r.html').read_text()
    assert 'Columns that have moved' in page and '<td>flow</td>' in page
    assert 'very rows of the training' in run('report', place/'train.csv', *model, tmp_path/'r.html')[2]


# Files to learn from

POOR = {
    'constant column': (lambda table: table.assign(k=7), "Constant in training: 'k'"),
    'duplicates only': (lambda table: pd.concat([table[:1]]*300), 'All rows are the same'),
    'few rows': (lambda table: table[:40], 'Only 40 rows to learn from'),
    'too few to promise': (lambda table: table[:90], 'too few to promise a rate of false alarms'),
    'rows by heart': (lambda table: table[:90], 'of new normal rows perhaps many more'),
    'number of an order': (lambda table: table.assign(**{'order id':range(7000, 7600, 2)}),
                           "'order id' only rises, as row numbers do; --drop 'order id'"),
}


@pytest.mark.parametrize('change,note', POOR.values(), ids=POOR)
@pytest.mark.parametrize('method', [['alad', '--epochs', '2'], ['pca']], ids=['alad', 'pca'])
def test_poor_training_file_is_learned_and_said(run, tmp_path, change, note, method):
    change(pump(300).drop(columns=['no', 'bad'])).to_csv(tmp_path/'t.csv', index=False)
    code, _, err = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', *method)
    assert code==0 and note in err
    assert run('score', tmp_path/'t.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv')[0]==0
    assert np.isfinite(pd.read_csv(tmp_path/'s.csv').score).all()


@pytest.mark.parametrize('method', ['pca', 'classifier'])
def test_gaps_are_named_by_line(run, tmp_path, method):
    "Rows that are held back, and known anomalies, are counted, too, and lines are those of the file"
    table = pump(300, broken=10)
    table.loc[200:, 'flow'] = np.nan
    table.loc[250, 'mode 🌡'] = None
    table.to_csv(tmp_path/'t.csv', index=False)
    result = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', *LABELS, '--method', method)
    assert is_mistake(result)
    for part in ('t.csv', '100', 'line 202'): assert part in result[2], result


def test_impute(run, tmp_path):
    table = pump(300).drop(columns=['no', 'bad'])
    table.loc[::9, 'flow'] = np.nan
    table.loc[::7, 'mode 🌡'] = None
    table.to_csv(tmp_path/'t.csv', index=False)
    assert run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', *PCA, '--impute', 'most_frequent')[0]==0
    _, out, _ = run('score', tmp_path/'t.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv', '--json')
    assert json.loads(out)['rows']==300


@pytest.mark.parametrize('seed', ['-1', '4294967296'])
def test_settings_are_looked_at_before_the_training(run, place, tmp_path, monkeypatch, seed):
    monkeypatch.setattr('ganad._files.fit_and_score.fit_rows', trains_for_nothing)
    fit = ['fit', place/'train.csv', '--save', tmp_path/'x', *LABELS]
    for more in (['--seed', seed], ['--set', 'random_state=x'], ['--size', '30'], ['--save', tmp_path]):
        assert is_mistake(run(*fit, *more))
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize('setting', ['--set nz=-1', '--set nets=3', '--device tpu'])
def test_settings_that_make_no_model(run, place, tmp_path, setting):
    assert is_mistake(run('fit', place/'train.csv', '--save', tmp_path/'x', *LABELS, *setting.split()))
    assert not [*tmp_path.iterdir()]


def test_settings_reach_the_model(run, place, tmp_path):
    fit = ['fit', place/'train.csv', '--save', tmp_path/'x', *LABELS, *PCA]
    assert run(*fit, '--set', 'random_state=1')[0]==0
    assert info(tmp_path/'x')['settings']['random_state']==1 and [*tmp_path.iterdir()]==[tmp_path/'x']


def test_what_is_read_is_never_written_over(run, place, tmp_path):
    model = place/'m.safetensors'
    was = {path:path.read_bytes() for path in (place/'test.csv', model)}
    for command in ('score', 'report'):
        argv = [command, place/'test.csv', '--model', model, '--out']
        for path in was: assert is_mistake(run(*argv, path))
        assert is_mistake(run(*argv, tmp_path))
    roundabout = place/'x/../test.csv'
    assert is_mistake(run('fit', place/'test.csv', '--drop', 'no', '--save', roundabout, *PCA))
    assert all(path.read_bytes()==content for path, content in was.items())


def test_a_pipe_is_no_file_to_write(run, place, tmp_path):
    if not hasattr(os, 'mkfifo'): pytest.skip('no pipes with names here')
    pipe = tmp_path/'pipe'
    os.mkfifo(pipe)
    assert is_mistake(run('score', place/'test.csv', '--model', place/'m.safetensors', '--out', pipe))
    assert pipe.is_fifo()


def test_models_that_are_none(run, place, tmp_path):
    cut = tmp_path/'cut'
    cut.write_bytes((place/'m.safetensors').read_bytes()[:-9])
    assert is_mistake(run('info', cut))
    for path in (place/'train.csv', tmp_path/'nothing', cut):
        assert is_mistake(run('score', place/'test.csv', '--model', path))


def trains_for_nothing(*_): pytest.fail('it trained for nothing')


# Disks

NOWHERE = {'no folder may be made':'/proc/nothing/m', 'a folder that nobody writes to':'/sys/m',
           'a file in the place of the folder':'/dev/null/m'}


@pytest.mark.skipif(sys.platform!='linux', reason='folders that root cannot write to')
@pytest.mark.parametrize('path', NOWHERE.values(), ids=NOWHERE)
def test_read_only_folder_is_said_before_the_training(run, place, path, monkeypatch):
    monkeypatch.setattr('ganad._files.fit_and_score.fit_rows', trains_for_nothing)
    results = [run('fit', place/'train.csv', '--save', path, *LABELS)]
    for command in ('score', 'report'):
        results.append(run(command, place/'test.csv', '--model', place/'m.safetensors', '--out', path))
    for result in results: assert is_mistake(result) and 'cannot write' in result[2]


@LIMITS
@pytest.mark.parametrize('what', ['fit', 'score', 'report', 'checkpoint'])
def test_full_disk_leaves_what_was_there(run, place, tmp_path, what):
    "A limit on the size of files stands in for a full disk: writing fails in the middle"
    out, table, model = tmp_path/'out', place/'train.csv', place/'m.safetensors'
    old = model.read_bytes()                                  # a model: nothing else is written over
    out.write_bytes(old)
    fit = ['fit', table, '--save', out, *LABELS, '--method']
    judge = [table, '--model', model, '--out', out]
    argv = dict(score=['score', *judge], report=['report', *judge], fit=[*fit, 'knn'],
                checkpoint=[*fit, 'alice', '--epochs', '2'])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, hard))
    try: result = run(*argv[what])
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert is_mistake(result) and re.search('[Ff]ile too large|room|cannot be written', result[2]), result
    assert out.read_bytes()==old and [*tmp_path.iterdir()]==[out]


@pytest.mark.skipif(sys.platform!='linux' or os.geteuid()!=0, reason='needs root for a disk of its own')
def test_a_disk_that_is_really_full(run, place, tmp_path):
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', tmp_path]
    if subprocess.run(mount, capture_output=True).returncode: pytest.skip('a container may not mount')
    try:
        score = ['score', place/'train.csv', '--model', place/'m.safetensors', '--out', tmp_path/'s.csv']
        fit = ['fit', place/'train.csv', '--save', tmp_path/'m', *LABELS, '--method', 'knn']
        for argv in (score, fit):
            result = run(*argv)
            assert is_mistake(result) and 'free some' in result[2]
        assert not [*tmp_path.iterdir()]
    finally: subprocess.run(['umount', tmp_path], check=True)


# Size

def big(path, rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    lines = [csv_line([f'{value:.6f}' for value in row]) + '\n' for row in rng.normal(size=(2_000, columns))]
    with open(path, 'w') as file:
        file.write(','.join(f'c{i}' for i in range(columns)) + '\n')
        for _ in range(rows//2_000): file.writelines(lines)
    return path


PEAK = """import resource, sys
from ganad.cli import main
try: main(sys.argv[1:])
except SystemExit as end: assert not end.code
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, file=sys.stderr)"""


def peak(*argv):
    "Memory of a process of its own, in MB"
    done = prepared.run('-c', PEAK, *argv, env=ENV)
    assert done.returncode==0, done.stderr
    return int(done.stderr.split()[-1])


def lines_of(path):
    with open(path) as file: return sum(1 for _ in file)


@LIMITS
def test_memory_does_not_grow_with_the_file(run, tmp_path):
    model, out = tmp_path/'m', tmp_path/'o.csv'
    assert run('fit', big(tmp_path/'t.csv', 2_000, 10), '--save', model, '--method', 'pca')[0]==0
    small = peak('score', big(tmp_path/'s.csv', 10_000, 10), '--model', model, '--out', out)
    large = peak('score', big(tmp_path/'l.csv', 100_000, 10, 1), '--model', model, '--out', out)
    assert lines_of(out)==100_001 and large<small + 100, (small, large)


@LIMITS
@pytest.mark.slow
def test_a_million_rows(tmp_path):
    path, model, out = big(tmp_path/'t.csv', 1_000_000, 40), tmp_path/'m', tmp_path/'s.csv'
    fit = ['fit', path, '--save', model, '--method', 'alad', '--epochs', '1', '--batch-size', '4096']
    print('fit', peak(*fit), 'MB')
    assert peak('score', path, '--model', model, '--out', out)<1000
    assert lines_of(out)==1_000_001


def test_notes_of_the_training_are_called_so_in_a_report(run, tmp_path, report):
    rows = pump(300).drop(columns=['no'])
    rows.assign(flow=['?' if i%30==0 else value for i, value in enumerate(rows.flow)]).to_csv(
        tmp_path/'train.csv', index=False)
    fit = ['fit', tmp_path/'train.csv', '--save', tmp_path/'m', '--impute', 'median', '--quiet', *PCA]
    assert run(*fit, '--label', 'bad')[0]==0
    pump(300, 2).drop(columns='no').to_csv(tmp_path/'test.csv', index=False)
    model = '--model', tmp_path/'m', '--out', tmp_path/'r.html'
    _, _, err = run('report', tmp_path/'test.csv', *model)
    gaps, = [line for line in err.splitlines() if 'taken for gaps' in line]
    assert gaps.startswith("ganad: In training: 10 values of 'flow'")
    code, out, _ = run('report', tmp_path/'train.csv', *model, '--json')
    assert code==0 and sum('taken for gaps' in note for note in json.loads(out)['notes'])==1


@pytest.mark.parametrize('typed', [['--out', '~/new/{}'], ['--out=~/new/{}']])
def test_outputs_in_the_home_folder_lie_there(run, place, tmp_path, monkeypatch, typed):
    monkeypatch.setenv('HOME', str(tmp_path/'home'))
    monkeypatch.setenv('USERPROFILE', str(tmp_path/'home'))
    monkeypatch.chdir(tmp_path)
    save = [text.replace('--out', '--save').format('m') for text in typed]
    assert run('fit', place/'train.csv', *save, *LABELS, *PCA, '--quiet')[0]==0
    for command, name in (('score', 's.csv'), ('report', 'r.html')):
        out = [text.format(name) for text in typed]
        assert run(command, place/'test.csv', '--model', '~/new/m', *out, '--quiet')[0]==0
    assert sorted(path.name for path in (tmp_path/'home'/'new').iterdir())==['m', 'r.html', 's.csv']
    load(tmp_path/'home'/'new'/'m').save('~/again')
    assert (tmp_path/'home'/'again').is_file() and not (tmp_path/'~').exists()


def test_new_words_that_do_not_count_are_said_to_be_so(run, tmp_path):
    rng = np.random.default_rng(0)
    words = pd.DataFrame(dict(heat=rng.normal(size=400), part=[f'p{i//2}' for i in range(400)]))
    words.to_csv(tmp_path/'train.csv', index=False)
    few = words.assign(part=[f'p{i%3}' for i in range(400)])
    few.to_csv(tmp_path/'few.csv', index=False)
    words.assign(part='new').to_csv(tmp_path/'test.csv', index=False)
    for train, counts in (('train', False), ('few', True)):
        fit = ['fit', tmp_path/f'{train}.csv', '--save', tmp_path/train, '--quiet', '--method', 'knn']
        assert run(*fit)[0]==0
        scores = '--model', tmp_path/train, '--out', tmp_path/'s.csv'
        _, _, err = run('score', tmp_path/'test.csv', *scores)
        assert "'part' were never seen" in err and ('no score counts them' in err)!=counts


def test_ten_thousand_columns(run, tmp_path):
    table = pd.read_csv(big(tmp_path/'t.csv', 2_000, 500), nrows=60)
    wide, model, out = tmp_path/'wide.csv', tmp_path/'m', tmp_path/'s.csv'
    pd.concat([table.add_prefix(f'{i}_') for i in range(20)], axis=1).to_csv(wide, index=False)
    assert run('fit', wide, '--save', model, '--method', 'pca', '--quiet')[0]==0
    assert run('score', wide, '--model', model, '--out', out, '--quiet')[0]==0
    assert info(model)['features']==10_000 and lines_of(out)==61
