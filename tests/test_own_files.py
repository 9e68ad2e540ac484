"Files of one's own: how they are written, which rows are held out, which are no use"
import json
import os
import re
import shlex
import warnings
from functools import partial
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from pumps import LABELS, PCA, changed, is_mistake, place, pump, report, score, trains_for_nothing

from ganad.core import CheckpointError, DataError
from ganad.detector import detectors
from ganad.estimator import KNNDetector, info, load
from ganad._files.fit_and_score import score_file
from ganad._files.scored import open_for, scored_chunks
from ganad._files.pictures import rows_of
from ganad._files.warnings import diversity, model_warnings


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
    assert code==2 and err.count('\n')==1
    with pytest.raises(DataError) as error: open_for(load(tmp_path/'m'), tmp_path/'plain.csv')
    typed = "--sep '|' --decimal , --comment '#' --skip-rows 1"
    assert error.value.hint==f'it was read with {typed}, as in training: type others'
    assert error.value.hint in err and 'training' not in error.value.mend
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
    table.assign(machine=range(600)).to_csv(tmp_path/'each.csv', index=False)
    code, _, err = run('fit', tmp_path/'each.csv', '--save', tmp_path/'n', '--groups', 'machine')
    assert code==0 and 'is one row' in err and 'values that rows share' in err
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


@pytest.mark.parametrize('more', [
    '--set contamination=.3 --false-alarms .1', '--set false_alarms=.3 --contamination .1',
    '--set contamination=.3 --set false_alarms=.1', '--set epochs=3 --epochs 2',
    '--set random_state=1 --seed 2', '--set holdout_rows=last --hold-out last',
    '--set impute=mean --impute median'])
def test_a_setting_that_is_typed_twice_is_refused(run, place, tmp_path, more):
    code, _, err = run('fit', place/'train.csv', '--save', tmp_path/'m', *LABELS, *more.split())
    assert code==2 and 'leave one out' in err and not (tmp_path/'m').exists()


def test_rows_to_hold_out_may_be_set_in_either_way(run, place, tmp_path):
    for i, how in enumerate((['--set', 'holdout_rows=last'], ['--hold-out', 'last'])):
        assert run('fit', place/'train.csv', '--save', tmp_path/f'{i}', *LABELS, *PCA, *how)[0]==0
    assert info(tmp_path/'0')==info(tmp_path/'1') and info(tmp_path/'0')['settings']['holdout_rows']=='last'


def test_options_that_a_quick_method_has_no_use_for_are_said(run, place, tmp_path):
    argv = ['fit', place/'train.csv', '--save', tmp_path/'m', *LABELS, '--epochs', '1']
    code, _, err = run(*argv, '--set', 'batch_size=9', '--method', 'knn')
    assert code==0 and '--epochs and --batch-size do nothing: knn learns at once' in err
    code, _, err = run(*argv, '--method', 'gan', '--set', 'nz=2')
    assert code==0 and 'do nothing' not in err and 'does nothing' not in err


def test_more_components_than_columns_are_said(run, place, tmp_path):
    argv = ['fit', place/'train.csv', '--save', tmp_path/'m', *LABELS, '--method', 'pca']
    code, _, err = run(*argv, '--set', 'k=99')
    assert code==0 and 'k=99 components of' in err
    for more in ([], ['--set', 'k=1']): assert 'components' not in run(*argv, *more)[2]


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


def sums(rows): return rows.sum(numeric_only=True)
def means(rows): return rows.mean(numeric_only=True)


ENDS = {
    'total': (lambda rows: sums(rows), 'is the sum of the others: a total'),
    'rounded': (lambda rows: sums(rows).round(1), 'is the sum of the others'),
    'whole': (lambda rows: sums(rows).round(), 'is the sum of the others'),
    'said': (lambda rows: {**sums(rows), 'mode 🌡':'Total'}, 'is the sum of the others'),
    'said only': (lambda rows: {**rows.iloc[0], 'mode 🌡':'Summe:'}, "says 'Summe:'"),
    'with gaps': (lambda rows: {**sums(rows), 'flow':None}, 'is the sum of the others'),
    'means': (lambda rows: means(rows), 'is the mean of the others'),
    'no total': (lambda rows: rows.iloc[0], '')}


@pytest.mark.parametrize('is_on', [None, True, 'sum'])
@pytest.mark.parametrize('kind', ENDS)
def test_a_last_row_that_sums_up_is_said_wherever_it_is_read(run, tmp_path, kind, is_on):
    "Beside a column of true and false, too, whatever stands there in the total"
    end, says = ENDS[kind]
    whole = pump(400).drop(columns=['no', 'bad']).round(3)
    rows = whole if is_on is None else whole.assign(on=np.arange(400)%3>0)
    last = {'mode 🌡':'eco', **end(whole)} | ({} if is_on is None else {'on':True})
    if is_on=='sum': last['on'] = int(rows.on.sum()) if kind!='no total' else True
    if is_on=='sum': rows['on'] = rows.on.astype(int)
    rows = pd.concat([rows, pd.DataFrame([last])], ignore_index=True)
    rows.to_csv(tmp_path/'t.csv', index=False)
    whole = rows[:-1]
    whole.to_csv(tmp_path/'whole.csv', index=False)
    gaps = ['--impute', 'median']
    code, _, err = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', *gaps)
    assert code==0 and (f'The last row {says}' in err and 'learned as a normal row' in err)==bool(says)
    code, _, err = run('fit', tmp_path/'whole.csv', '--save', tmp_path/'m', *gaps)
    assert code==0 and 'The last row' not in err
    code, _, err = run('score', tmp_path/'t.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv')
    assert code==0 and (f'The last row {says}' in err and 'scored as a row like others' in err)==bool(says)
    for frame, is_said in ((rows, bool(says)), (whole, False)):
        with warnings.catch_warnings(record=True) as said:
            warnings.simplefilter('always')
            KNNDetector(false_alarms=.05, impute='median').fit(frame)
        assert sum('The last row' in str(warning.message) for warning in said)==is_said


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
