"`ganad fit`, `score`, `report` on your own files: right answers, or one line that says what to mend"
import json, os, re, shlex, subprocess, sys
from pathlib import Path
import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image
from ganad.cli import main
from ganad.detector import detectors, save_model
from ganad.estimator import PCADetector, info, load
from ganad.files.readers import csv_line, rows_of
from ganad.files.fit_and_score import of_model, reader, variety
from ganad.files.report import usual

try: import resource
except ImportError: resource = None          # Windows
LIMITS = pytest.mark.skipif(resource is None, reason='POSIX limits')

ENV = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(Path(__file__).parents[1])}
FIT = ['--method', 'pca', '--set', 'k=2']


def pump(n, seed=0, broken=0):
    r = np.random.default_rng(seed); fast = r.random(n) < .4; speed = np.where(fast, 50, 20) + r.normal(0, 2, n)
    heat = 30 + .5*speed + r.normal(0, 1, n) + 15*(np.arange(n) < broken)
    return pd.DataFrame({'no': [f'{i:05}' for i in range(n)], 'mode 🌡': np.where(fast, 'fast', 'eco'), 'speed': speed, 'heat, °C': heat,
                         'flow': 2*speed + r.normal(0, 3, n), 'bad': (np.arange(n) < broken).astype(int)})


@pytest.fixture(scope='module')
def at(tmp_path_factory):
    "A folder with pumps, a model of them, and pumps to score"
    d = tmp_path_factory.mktemp('own')
    pump(1000, broken=10).to_csv(d/'train.csv', index=False); pump(300, 1, 12).to_csv(d/'test.csv', index=False)
    with pytest.raises(SystemExit) as e:
        main(['fit', f'{d}/train.csv', '--save', f'{d}/m.safetensors', '--label', 'bad', '--drop', 'no', '--quiet',
              '--method', 'alice', '--set', 'nz=2', '--epochs', '40'])
    assert e.value.code == 0
    return d


def bad(got, text):
    "It ended with code 2 and one line that says `text`, and what to do"
    code, out, err = got
    assert code == 2 and err.count('\n') == 1 and err.startswith('ganad: ') and 'Traceback' not in err, got
    assert re.search(text, err), err


# What the three commands do

def test_scores_stand_beside_the_rows_as_they_were(run, at):
    code, out, err = run('score', at/'test.csv', '--model', at/'m.safetensors', '--out', at/'scores.csv')
    assert (code, err) == (0, '') and 'of 300 rows score above' in out
    a, b = (f.read_text('utf-8').splitlines() for f in (at/'test.csv', at/'scores.csv'))
    assert len(a) == len(b) == 301 and all(y.startswith(x + ',') for x, y in zip(a, b)) and b[0].endswith(',score,p_value,flag')
    t = pd.read_csv(at/'scores.csv', dtype=dict(no=str))
    est = load(at/'m.safetensors'); s = est.anomaly_score(pump(300, 1, 12).drop(columns=['no', 'bad']))
    assert np.allclose(t.score, s, rtol=1e-6) and (t.flag == (s > est.threshold_)).all() and np.allclose(t.p_value, est.p_values(pump(300, 1, 12).drop(columns=['no', 'bad'])), atol=1e-3)
    assert t.flag[:12].mean() > .9 and t.flag[12:].mean() < .15 and t.no[1] == '00001'
    code, out, err = run('score', at/'test.csv', '--model', at/'m.safetensors')                    # to standard output
    assert (code, err) == (0, '') and out == (at/'scores.csv').read_text('utf-8')


def test_report_says_which_and_why(run, at):
    code, out, err = run('report', at/'test.csv', '--model', at/'m.safetensors', '--out', at/'r.html', '--json')
    r = json.loads(out); page = (at/'r.html').read_text('utf-8')
    assert code == 0 and r['rows'] == 300 and not re.search(r'(src|href)="(?!data:)', page) and 'http' not in page
    for part in ('Warnings', 'Against the labels', 'Most anomalous', 'Scores', 'Training', 'Data and settings', 'type="range"', 'AUROC'):
        assert part in page, part
    rows = re.findall(r'<tr>\s*<td>(\d+)</td>\s*<td>[\d.]+</td>', page)
    assert len(rows) == 12 and {*map(int, rows)} <= {*range(2, 14)} and page.count('heat, °C') >= 12       # the broken ones, for their heat
    assert '.top td:nth-child(4){min-width:14rem}' in page                                 # on a phone, too
    head = re.findall('<th>(.*?)</th>', page); assert head[:6] == ['line', 'score', 'p-value', 'why', 'no', 'bad']        # who it is, and what its label says
    pts, start = json.loads(re.search('const S=(.*), k=', page)[1]), int(re.search('max="[0-9]+" value="([0-9]+)"', page)[1])
    n, t, usual = pts[start]; said = re.search('class="verdict">(.*?)</p>', page)[1]                    # the slider begins at the verdict, and says the same
    assert n == r['flagged'] and t == r['threshold'] and said.endswith(usual) and 'held-out normal rows' in usual
    assert f"ganad score {at/'test.csv'} --model" in page and '--prefix' not in page


