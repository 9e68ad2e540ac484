"Rows that a label calls normal, anomalous, or that nobody labelled; a model of normals is measured by labels"
import json
import shlex

import numpy as np
import pandas as pd
import pytest
from drawn import grain, save_pictures
from hypothesis import given, settings
from hypothesis import strategies as st

from ganad.core import DataError, GanadError
from ganad.estimator import info, load
from ganad._files.labels import ANOMALY, NORMAL_ROW, UNLABELLED, Labels, agreement, kind_of_label
from ganad._files.scored import ScoredFile

BLANKS = ['', ' ', 'unknown', 'Unknown', '?', 'n/a', 'unlabelled', 'not_labelled', None, np.nan, pd.NA, 'TBD']
PCA = ['--method', 'pca', '--set', 'k=2']


def table(n=300):
    "Normal rows around a line, then anomalies beside it, then more normal rows"
    rng = np.random.default_rng(0)
    a = rng.normal(size=n)
    x = pd.DataFrame(dict(a=a, b=2*a + rng.normal(0, .1, n), c=rng.normal(size=n)))
    x.loc[n-60:n-31, 'b'] += 30
    return x


def statuses(normal='ok', anomalous='defect', third=None, n=300):
    "As `table`: the last thirty rows have the label `third`"
    return [normal]*(n-60) + [anomalous]*30 + [third]*30


def fitted(run, folder, status, *options, kind='csv'):
    "What `ganad fit --json` says of the table with these labels"
    frame = table().assign(status=status)
    path = folder/f'train.{kind}'
    if kind=='csv': frame.to_csv(path, index=False)
    elif kind=='parquet': frame.to_parquet(path, index=False)
    else: np.savez(path, x=frame[['a', 'b', 'c']].to_numpy(), y=np.array(status))
    label = 'y' if kind=='npz' else 'status'
    code, out, err = run('fit', path, '--save', folder/'m', '--json', *PCA, '--label', label, *options)
    assert (code, err)==(0, ''), err
    return json.loads(out)


@pytest.mark.parametrize('blank', [text for text in BLANKS if text is not pd.NA])
def test_rows_without_a_label_are_neither_learned_nor_counted(run, tmp_path, blank):
    about = fitted(run, tmp_path, statuses(third=blank), '--normal', 'ok')
    assert (about['normal'], about['anomalies'], about['unlabelled'])==(240, 30, 30)
    assert about['found']['auroc']==1
    assert any('30 rows without a label' in note for note in about['notes'])
    assert info(tmp_path/'m')['extra']['unlabelled']==30


@pytest.mark.parametrize('other', ['OK', 'Ok ', ' ok'])
def test_another_case_of_the_word_is_the_word(run, tmp_path, other):
    about = fitted(run, tmp_path, statuses(third=other), '--normal', 'ok')
    assert (about['normal'], about['anomalies'], about['unlabelled'])==(270, 30, 0)
    assert about['found']['auroc']==1


def test_a_blank_word_that_is_named_is_the_normal_one(run, tmp_path):
    about = fitted(run, tmp_path, statuses(normal='NA', third=''), '--normal', 'NA')
    assert (about['normal'], about['anomalies'], about['unlabelled'])==(240, 30, 30)


def test_a_third_class_is_said_with_its_number(run, tmp_path):
    about = fitted(run, tmp_path, statuses(third='rework'), '--normal', 'ok')
    assert about['anomalies']==60
    assert any("'rework' (30)" in note and "'defect' (30)" in note for note in about['notes'])


@pytest.mark.parametrize('other', ['ok.', 'OK. ', 'ok;', 'ok !', 'Ok,'])
def test_a_full_stop_makes_no_anomaly(run, tmp_path, other):
    about = fitted(run, tmp_path, statuses(third=other), '--normal', 'ok')
    assert (about['normal'], about['anomalies'], about['unlabelled'])==(270, 30, 0)
    note, = (note for note in about['notes'] if note.endswith('are read as one.'))
    assert "'ok'" in note and repr(other.strip()) in note


@pytest.mark.parametrize('other', ['ok?', 'OK ?', 'ok*', 'ok？', 'ok.?'])
def test_who_is_not_sure_has_said_nothing(run, tmp_path, other):
    about = fitted(run, tmp_path, statuses(third=other), '--normal', 'ok')
    assert (about['normal'], about['anomalies'], about['unlabelled'])==(240, 30, 30)
    assert any(note.startswith('30 rows without a label') for note in about['notes'])


