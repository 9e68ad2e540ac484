"The commands for files of one's own: what fit, score and report do, and go on from"
import json
import re
import shlex
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from project import cracked_plates
from pumps import LABELS, PCA, TEST, changed, is_mistake, place, pump, report, score

from ganad.cli import parser
from ganad.core import CheckpointError
from ganad.detector import save_model
from ganad.estimator import PCADetector, info, load
from ganad._files.fit_and_score import fit_rows
from ganad._files.scored import open_for
from ganad._files.pictures import rows_of
from ganad._files.report import usual_values


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


def test_more_neighbours_than_rows_are_said(run, place, tmp_path):
    "From the command line as from Python: all rows are neighbours then"
    argv = 'fit', place/'train.csv', *LABELS, '--set', 'k=5000', '--save', tmp_path/'m.safetensors'
    code, _, err = run(*argv)
    assert code==0 and 'k=5000 neighbours' in err and 'a smaller k' in err


TYPED = [('whiten=true', True), ('whiten=False', False), ('whiten=1', True)]


@pytest.mark.parametrize('typed,learned', TYPED)
def test_true_and_false_may_be_typed_in_any_way(run, place, tmp_path, typed, learned):
    fit = 'fit', place/'train.csv', *PCA, *LABELS, '--save', tmp_path/'m.safetensors'
    assert run(*fit, '--set', typed)[0]==0
    assert load(tmp_path/'m.safetensors').whiten is learned
    code, _, err = run(*fit, '--set', 'whiten=perhaps')
    assert code==2 and "'perhaps' is neither true nor false" in err


def test_columns_left_out_one_by_one_are_all_left_out(run, place, tmp_path):
    fit = 'fit', place/'train.csv', *PCA, '--label', 'bad', '--save', tmp_path/'m.safetensors'
    assert run(*fit, '--drop', 'no', '--drop', 'flow')[0]==0
    assert [*load(tmp_path/'m.safetensors').feature_names_in_]==['mode 🌡', 'speed', 'heat, °C']


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


@pytest.mark.parametrize('method', ['knn', 'pca'])
def test_a_quick_method_leaves_the_training_of_another_alone(run, killed, place, tmp_path, method):
    quick = ['fit', place/'train.csv', '--save', tmp_path/'m', *LABELS, '--method', method]
    kept = (tmp_path/'m.part').read_bytes()
    assert is_mistake(result := run(*quick)) and 'm.part: of another training' in result[2]
    assert (tmp_path/'m.part').read_bytes()==kept and not (tmp_path/'m').exists()
    assert run(*killed)[0]==0 and [*tmp_path.iterdir()]==[tmp_path/'m']


def refusing(error):
    "An estimator whose training fails with this error"
    def fit(*_, **__): raise error
    return SimpleNamespace(method=SimpleNamespace(labelled=False), fit=fit)


def test_a_checkpoint_of_another_training_can_be_gone_on_with_by_its_command():
    error = CheckpointError('its nz is 2, not 3', 'name another file', file='m.part')
    with pytest.raises(CheckpointError) as raised: fit_rows(refusing(error), pump(3), [])
    assert raised.value is error and 'repeat its command' in error.hint


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
        assert code==0 and 1<len(lines)<5 and not {*lines} & seen, name
        seen |= {*lines}
        for line in lines:
            typed = re.split(r'  +|>', line.split('ganad ', 1)[1])[0]
            parser().parse_args(shlex.split(typed))
        assert len(re.findall('^  .*ganad ', out.split('examples:')[1], re.MULTILINE))==len(lines)
    code, out, _ = run('--help')
    assert code==0 and 'ganad fit train.csv --save' in out and 'ganad demo --data fashion --normal 1' in out