def test_report_of_awkward_files(run, at, tmp_path):
    f = changed(at, tmp_path, lambda t: t.assign(flag=0)).rename(tmp_path/"pump's data.csv")
    assert run('report', f, '--model', at/'m.safetensors', '--out', tmp_path/'r.html')[0] == 0
    assert 'ganad score ' + json.dumps(shlex.quote(str(f)))[1:-1] in (tmp_path/'r.html').read_text() and '--prefix new_"' in (tmp_path/'r.html').read_text()
    for i in range(30): Image.fromarray(np.random.default_rng(i).integers(256, size=(8, 8)).astype('u1')).save(tmp_path/f'{i:02}.png')
    assert run('fit', tmp_path, '--save', tmp_path/'p', '--method', 'pca', '--quiet')[0] == 0
    argv = ['report', tmp_path, '--model', tmp_path/'p', '--out', tmp_path/'r.html', '--json']
    assert not [n for n in json.loads(run(*argv)[1])['notes'] if 'label' in n]                          # one folder: no labels
    for i in range(30): (tmp_path/('ok' if i else 'torn')).mkdir(exist_ok=True); (tmp_path/f'{i:02}.png').rename(tmp_path/('ok' if i else 'torn')/f'{i:02}.png')
    assert '--normal ok' in json.loads(run(*argv)[1])['notes'][0]
    assert 'AUROC' not in (tmp_path/'r.html').read_text() and run(*argv, '--normal', 'ok')[0] == 0 and 'AUROC' in (tmp_path/'r.html').read_text()
    bad(run(*argv, '--normal', 'good'), "no label in .* 'good'; there are: ok, torn")


def test_usual_values_are_possible_ones(tmp_path):
    r = np.random.default_rng(0); t = pd.DataFrame(dict(a=r.exponential(size=300), b=r.normal(size=300)))
    est = load(PCADetector(k=1, random_state=0).fit(t).save(tmp_path/'m'))
    assert [float(v) for v in usual(est, 0).split(' to ')] == pytest.approx(np.quantile(t.a, [.025, .975]), rel=.01)
    est.prep_.middle = []; assert usual(est, 0).startswith('-')                                 # a file from before: mean and deviation


def test_endings_are_kept_or_refused(run, at, tmp_path):
    argv = ['score', at/'test.csv', '--model', at/'m.safetensors', '--out']
    assert run(*argv, tmp_path/'s.csv.gz')[0] == 0 and len(pd.read_csv(tmp_path/'s.csv.gz')) == 300
    code, out, err = run(*argv, '-'); assert code == 0 and out.startswith('no,mode') and out.count('\n') == 301
    for f in 's.parquet', 's.npz', 's.xlsx': bad(run(*argv, tmp_path/f), 'name it .csv or')
    bad(run('report', *argv[1:], tmp_path/'r.pdf'), 'name it .html'); bad(run('report', *argv[1:], '-'), 'no name of a file')
    assert [*tmp_path.iterdir()] == [tmp_path/'s.csv.gz']


def test_known_anomalies_are_kept_out_and_measured(at):
    h = info(at/'m.safetensors')['extra']
    assert (h['normal'], h['anomalies'], h['label'], h['drop'], h['file']) == (990, 10, 'bad', ['no'], 'train.csv')
    assert h['found']['auroc'] > .9 and h['found']['normal'] == 198
    assert 'bad' not in load(at/'m.safetensors').feature_names_in_


def test_labelled_method_gets_them(run, at, tmp_path):
    m = tmp_path/'c.safetensors'
    assert run('fit', at/'train.csv', '--save', m, '--label', 'bad', '--drop', 'no', '--method', 'classifier', '--epochs', '5')[0] == 0
    assert info(m)['data']['known'] == 10
    bad(run('fit', at/'test.csv', '--save', m, '--drop', 'no,bad', '--method', 'classifier'), 'learns from known anomalies: --label')