def test_the_word_that_was_asked_for_is_said_beside_the_one_that_is_there():
    labels = Labels('ok')
    labels.add(['ok.', 'defect'])
    assert labels.notes()[0]=="Labels 'ok', 'ok.' are read as one."


@pytest.mark.parametrize('word', ['not tested', 'Not yet', 'to_check', 'to be inspected', 'untested',
                                  ' not  checked', '—', '??', 'n.d.', '#VALUE!', 'not applicable',
                                  'to-be-checked', '…'])
def test_words_for_not_yet_are_no_labels(word):
    assert kind_of_label(word, 'ok')==UNLABELLED and kind_of_label(word, word)==NORMAL_ROW


@pytest.mark.parametrize('word', ['+', 'ok-', 'nok', 'not ok', '.ok', '-1', 'later'])
def test_other_labels_are_anomalies(word):
    assert kind_of_label(word, 'ok')==ANOMALY and kind_of_label('ＯＫ', 'ok')==NORMAL_ROW


FORGOTTEN = {
    'bad': [0, 1], 'label': [0, 1], 'y': [1, -1], 'target': ['FALSE', 'TRUE'], 'is_outlier': [0, 1],
    'Status': ['ok', 'defect'], 'check': ['good', 'crack'], 'class': ['normal', 'other']}


@pytest.mark.parametrize('name', FORGOTTEN)
@pytest.mark.parametrize('kind', ['csv', 'parquet'])
def test_a_forgotten_label_is_said_with_the_ways_out(run, tmp_path, name, kind):
    normal, anomalous = FORGOTTEN[name]
    frame = table().assign(**{name:[anomalous if i<9 else normal for i in range(300)]})
    path = tmp_path/f'train.{kind}'
    if kind=='csv': frame.to_csv(path, index=False)
    else: frame.to_parquet(path, index=False)
    code, out, err = run('fit', path, '--save', tmp_path/'m', *PCA)
    note, = [line for line in err.splitlines() if '--label' in line and '--drop' in line]
    assert code==0 and f'--label {name}' in note and f'--drop {name}' in note
    if normal in ('ok', 'good', 'normal'): assert f'--normal {normal}' in note
    for option in (['--drop', name], ['--label', name, '--normal', normal]):
        code, _, err = run('fit', path, '--save', tmp_path/'m', *PCA, *option)
        assert code==0 and 'is a feature now' not in err


@pytest.mark.parametrize('column', [dict(on=[0, 1]), dict(state=['eco', 'fast']), dict(y=[1.5, 2.5]),
                                    dict(kind=['good', 'tea']), dict(quality=[3, 4])])
def test_other_columns_of_two_values_are_features(run, tmp_path, column):
    (name, values), = column.items()
    table().assign(**{name:values*150}).to_csv(tmp_path/'t.csv', index=False)
    code, _, err = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', *PCA)
    assert code==0 and 'is a feature now' not in err


@pytest.mark.parametrize('other', ['later', '-1', '2', 'defect'])
def test_one_other_label_is_named_with_its_number(run, tmp_path, other):
    about = fitted(run, tmp_path, statuses(anomalous=other, third=''), '--normal', 'ok')
    assert any(f"'{other}' (30)" in note for note in about['notes'])
    _, printed, _ = run('score', tmp_path/'train.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv',
                        '--label', 'status', '--json')
    assert any(f"'{other}' (30)" in note for note in json.loads(printed)['notes'])


@pytest.mark.parametrize('normal, anomalous', [('0', '1'), ('False', 'TRUE'), ('1', '0')])
def test_zero_and_one_need_no_names(normal, anomalous):
    labels = Labels(normal)
    labels.add([normal]*3 + [anomalous])
    assert labels.kinds().tolist()==[0, 0, 0, 1] and not any('anomal' in note for note in labels.notes())


@pytest.mark.parametrize('kind', ['csv', 'parquet', 'npz'])
@pytest.mark.parametrize('values', [(0., 1., np.nan), (False, True, False), (0, 1, 0)])
def test_zero_and_one_in_any_form(run, tmp_path, kind, values):
    about = fitted(run, tmp_path, statuses(*values), kind=kind)
    assert about['anomalies']==30 and about['unlabelled']==(30 if np.isnan(values[2]) else 0)
    assert about['found']['auroc']==1