@pytest.mark.parametrize('end', ['parquet', 'npz', 'csv.gz', 'tsv'])
def test_other_kinds_of_files_score_the_same(run, at, tmp_path, end):
    num = pump(300).drop(columns=['no', 'mode 🌡', 'bad']); f = tmp_path/f't.{end}'
    num.to_csv(tmp_path/'a.csv', index=False)
    if end == 'parquet': num.to_parquet(f)
    elif end == 'npz': np.savez(f, num.to_numpy())
    else: num.to_csv(f, index=False, sep='\t' if end == 'tsv' else ',')
    got = {}
    for data in (tmp_path/'a.csv', f):
        assert run('fit', data, '--save', tmp_path/'m.safetensors', *FIT)[0] == 0
        assert run('score', data, '--model', tmp_path/'m.safetensors', '--out', tmp_path/'s.csv', '--quiet') == (0, '', '')
        got[data] = pd.read_csv(tmp_path/'s.csv').score
        assert run('score', data, '--model', tmp_path/'m.safetensors', '--out', tmp_path/'s.tsv', '--quiet') == (0, '', '')
        assert np.array_equal(pd.read_csv(tmp_path/'s.tsv', sep='\t').score, got[data]), 'what a name ends in is what stands between the values'
    assert np.allclose(got[f], got[tmp_path/'a.csv'], rtol=1e-5) and len(got[f]) == 300


def test_pictures(run, tmp_path):
    rng = np.random.default_rng(0)
    for part, c, n in (('train', 'good', 120), ('test', 'good', 20), ('test', 'crack', 5)):
        (tmp_path/'pics'/part/c).mkdir(parents=True)
        for i in range(n):
            x = rng.normal(150, 20, (16, 16)); x[4:12, 4:12] += 90*(c == 'crack')
            Image.fromarray(x.clip(0, 255).astype('u1')).save(tmp_path/'pics'/part/c/f'{i:03}.png')
    torn = tmp_path/'pics/test/good/007.png'; torn.write_bytes(torn.read_bytes()[:200])
    m = tmp_path/'m.safetensors'
    assert run('fit', tmp_path/'pics', '--normal', 'good', '--save', m, '--method', 'pca')[0] == 0
    h = info(m); assert h['prep']['shape'] == [1, 16, 16] and h['extra']['rows'] == 120
    code, out, err = run('score', tmp_path/'pics', '--model', m, '--out', tmp_path/'s.csv')
    assert code == 0 and '1 picture skipped; test/good/007.png' in err and err.count('\n') == 1
    t = pd.read_csv(tmp_path/'s.csv'); assert len(t) == 24 and [*t.columns] == ['file', 'class', 'score', 'p_value', 'flag']
    assert t[t['class'] == 'crack'].score.min() > t[t['class'] == 'good'].score.max()
    code, out, err = run('report', tmp_path/'pics', '--model', m, '--out', tmp_path/'r.html', '--json', '--top', '5')
    page, r = (tmp_path/'r.html').read_text(), json.loads(out)
    assert page.count('class="pic"') == 5 and page.count('test/crack/') >= 10 and r['skipped'][0][0] == 'test/good/007.png' and 'AUROC 1.000' in page
    bad(run('score', tmp_path/'pics', '--model', m, '--out', tmp_path/'x.csv', '--strict'), 'test/good/007.png cannot be read')
    assert not (tmp_path/'x.csv').exists()
    (tmp_path/'two').mkdir(); (tmp_path/'pics/test').rename(tmp_path/'two/a')
    bad(run('fit', tmp_path/'two', '--save', m, '--normal', 'god'), "no label in .* 'god'; there are: a")


def test_training_and_scoring_see_the_same_pixels(run, tmp_path):
    for i in range(30): Image.fromarray(np.random.default_rng(i).integers(256, size=(40, 40, 3)).astype('u1')).save(tmp_path/f'{i:02}.png')
    for size in 30, 0, -8: bad(run('fit', tmp_path, '--save', tmp_path/'m', '--size', size), f'--size {size} cannot be halved .* give 8, 16')
    for size in [], ['--size', '16']:
        assert run('fit', tmp_path, '--save', tmp_path/'m', '--method', 'pca', '--quiet', *size)[0] == 0
        est = load(tmp_path/'m'); side = est.prep_.shape[1]
        x = np.concatenate([p.x for p in reader(est, tmp_path).parts(7)])
        assert side == (16 if size else 40) and np.array_equal(x, rows_of(tmp_path, size=side).all().x) and x.shape[1] == side
        assert np.allclose(np.sort(est.anomaly_score(x)), est.reference_)                           # none held back: the threshold saw these


def test_a_model_of_an_array_reports(run, tmp_path):
    x = np.random.default_rng(0).normal(size=(80, 3)); np.savez(tmp_path/'t.npz', x=x)
    m = PCADetector(k=2, random_state=0).fit(x).save(tmp_path/'m')
    for f in m, save_model(load(m).model_, tmp_path/'old'):                                         # of format 1 too
        argv = ['report', tmp_path/'t.npz', '--model', f, '--out', tmp_path/'r.html', '--threshold', '1']
        assert run(*argv)[0] == 0 and 'Most anomalous' in (tmp_path/'r.html').read_text()


def test_what_is_left_of_another_training_is_named(run, at, tmp_path, monkeypatch):
    fit = ['fit', at/'train.csv', '--save', tmp_path/'m', '--label', 'bad', '--drop', 'no', '--method', 'gan', '--epochs', '1', '--set', 'nz=2']
    with monkeypatch.context() as m:
        m.setattr('ganad.files.fit_and_score.known_apart', lambda *a: (_ for _ in ()).throw(KeyboardInterrupt))             # trained, not yet saved
        assert run(*fit)[0] == 130 and (tmp_path/'m.part').exists()
    other = tmp_path/'other.csv'; other.write_text((at/'train.csv').read_text().rsplit('\n', 2)[0] + '\n')
    bad(run('fit', other, *fit[2:]), 'm.part is of another training: it had other rows .of a file or label, or held out.; delete it')
    other.unlink()
    for more, why in ((['--seed', '1'], 'it had another --seed'), (['--set', 'nz=3'], 'its nz is 2, not 3'), (['--batch-size', '9'], 'its bs is 64, not 9')):
        bad(run(*fit, *more), f'm.part is of another training: {why}; delete it, or repeat its command')
    assert run(*fit)[0] == 0 and [*tmp_path.iterdir()] == [tmp_path/'m']


def test_same_seed_same_model(run, at, tmp_path):
    for n in 'ab': run('fit', at/'train.csv', '--save', tmp_path/n, '--label', 'bad', '--drop', 'no', '--method', 'gan', '--epochs', '2', '--quiet')
    assert info(tmp_path/'a')['digest'] == info(tmp_path/'b')['digest']


# What is around them

def test_info_methods_data_completion(run, at):
    code, out, err = run('info', at/'m.safetensors'); assert code == 0 and 'alice' in out and 'heat, °C' in out
    for line in 'drawn by   a rate of false alarms of 0.05, on rows held out', 'p-values   yes', 'label      bad', 'dropped    no': assert line in out, out
    bad(run('info', at/'train.csv'), 'is no model of ganad; give a file made by save')
    code, out, err = run('fit', at/'train.csv', '--save', at/'x', '--false-alarms', '.1', '--contamination', '.1'); assert code == 2 and 'not allowed with' in err
    assert json.loads(run('info', at/'m.safetensors', '--json')[1])['method'] == 'alice'
    assert 'twodiscriminators' in run('methods')[1] and len(json.loads(run('methods', '--json')[1])['methods']) >= 17
    out = run('data')[1]; assert 'digits         with scikit-learn' in out and 'kdd99' in out
    for shell in ('bash', 'zsh'):
        code, out, err = run('completion', shell); assert code == 0 and '--false-alarms' in out and 'score' in out
    if sys.platform == 'linux': subprocess.run(['bash', '-n'], input=run('completion', 'bash')[1], text=True, check=True)


def test_help_has_examples(run):
    for c in ('fit', 'score', 'report', 'info', 'methods', 'data', 'completion'):
        code, out, _ = run(c, '--help'); assert code == 0 and 'ganad fit train.csv --method alad --save m.safetensors' in out
    assert 'score' in run('--help')[1]


def test_quiet_and_json(run, at, tmp_path):
    assert run('fit', at/'train.csv', '--save', tmp_path/'m', '--label', 'bad', '--drop', 'no', *FIT, '--quiet') == (0, '', '')
    code, out, err = run('fit', at/'train.csv', '--save', tmp_path/'m', '--label', 'bad', '--drop', 'no', *FIT, '--json')
    r = json.loads(out); assert (code, err) == (0, '') and r['normal'] == 990 and r['found']['anomalies'] == 10 and r['threshold'] > 0
    bad(run('score', at/'test.csv', '--model', at/'m.safetensors', '--json'), 'give --out')


def test_threshold_of_ones_own(run, at):
    for t, n in ((0, 300), (1e9, 0)):
        r = json.loads(run('score', at/'test.csv', '--model', at/'m.safetensors', '--threshold', t, '--out', at/'x.csv', '--json')[1])
        assert r['flagged'] == n == pd.read_csv(at/'x.csv').flag.sum()


    for t in 'nan', 'inf': bad(run('score', at/'test.csv', '--model', at/'m.safetensors', '--threshold', t, '--out', at/'y.csv'), f'threshold {t}; give a finite')
    assert not (at/'y.csv').exists()