def test_a_column_without_labels_is_refused(run, tmp_path):
    table().assign(status='').to_csv(tmp_path/'t.csv', index=False)
    code, _, err = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', *PCA, '--label', 'status')
    assert code==2 and err.count('\n')==1 and 'no row has a label' in err and not (tmp_path/'m').exists()


def spelled(word):
    "The same word in another case, with blanks around it"
    cases = st.sampled_from([str.upper, str.lower, str.title])
    blanks = st.sampled_from(['', ' ', '\t'])
    return st.builds(lambda case, left, right: left + case(word) + right, cases, blanks, blanks)


@settings(deadline=None, max_examples=60)
@given(st.lists(st.one_of(spelled('good').map(lambda text: (text, NORMAL_ROW)),
                          spelled('crack').map(lambda text: (text, ANOMALY)),
                          st.sampled_from(BLANKS).map(lambda text: (text, UNLABELLED))), min_size=1),
       st.integers(1, 5))
def test_kinds_do_not_depend_on_spelling_or_chunks(rows, parts):
    labels = Labels('good')
    texts = np.array([text for text, _ in rows] + [None], object)[:-1]
    for part in np.array_split(texts, parts): labels.add(part)
    assert labels.kinds().tolist()==[kind for _, kind in rows] and len(labels)==len(rows)


@given(st.integers(-9, 9))
def test_the_form_of_a_number_is_no_other_label(number):
    for text in (str(number), f'{number}.0', f' {number}', f'{number}.000'):
        assert kind_of_label(text, number)==NORMAL_ROW and kind_of_label(text, number+1)==ANOMALY


def test_who_names_a_blank_word_means_it():
    assert [kind_of_label(text, 'None') for text in ('None', 'bad', '')]==[NORMAL_ROW, ANOMALY, UNLABELLED]


def test_unlabelled_rows_change_no_number():
    rng = np.random.default_rng(0)
    kinds, scores = rng.integers(-1, 2, 500), rng.normal(size=500)
    all_rows, labelled = agreement(kinds, scores), agreement(kinds[kinds>=0], scores[kinds>=0])
    assert all_rows.pop('unlabelled')==(kinds<0).sum() and labelled.pop('unlabelled')==0
    assert all_rows==labelled


# A model of normals is measured

@pytest.fixture
def normals(run, tmp_path):
    "A model of rows that were all normal, and rows with labels"
    frame = table().assign(status=statuses(third=''))
    frame[frame.status=='ok'].drop(columns='status').to_csv(tmp_path/'train.csv', index=False)
    frame.to_csv(tmp_path/'test.csv', index=False)
    assert run('fit', tmp_path/'train.csv', '--save', tmp_path/'m', '--quiet', *PCA)[0]==0
    return tmp_path


@pytest.mark.parametrize('command', ['score', 'report'])
def test_score_and_report_take_a_label(run, normals, command):
    out = normals/('s.csv' if command=='score' else 'r.html')
    argv = [command, normals/'test.csv', '--model', normals/'m', '--out', out, '--json']
    code, printed, _ = run(*argv, '--label', 'status', '--normal', 'ok')
    done = json.loads(printed)
    assert code==0
    counts = dict(normal=240, anomalies=30, unlabelled=30)
    assert done['labels']==pytest.approx(dict(auroc=1, auprc=1, base_rate=1/9, **counts))
    assert not any('status' in note for note in done['notes'])                     # it is looked at
    if command=='report': assert '30 labelled anomalies, 240 labelled normal rows' in out.read_text('utf-8')
    for wrong in (['--label', 'state'], ['--label', 'a'], ['--label', 'status'], ['--normal', 'ok'],
                  ['--label', 'status', '--normal', 'good']):
        code, _, err = run(*argv, *wrong)
        assert code==2 and err.count('\n')==1, (wrong, err)