def test_a_column_with_a_comma_can_be_dropped(run, tmp_path):
    pd.DataFrame({'name, first': [f'n{i}' for i in range(200)], 'a': range(200), 'b': range(200)}).to_csv(tmp_path/'t.csv', index=False)
    code, out, err = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', *FIT); drop = shlex.split(err.split('; ')[1])
    assert (code, drop) == (2, ['--drop', '"name, first"']) and run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', *FIT, *drop)[0] == 0
    assert load(tmp_path/'m').feature_names_in_.tolist() == ['a', 'b']


@pytest.mark.parametrize('share,n', [(0, 1), (.2, 1), (.3, 0), (None, 0)])
def test_a_collapsed_generator_is_said(share, n):
    assert len(of_model(share)) == n and all('collapsed: what it makes varies by' in t for t in of_model(share))


def test_variety_is_that_of_what_the_generator_makes():
    m = detectors()['gan'](2, nz=2); x = torch.randn(500, 2, generator=torch.Generator().manual_seed(0)); m.nz = 2
    for k in 1, .1, 0:
        m.G = torch.nn.Linear(2, 2, bias=False); m.G.weight.data = k*torch.eye(2)
        assert abs(variety(m, x) - k) < .1 and bool(of_model(variety(m, x))) == (k < .25)


# Files to score that are not like the training file

def changed(at, tmp_path, how):
    t = pd.read_csv(at/'test.csv', dtype=dict(no=str)); f = tmp_path/'t.csv'; how(t).to_csv(f, index=False)
    return f


def test_columns_in_another_order_and_more_of_them(run, at, tmp_path):
    a = json.loads(run('score', at/'test.csv', '--model', at/'m.safetensors', '--out', tmp_path/'a.csv', '--json')[1])
    f = changed(at, tmp_path, lambda t: t[[*t.columns[::-1]]].assign(wind=7))
    b = json.loads(run('score', f, '--model', at/'m.safetensors', '--out', tmp_path/'b.csv', '--json')[1])
    assert a['flagged'] == b['flagged'] and b['notes'] == ["Columns that the model does not know: 'wind'; not looked at."]
    assert pd.read_csv(tmp_path/'a.csv').score.equals(pd.read_csv(tmp_path/'b.csv').score)


UNLIKE = {
    'missing column': (lambda t: t.drop(columns=['heat, °C']), "has no column 'heat, °C'; it has 'no'"),
    'numbers became text': (lambda t: t.assign(speed=t.speed.astype(str) + ' rpm'), r"line 2, column 'speed': '.* rpm' is no number"),
    'decimal comma': (lambda t: t.assign(speed=t.speed.round(2).astype(str).str.replace('.', ',')), r"is no number \(a decimal comma\?\); mend it, or --drop speed"),
    'one typing error': (lambda t: t.assign(speed=[*t.speed[:-1].astype(str), '2O']), "line 301, column 'speed': '2O' is no number"),
    'missing values': (lambda t: t.assign(flow=[None]*3 + [*t.flow[3:]]), r"t.csv: missing values \(NaN\), 3 in 'flow' \(line 2, column flow\); drop them, or fit with --impute median"),
    'infinities': (lambda t: t.assign(flow=[np.inf] + [*t.flow[1:]]), r'infinite values .*flow'),
    'no rows': (lambda t: t[:0], 'has no rows to score'),
    'already scored': (lambda t: t.assign(score=1), "column 'score' already; give --prefix"),
}


@pytest.mark.parametrize('how,text', UNLIKE.values(), ids=UNLIKE)
def test_unlike_file_is_one_line(run, at, tmp_path, how, text):
    f = changed(at, tmp_path, how)
    bad(run('score', f, '--model', at/'m.safetensors', '--out', tmp_path/'s.csv'), text)
    assert {p.name for p in tmp_path.iterdir()} == {'t.csv'}