@pytest.mark.parametrize('in_training', [True, False])
@pytest.mark.parametrize('word', ['ok', 'defect'])
def test_a_file_of_one_kind_is_reported(run, tmp_path, in_training, word):
    options = ['--label', 'status', '--normal', 'ok']
    frame = table().assign(status='ok')
    (frame if in_training else frame.drop(columns='status')).to_csv(tmp_path/'t.csv', index=False)
    argv = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--quiet', *PCA]
    assert run(*argv, *(options if in_training else []))[0]==0
    table().assign(status=word).to_csv(tmp_path/'test.csv', index=False)
    for command, out in (('score', 's.csv'), ('report', 'r.html')):
        argv = [command, tmp_path/'test.csv', '--model', tmp_path/'m', '--out', tmp_path/out, '--json']
        code, printed, err = run(*argv, *options)
        assert (code, err)==(0, '')
        done = json.loads(printed)
        counts = (300, 0) if word=='ok' else (0, 300)
        found = done['labels']
        assert (found['normal'], found['anomalies'])==counts and 'auroc' not in found
        said = [note for note in done['notes'] if 'no AUROC' in note]
        assert len(said)==(word!='ok') and all(f"{done['flagged']/300:.1%}" in note for note in said)


@pytest.mark.parametrize('there, normal, is_sure', [
    (['ok'], 'okay', None), (['ok', 'bad'], 'good', None), (['good'], 'fine', False), ([''], 'ok', True)])
def test_a_normal_label_that_may_be_a_mistake_is_refused(there, normal, is_sure):
    labels = Labels(normal, is_sure)
    labels.add(there)
    with pytest.raises(GanadError) as error: labels.check_normal('t.csv', may_lack=True)
    assert error.value.file=='t.csv'


@pytest.mark.parametrize('n, is_said', [(160, True), (149, False)])
def test_labels_that_may_be_turned_round_are_said(run, tmp_path, n, is_said):
    frame = table().assign(bad=(np.arange(300)<n).astype(int))
    frame.to_csv(tmp_path/'t.csv', index=False)
    code, _, err = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--label', 'bad', *PCA)
    assert code==0 and ('turned round' in err)==is_said and (f'{n:,} of 300 labelled rows' in err)==is_said


@pytest.mark.parametrize('words, normal', [
    (['good', 'crack'], 'good'), (['a b', 'crack', 'a b'], "'a b'"), ([3, 7, 3], '3'), (['x', ' OK '], 'OK')])
def test_the_normal_label_that_is_advised_is_there(run, tmp_path, words, normal):
    frame = table().assign(kind=[words[i % len(words)] for i in range(300)])
    frame.to_csv(tmp_path/'t.csv', index=False)
    argv = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--label', 'kind', *PCA]
    code, _, err = run(*argv)
    assert code==2 and err.strip().endswith(f'say which one is normal, as --normal {normal}')
    assert run(*argv, '--normal', shlex.split(normal)[0])[0]==0


def test_a_label_that_is_typed_twice_is_refused(run, normals):
    argv = ['score', normals/'test.csv', '--model', normals/'m', '--label', 'a']
    for more in (['--label', 'status'], ['--normal', 'x', '--normal', 'ok']):
        code, _, err = run(*argv, *more)
        assert code==2 and f'argument {more[0]}: given more than once' in err


def test_help_says_what_is_compared_with(run, tmp_path):
    table().assign(bad=(np.arange(300)>=270).astype(int)).to_csv(tmp_path/'t.csv', index=False)
    assert run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--label', 'bad', *PCA)[0]==0
    for command, default in (('score', 'none'), ('report', 'as in fit')):
        assert f'(default: {default}' in ' '.join(run(command, '--help')[1].split('--label')[2].split())
        out = tmp_path/('s.csv' if command=='score' else 'r.html')
        done = json.loads(run(command, tmp_path/'t.csv', '--model', tmp_path/'m', '--out', out, '--json')[1])
        assert bool(done['labels'])==(default=='as in fit')


def test_a_normal_value_without_labels_is_refused(run, tmp_path):
    "It was ignored, and anomalies were learned"
    table().assign(status=statuses(third='')).to_csv(tmp_path/'t.csv', index=False)
    np.savez(tmp_path/'t.npz', x=table().to_numpy())
    np.savez(tmp_path/'p.npz', x=np.random.default_rng(0).integers(256, size=(60, 8, 8)).astype('u1'))
    save_pictures(tmp_path/'flat', grain(20, 8, 8))
    save_pictures(tmp_path/'above/good', grain(20, 8, 8))
    files = {'t.csv':'--label', 't.npz':'--label', 'p.npz':'--label', 'flat':'lie in no folder'}
    for name, says in files.items():
        code, _, err = run('fit', tmp_path/name, '--normal', 'good', '--save', tmp_path/'m', *PCA)
        assert code==2 and f'{name}: --normal good, but ' in err and says in err
        assert not (tmp_path/'m').exists()
    argv = ['compare', tmp_path/'t.csv', tmp_path/'t.csv', '--normal', 'ok', '--out', tmp_path/'c.html']
    assert run(*argv)[0]==2
    assert run('fit', tmp_path/'above', '--normal', 'good', '--save', tmp_path/'m', *PCA)[0]==0