def test_prefix_one_row_and_unseen_categories(run, at, tmp_path):
    f = changed(at, tmp_path, lambda t: t[:1].assign(score=1))
    assert run('score', f, '--model', at/'m.safetensors', '--prefix', 'new_', '--out', tmp_path/'s.csv')[0] == 0
    assert pd.read_csv(tmp_path/'s.csv').columns[-3:].tolist() == ['new_score', 'new_p_value', 'new_flag']
    assert run('report', f, '--model', at/'m.safetensors', '--out', tmp_path/'r.html')[0] == 0 and 'Only 1 row scored' in (tmp_path/'r.html').read_text()
    f = changed(at, tmp_path, lambda t: t.assign(**{'mode 🌡': '7'}))                       # digits, where words were
    assert run('score', f, '--model', at/'m.safetensors', '--out', tmp_path/'s.csv')[0] == 0
    assert pd.read_csv(tmp_path/'s.csv').flag.mean() > .5
    new = "300 of 300 values of 'mode 🌡' were never seen in training (7)."
    for argv in ['score', tmp_path/'s.csv'], ['report', tmp_path/'r.html']:
        notes = json.loads(run(argv[0], f, '--model', at/'m.safetensors', '--out', argv[1], '--json')[1])['notes']; assert new in notes, notes
    assert re.search(r'<td>mode 🌡</td>\s*<td>known text</td>\s*<td>100% new text</td>', (tmp_path/'r.html').read_text('utf-8'))


def test_shifted_scores_are_said(run, at, tmp_path):
    f = changed(at, tmp_path, lambda t: t.assign(flow=t.flow*3.6))                            # another unit
    code, out, err = run('report', f, '--model', at/'m.safetensors', '--out', tmp_path/'r.html')
    page = (tmp_path/'r.html').read_text()
    assert 'another unit or sensor' in err and 'another unit or sensor' in run('score', f, '--model', at/'m.safetensors', '--out', tmp_path/'s.csv')[2]
    assert 'Columns that have moved' in page and '<td>flow</td>' in page
    code, out, err = run('report', at/'train.csv', '--model', at/'m.safetensors', '--out', tmp_path/'r.html')
    assert 'very rows of the training' in err


# Files to learn from that are odd

LEARN = {
    'one row': ('a,b\n1,2\n', '2'), 'empty': ('', 'is empty'), 'no rows': ('a,b\n', 'has no rows'),
    'a name in each row': (''.join(['a,name\n', *(f'{i},n{i}\n' for i in range(99))]), "column 'name' differs from row to row; --drop name"),
    'a column without values': ('a,b\n' + '1,\n2,\n'*9, "no value at all in 'b'"), 'infinity': ('a\n' + '1\n2\ninf\n'*9, r'inf.*\ba\b'),
    'all anomalous': ('a,y\n' + '1,1\n2,1\n'*9, 'every row .* is labelled as an anomaly'),
    'decimal comma': ('a;b\n' + '1,5;2\n-2,25;3\n'*9, "decimal comma in 'a'; save it with points"),
    'labels that nobody explains': ('a,y\n' + '1,ok\n2,no\n'*9, "label 'ok' is neither 0 .* nor 1 .*--normal ok"),
}


@pytest.mark.parametrize('text,why', LEARN.values(), ids=LEARN)
def test_odd_training_file_is_one_line(run, tmp_path, text, why):
    (tmp_path/'t.csv').write_text(text); label = ['--label', 'y'] if ',y\n' in text else []
    bad(run('fit', tmp_path/'t.csv', '--save', tmp_path/'m.safetensors', *FIT, *label), why)
    assert {p.name for p in tmp_path.iterdir()} == {'t.csv'}


MENDED = {
    'constant column': (lambda t: t.assign(k=7), "Constant in training: 'k'"),
    'duplicates only': (lambda t: pd.concat([t[:1]]*300), 'All rows are the same'),
    'few rows': (lambda t: t[:40], 'Only 40 rows to learn from'),
    'too few to promise': (lambda t: t[:90], 'too few to promise a rate of false alarms'),
    'rows by heart': (lambda t: t[:90], 'of new normal rows perhaps many more'),
    'number of an order': (lambda t: t.assign(**{'order id': range(7000, 7600, 2)}), "'order id' only rises, as row numbers do; --drop 'order id'"),
}


@pytest.mark.parametrize('how,note', MENDED.values(), ids=MENDED)
@pytest.mark.parametrize('method', ['alad', 'pca'])
def test_poor_training_file_is_learned_and_said(run, tmp_path, how, note, method):
    how(pump(300).drop(columns=['no', 'bad'])).to_csv(tmp_path/'t.csv', index=False)
    code, out, err = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', method, *(['--epochs', '2'] if method == 'alad' else []))
    assert code == 0 and note in err
    assert run('score', tmp_path/'t.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv')[0] == 0
    assert np.isfinite(pd.read_csv(tmp_path/'s.csv').score).all()


def test_gaps_are_named_by_line(run, at, tmp_path):
    t = pump(300, broken=10); t.loc[200:, 'flow'] = np.nan; t.loc[250, 'mode 🌡'] = None; t.to_csv(tmp_path/'t.csv', index=False)
    for method in 'pca', 'classifier':                            # rows that are held back, and known anomalies, are counted, too
        got = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--label', 'bad', '--drop', 'no', '--method', method)
        bad(got, r"t.csv: missing values \(NaN\), 1 in 'mode 🌡', 100 in 'flow' \(line 202, column flow\); drop them, or fit with --impute")


def test_impute_and_wrong_settings(run, at, tmp_path):
    t = pump(300).drop(columns=['no', 'bad']); t.loc[::9, 'flow'] = np.nan; t.loc[::7, 'mode 🌡'] = None; t.to_csv(tmp_path/'t.csv', index=False)
    assert run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', *FIT, '--impute', 'most_frequent')[0] == 0
    r = json.loads(run('score', tmp_path/'t.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv', '--json')[1]); assert r['rows'] == 300
    fit = ['fit', at/'train.csv', '--save', tmp_path/'x', '--label', 'bad', '--drop', 'no']
    for more, why in ((['--method', 'alda'], "no method 'alda'; there are: alad"), (['--set', 'nzz=3'], "no setting of alad 'nzz'"), (['--set', 'nz'], 'equals sign'),
                      (['--false-alarms', '.001'], 'held-out normal rows'), (['--false-alarms', '2'], 'false.alarms.2'), (['--contamination', '.9'], 'contamination.0.9'),
                      (['--epochs', '0'], 'epochs.0'), (['--drop', 'nothing'], "no column 'nothing'"), (['--label', 'what'], "no column 'what'"),
                      (['--device', 'tpu'], "no device 'tpu'"), (['--normal', '7'], "no label in .* '7'"),
                      (['--set', 'nz=abc'], "nz: 'abc' is no number"), (['--set', 'nz=-1'], 'these settings make no alad: .*negative'), (['--set', 'nets=3'], 'these settings make no alad'),
                      (['--seed', '-1'], '--seed -1; give 0 to'), (['--set', 'random_state=x'], '--seed x; give 0'), (['--save', tmp_path], 'is a folder; name a file')):
        bad(run(*fit, *more), why)
    for n in '0', '-1': bad(run('report', at/'test.csv', '--model', at/'m.safetensors', '--out', tmp_path/'r', '--top', n), f'--top {n} is too few; give 1')
    assert run(*fit, *FIT, '--set', 'random_state=1')[0] == 0 and info(tmp_path/'x')['settings']['random_state'] == 1; (tmp_path/'x').unlink()
    assert not (tmp_path/'x').exists() and not (tmp_path/'x.part').exists()


def test_model_and_data_that_do_not_fit(run, at, tmp_path):
    (tmp_path/'pics').mkdir(); Image.new('L', (8, 8)).save(tmp_path/'pics/a.png')
    bad(run('score', tmp_path/'pics', '--model', at/'m.safetensors'), 'fitted on a table, .* holds pictures')
    bad(run('score', at/'test.csv', '--model', at/'train.csv'), 'no model|damaged')
    bad(run('score', at/'test.csv', '--model', tmp_path/'nothing'), 'is not there')
    bad(run('score', tmp_path/'nothing.csv', '--model', at/'m.safetensors'), 'give one that is there')
    argv = ['--model', at/'m.safetensors', '--out']
    was = {f: f.read_bytes() for f in (at/'test.csv', at/'m.safetensors')}
    for command in 'score', 'report':
        for f in was: bad(run(command, at/'test.csv', *argv, f), 'is what is read; write to another')
        bad(run(command, at/'test.csv', *argv, tmp_path), 'it is no file')
    bad(run('fit', at/'test.csv', '--drop', 'no', '--save', at/'x/../test.csv', *FIT), 'is what is read; write to another')
    assert all(f.read_bytes() == b for f, b in was.items())
    if hasattr(os, 'mkfifo'): os.mkfifo(tmp_path/'pipe'); bad(run('score', at/'test.csv', *argv, tmp_path/'pipe'), 'it is no file'); assert (tmp_path/'pipe').is_fifo()
    cut = tmp_path/'cut'; cut.write_bytes((at/'m.safetensors').read_bytes()[:-9])
    bad(run('info', cut), 'damaged')


# Disks

NOWHERE = {'no folder may be made': '/proc/nothing/m', 'a folder that nobody writes to': '/sys/m', 'a file in the place of the folder': '/dev/null/m'}