def test_the_label_of_an_npz(run, tmp_path):
    x, y = table().to_numpy(), np.array([0]*240 + [1]*30 + [0]*30)
    np.savez(tmp_path/'train.npz', x[y==0])
    np.savez(tmp_path/'test.npz', X=x, y=y)
    assert run('fit', tmp_path/'train.npz', '--save', tmp_path/'m', '--quiet', *PCA)[0]==0
    argv = ['report', tmp_path/'test.npz', '--model', tmp_path/'m', '--out', tmp_path/'r.html', '--json']
    code, printed, _ = run(*argv, '--label', 'y')
    assert code==0 and json.loads(printed)['labels']['auroc']==1
    assert json.loads(run(*argv)[1])['labels']=={}


def test_arrays_that_may_be_labels_are_not_passed_over(run, tmp_path):
    np.savez(tmp_path/'t.npz', X=table().to_numpy(), y=np.array([0]*240 + [1]*30 + [0]*30))
    argv = ['fit', tmp_path/'t.npz', '--save', tmp_path/'m', '--json', *PCA]
    code, _, err = run(*argv)
    assert code==2 and '--label y' in err and '--drop y' in err and err.count('\n')==1
    assert json.loads(run(*argv, '--label', 'y')[1])['anomalies']==30
    assert json.loads(run(*argv, '--drop', 'y')[1])['normal']==300
    code, _, _ = run('score', tmp_path/'t.npz', '--model', tmp_path/'m', '--out', tmp_path/'s.csv')
    assert code==0


def test_rows_without_the_label_column_say_where_labels_go(run, normals):
    code, _, err = run('fit', normals/'train.csv', '--save', normals/'n', '--label', 'status', *PCA)
    assert code==2 and 'no --label; score and report take it' in err and err.count('\n')==1


def test_blank_labels_that_were_asked_for_are_said(run, normals):
    table().assign(bad='').to_csv(normals/'blank.csv', index=False)
    scores = '--model', normals/'m', '--out', normals/'s.csv'
    code, _, err = run('score', normals/'blank.csv', *scores, '--label', 'bad')
    assert code==2 and 'label some, or name another column' in err


def test_labels_that_nobody_explains_are_named_with_their_row():
    labels = Labels()
    labels.add(['0', '', '2'])
    with pytest.raises(DataError) as caught: labels.kinds()
    assert caught.value.row==2


@pytest.mark.parametrize('rows_before', [0, 60_000])
def test_labels_that_nobody_explains_are_named_with_their_line(normals, rows_before):
    "Also where rows to score come a part at a time, and only their labels are kept"
    path = normals/'words.csv'
    whole = pd.concat([table().assign(status='1')]*(rows_before//300) + [table().assign(status='0')])
    whole.assign(status=[*whole.status[:-2], 'what', 'what']).to_csv(path, index=False)
    scored = ScoredFile(load(normals/'m'), path, label='status')
    with pytest.raises(DataError) as caught: scored.score_all()
    assert (caught.value.file, caught.value.line)==(path, len(whole))


def test_pictures_of_an_npz_need_no_labels_to_be_scored(run, tmp_path):
    x = np.random.default_rng(0).integers(256, size=(60, 8, 8)).astype('u1')
    np.savez(tmp_path/'train.npz', x=x, y=np.arange(60)>=50)
    np.savez(tmp_path/'test.npz', x=x)
    assert run('fit', tmp_path/'train.npz', '--save', tmp_path/'m', '--label', 'y', '--method', 'pca')[0]==0
    argv = ['score', tmp_path/'test.npz', '--model', tmp_path/'m', '--out', tmp_path/'s.csv']
    assert run(*argv)[0]==0 and run(*argv, '--label', 'y')[0]==2