@pytest.mark.skipif(sys.platform != 'linux', reason='folders that root cannot write to')
@pytest.mark.parametrize('path', NOWHERE.values(), ids=NOWHERE)
def test_read_only_folder_is_said_before_the_training(run, at, path, monkeypatch):
    monkeypatch.setattr('ganad.files.fit_and_score.learn', lambda *a: pytest.fail('it trained for nothing'))
    bad(run('fit', at/'train.csv', '--save', path, '--label', 'bad', '--drop', 'no'), 'cannot write')
    bad(run('score', at/'test.csv', '--model', at/'m.safetensors', '--out', path), 'cannot write')
    bad(run('report', at/'test.csv', '--model', at/'m.safetensors', '--out', path), 'cannot write')


@LIMITS
@pytest.mark.parametrize('what', ['fit', 'score', 'report', 'checkpoint'])
def test_full_disk_leaves_what_was_there(run, at, tmp_path, what):
    "A limit on the size of files stands in for a full disk: writing fails in the middle"
    out = tmp_path/'out'; out.write_text('old'); f = at/'train.csv'
    argv = dict(score=['score', f, '--model', at/'m.safetensors', '--out', out], report=['report', f, '--model', at/'m.safetensors', '--out', out],
                fit=['fit', f, '--save', out, '--label', 'bad', '--drop', 'no', '--method', 'knn'])
    argv['checkpoint'] = [*argv['fit'][:-1], 'alice', '--epochs', '2']
    was = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, was[1]))
    try: got = run(*argv[what])
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, was)
    bad(got, 'File too large|file too large|room|cannot be written')
    assert out.read_text() == 'old' and [*tmp_path.iterdir()] == [out]


@pytest.mark.skipif(sys.platform != 'linux' or os.geteuid() != 0, reason='needs root for a disk of its own; the test above stands in')
def test_a_disk_that_is_really_full(run, at, tmp_path):
    if subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', tmp_path], capture_output=True).returncode: pytest.skip('a container may not mount; the test above stands in')
    try:
        bad(run('score', at/'train.csv', '--model', at/'m.safetensors', '--out', tmp_path/'s.csv'), 'no space left.*free some')
        bad(run('fit', at/'train.csv', '--save', tmp_path/'m', '--label', 'bad', '--drop', 'no', '--method', 'knn'), 'free some')
        assert not [*tmp_path.iterdir()]
    finally: subprocess.run(['umount', tmp_path], check=True)


# Size

def big(path, rows, columns, seed=0):
    r = np.random.default_rng(seed)
    with open(path, 'w') as f:
        f.write(','.join(f'c{i}' for i in range(columns)) + '\n')
        block = '\n'.join(csv_line([f'{v:.6f}' for v in row]) for row in r.normal(size=(2_000, columns))) + '\n'
        for _ in range(rows//2_000): f.write(block)
    return path


RSS = "import resource,sys; from ganad.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit as e: assert not e.code\n" \
      "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, file=sys.stderr)"


def peak(*argv):
    "Memory of a process of its own, in MB"
    p = subprocess.run([sys.executable, '-c', RSS, *map(str, argv)], env=ENV, capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    return int(p.stderr.split()[-1])


@LIMITS
def test_memory_does_not_grow_with_the_file(run, tmp_path):
    small, large, m = big(tmp_path/'s.csv', 10_000, 10), big(tmp_path/'l.csv', 100_000, 10, 1), tmp_path/'m'
    assert run('fit', big(tmp_path/'t.csv', 2_000, 10), '--save', m, '--method', 'pca')[0] == 0
    a, b = (peak('score', f, '--model', m, '--out', tmp_path/'o.csv') for f in (small, large))
    assert sum(1 for _ in open(tmp_path/'o.csv')) == 100_001 and b < a + 100, (a, b)


@LIMITS
@pytest.mark.slow
def test_a_million_rows(tmp_path):
    f, m = big(tmp_path/'t.csv', 1_000_000, 40), tmp_path/'m'
    print('fit', peak('fit', f, '--save', m, '--method', 'alad', '--epochs', '1', '--batch-size', '4096'), 'MB')
    assert peak('score', f, '--model', m, '--out', tmp_path/'s.csv') < 1000
    assert sum(1 for _ in open(tmp_path/'s.csv')) == 1_000_001


def test_ten_thousand_columns(run, tmp_path):
    f = big(tmp_path/'t.csv', 2_000, 500)
    t = pd.read_csv(f, nrows=60); pd.concat([t.add_prefix(f'{i}_') for i in range(20)], axis=1).to_csv(tmp_path/'wide.csv', index=False)
    assert run('fit', tmp_path/'wide.csv', '--save', tmp_path/'m', '--method', 'pca', '--quiet')[0] == 0
    assert run('score', tmp_path/'wide.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv', '--quiet')[0] == 0
    assert info(tmp_path/'m')['features'] == 10_000 and sum(1 for _ in open(tmp_path/'s.csv')) == 61
