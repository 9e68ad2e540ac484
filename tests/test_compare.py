"`ganad compare`, and the line that `fit` says where a baseline does as well"
import json
import os
import sys

import numpy as np
import pandas as pd
import pytest
from advised import wrong_advice, wrong_options
from project import cracked_plates

from ganad.cli import parser
from ganad.estimator import estimators, info
from ganad._files.compare import Competitor, auroc_difference, notes_by_method, verdict_of
from ganad._files.second_opinion import baseline_beside, mixed_rows
from ganad.metrics import auroc

QUICK = ['--methods', 'bigan', '--epochs', '2']


def table(n, seed, broken=0):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    frame = pd.DataFrame(dict(a=a, b=a + rng.normal(0, .1, n), mode=rng.choice(['eco', 'fast'], n)))
    frame['bad'] = (np.arange(n)<broken).astype(int)
    frame.loc[:broken-1, 'b'] += 3
    return frame


@pytest.fixture
def files(tmp_path):
    table(400, 0).drop(columns='bad').to_csv(tmp_path/'train.csv', index=False)
    table(300, 1, 30).to_csv(tmp_path/'test.csv', index=False)
    return tmp_path


def compared(run, folder, *options, train='train.csv', test='test.csv'):
    argv = ['compare', folder/train, folder/test, '--out', folder/'c.html', '--json', *QUICK, *options]
    code, out, err = run(*argv)
    assert (code, err)==(0, '')
    return json.loads(out), (folder/'c.html').read_text('utf-8')


def test_a_table_of_baselines_and_gans(run, files):
    done, page = compared(run, files, '--label', 'bad')
    rows = {row['method']:row for row in done['table']}
    assert {*rows}=={'pca', 'knn', 'isolationforest', 'bigan'} and rows['bigan']['kind']=='GAN'
    aurocs = [row['auroc'] for row in done['table']]
    assert aurocs==sorted(aurocs, reverse=True) and aurocs[0]>.95
    assert 'No GAN is needed here' in done['verdict'] and done['verdict'] in page.replace('&#39;', "'")
    for name in rows: assert name in page
    assert 'http' not in page
    assert sorted(path.name for path in files.iterdir())==['c.html', 'test.csv', 'train.csv']


def test_a_method_measured_here_is_as_by_hand(run, files):
    "The row of the table is what fit and score say"
    done, _ = compared(run, files, '--label', 'bad')
    row = next(row for row in done['table'] if row['method']=='knn')
    model = ['--model', files/'m', '--out', files/'s.csv', '--json', '--label', 'bad']
    assert run('fit', files/'train.csv', '--save', files/'m', '--method', 'knn', '--quiet')[0]==0
    found = json.loads(run('score', files/'test.csv', *model)[1])['labels']
    assert (row['auroc'], row['auprc'])==(found['auroc'], found['auprc'])
    scored = pd.read_csv(files/'s.csv')
    assert row['anomalies_found']==scored.flag[:30].mean()
    assert row['false_alarms']==scored.flag[30:].mean()


@pytest.mark.parametrize('typed', [['--groups', 'day'], ['--hold-out', 'last', '--drop', 'day']])
def test_rows_are_held_out_as_fit_holds_them_out(run, files, typed):
    "Both options mean what they mean there: the same threshold, so the same rows flagged"
    for name in ('train.csv', 'test.csv'):
        frame = pd.read_csv(files/name)
        frame.assign(day=np.arange(len(frame))//20).to_csv(files/name, index=False)
    done, _ = compared(run, files, '--label', 'bad', *typed)
    row = next(row for row in done['table'] if row['method']=='knn')
    assert run('fit', files/'train.csv', '--save', files/'m', '--method', 'knn', '--quiet', *typed)[0]==0
    scores = ['score', files/'test.csv', '--model', files/'m', '--out', files/'s.csv', '--json']
    found = json.loads(run(*scores, '--label', 'bad')[1])['labels']
    flag = pd.read_csv(files/'s.csv').flag
    assert row['auroc']==found['auroc'] and row['false_alarms']==flag[30:].mean()
    assert row['anomalies_found']==flag[:30].mean()
    at_random, _ = compared(run, files, '--label', 'bad', '--drop', 'day')
    other = next(row for row in at_random['table'] if row['method']=='knn')
    assert (other['auroc'], other['false_alarms'])!=(row['auroc'], row['false_alarms'])
    assert any('groups held out' in note for note in done['notes'])==('--groups' in typed)


def test_labels_in_both_files_and_rows_without_one(run, files):
    train, test = table(400, 0, 20), table(300, 1, 30)
    for frame, name in ((train, 'train.csv'), (test, 'test.csv')):
        frame['status'] = np.where(frame.bad==1, 'broken', 'ok')
        frame.loc[200:220, 'status'] = ''
        frame.drop(columns='bad').to_csv(files/name, index=False)
    done, page = compared(run, files, '--label', 'status', '--normal', 'ok')
    assert any('21 rows without a label' in note for note in done['notes'])
    assert '249 rows' in page and done['table'][0]['auroc']>.95


def test_arrays_and_folders(run, tmp_path):
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(200, 4)), np.arange(200)<20
    np.savez(tmp_path/'train.npz', x=rng.normal(size=(300, 4)))
    np.savez(tmp_path/'test.npz', x=x + 5*y[:, None], y=y)
    done, _ = compared(run, tmp_path, '--label', 'y', train='train.npz', test='test.npz')
    assert done['table'][0]['auroc']==1
    cracked_plates(tmp_path, {'train/good':100, 'test/good':30, 'test/crack':10}, 8)
    done, _ = compared(run, tmp_path, '--normal', 'good', train='train', test='test')
    assert done['table'][0]['auroc']>.95
    done, _ = compared(run, tmp_path, '--normal', 'good', train='train/good', test='test')     # a flat folder
    assert done['table'][0]['auroc']>.95


def test_a_file_is_read_as_typed_and_what_score_says_is_said_once(run, files):
    "A European file whose codes look like numbers, with a word that training never saw, from another place"
    train, test = table(400, 0).drop(columns='bad'), table(300, 1, 30)
    test.loc[40:49, 'mode'] = 'turbo'
    test['a'] += 2
    for frame, name in ((train, 'train.csv'), (test, 'test.csv')):
        frame['code'] = [f'0{i%3}' for i in range(len(frame))]
        frame.round(3).to_csv(files/name, index=False, sep=';', decimal=',')
    typed = ['--sep', ';', '--decimal', ',', '--words', 'code', '--max-gb', '2']
    done, _ = compared(run, files, '--label', 'bad', *typed)
    for words in ('never seen in training (turbo)', "Lies elsewhere than in training: 'a'"):
        assert len([note for note in done['notes'] if words in note])==1, words
    argv = ['compare', files/'train.csv', files/'test.csv', '--out', files/'d.html', '--label', 'bad', *QUICK]
    assert run(*argv, '--words', 'code')[0]==2


@pytest.mark.skipif(sys.platform!='linux', reason='names of files that are no text')
def test_a_name_that_is_no_utf_8_is_written_out(run, files):
    name = os.fsdecode(b'test-\xff.csv')
    (files/'test.csv').rename(files/name)
    assert 'test-&#56575;.csv' in compared(run, files, '--label', 'bad', test=name)[1]


def test_what_a_message_advises_is_an_option():
    "Of `compare` as of `fit`: how a file is read"
    commands = next(action.choices for action in parser()._actions if 'fit' in (action.choices or ()))
    options = {name:{*commands[name]._option_string_actions} for name in ('fit', 'compare')}
    advised = {'--sep', '--thousands', '--decimal', '--comment', '--skip-rows', '--header', '--words',
               '--impute', '--drop', '--max-gb', '--size', '--strict', '--label', '--normal', '--epochs'}
    for name, there in options.items(): assert advised<=there, (name, advised - there)


def test_labels_of_the_training_are_told_from_those_of_the_test(run, files):
    "'Label counts as an anomaly' of which file?"
    for name, seed, word in (('train.csv', 0, 'crack'), ('test.csv', 1, 'hole')):
        frame = table(400, seed, 20)
        frame['status'] = np.where(frame.bad==1, word, 'ok')
        frame.drop(columns='bad').to_csv(files/name, index=False)
    done, _ = compared(run, files, '--label', 'status', '--normal', 'ok')
    said = [note for note in done['notes'] if 'counts as an anomaly' in note]
    assert [note.split(':')[0] for note in said if "'hole'" in note]==['all methods']
    assert [note.split(':')[0] for note in said if "'crack'" in note]==['all methods, in training']
    assert len(said)==2


def test_notes_of_a_comparison_advise_what_it_has(run, files):
    "Odd rows among those held out, rows that score the threshold, normal rows from elsewhere; `run` looks"
    train, test = table(400, 0), table(300, 1, 30)
    train.loc[:39, ['a', 'b']] += 40
    test.loc[100:, ['a', 'b']] += 5
    train.drop(columns='bad').to_csv(files/'train.csv', index=False)
    test.to_csv(files/'test.csv', index=False)
    done, _ = compared(run, files, '--label', 'bad')
    assert any('(--contamination)' in note for note in done['notes'])
    typed, _ = compared(run, files, '--label', 'bad', '--contamination', '.1')
    assert not any('(--contamination)' in note for note in typed['notes'])
    assert typed['table']!=done['table']
    train = table(400, 0)[['a', 'b']]
    train.to_csv(files/'train.csv', index=False)
    for n in (300, 20):                                      # many draw the line again, few cannot be told
        test = table(300, 1, 30)[['a', 'b', 'bad']]
        test.loc[300-n:, ['a', 'b']] += 3
        test.to_csv(files/'test.csv', index=False)
        done, _ = compared(run, files, '--label', 'bad')
        moved = [note for note in done['notes'] if 'Fit on rows like these' in note]
        assert bool(moved)==(n==300) and all(note.endswith('Fit on rows like these.') for note in moved)


def test_advice_that_is_none_is_found():
    assert wrong_options('compare', 'ganad: give --prefix, or --label')==['--prefix']
    assert wrong_options('score', 'ganad: fit without it (--drop a); --drop')==[]
    assert wrong_options('score', 'ganad: drop it (--drop a)')==['--drop']
    assert wrong_advice(['score', 'x'], '--what', 'ganad: --prefix\nelse --what')==[]


MISTAKES = [[], ['--label', 'good'], ['--label', 'a'], ['--label', 'bad', '--normal', '7']]


@pytest.mark.parametrize('options', MISTAKES)
def test_mistakes_are_one_line(run, files, options):
    argv = ['compare', files/'train.csv', files/'test.csv', '--out', files/'c.html', *QUICK]
    code, _, err = run(*argv, *options)
    assert code==2 and err.startswith('ganad: ') and err.count('\n')==1 and not (files/'c.html').exists()


# Is a GAN better than chance?

def competitor(name, scores, kinds, *notes):
    counts = dict(anomalies=int((kinds==1).sum()), normal=int((kinds==0).sum()))
    found = dict(counts, auroc=auroc(kinds==1, scores), auprc=.5)
    return Competitor(name, 1., scores, kinds, found, 0., [*notes])


def test_the_interval_of_a_difference_is_that_of_a_plain_bootstrap():
    rng = np.random.default_rng(0)
    kinds = np.repeat([1, 0], [40, 100])
    first, second = (competitor(name, rng.normal(size=140) + shift*kinds, kinds)
                     for name, shift in (('bigan', 2), ('knn', 1)))
    draws = []
    for _ in range(1500):
        at = np.r_[rng.integers(0, 40, 40), rng.integers(40, 140, 100)]
        draws.append(auroc(kinds[at]==1, first.scores[at]) - auroc(kinds[at]==1, second.scores[at]))
    assert auroc_difference(first, second)==pytest.approx(np.quantile(draws, [.025, .975]), abs=.02)


@pytest.mark.parametrize('gan, baseline, words', [
    (3, 0, 'bigan is better than knn by'), (0, 3, 'No GAN is needed here: knn is better than bigan'),
    (1, 1, 'No GAN is needed here: knn does as well as bigan')])
def test_verdicts(gan, baseline, words):
    rng = np.random.default_rng(0)
    kinds = np.repeat([1, 0], [60, 200])
    noise = rng.normal(size=260)
    both = [competitor(name, noise + .1*rng.normal(size=260) + shift*kinds, kinds)
            for name, shift in (('bigan', gan), ('knn', baseline))]
    assert words in verdict_of(both)


def test_no_method_better_than_chance_is_said_everywhere(run, tmp_path):
    "Labels that have nothing to do with the rows; terminal, JSON and page say it"
    table(400, 0).drop(columns='bad').to_csv(tmp_path/'train.csv', index=False)
    test = table(300, 1)
    test['bad'] = (np.arange(300)%10==0).astype(int)
    test.to_csv(tmp_path/'test.csv', index=False)
    done, page = compared(run, tmp_path, '--label', 'bad')
    assert all(row['auroc_low']<=.5 for row in done['table'])
    words = 'No method is better than chance'
    assert done['verdict'].startswith(words) and words in page and '30 anomalies and 270' in done['verdict']
    argv = ['compare', tmp_path/'train.csv', tmp_path/'test.csv', '--out', tmp_path/'c.html', *QUICK]
    code, out, _ = run(*argv, '--label', 'bad')
    assert code==0 and words in out and 'No GAN is needed' not in out


def test_one_method_above_chance_is_enough():
    kinds = np.repeat([1, 0], [40, 200])
    noise = np.random.default_rng(0).normal(size=240)
    guess, good = competitor('knn', noise, kinds), competitor('pca', noise + kinds, kinds)
    assert 'chance' in verdict_of([guess]) and 'chance' not in verdict_of([guess, good])
    worse = competitor('knn', noise - 2*kinds, kinds)
    assert 'chance' in verdict_of([worse]), 'an AUROC below a half is no success'


def test_numbers_are_numbers_and_null_where_there_is_none(run, files):
    done, page = compared(run, files, '--label', 'bad')
    for row in done['table']:
        assert {name for name, value in row.items() if isinstance(value, str)}=={'method', 'kind'}
        assert 0<=row['auroc_low']<=row['auroc']<=row['auroc_high']<=1 and row['seconds']>0
    test = table(100, 1, 1)
    test.to_csv(files/'test.csv', index=False)                        # one anomaly: no interval
    done, page = compared(run, files, '--label', 'bad')
    assert all(row['auroc_low'] is row['auroc_high'] is None for row in done['table'])
    assert 'No method is better than chance' in done['verdict'] and 'not known' in page


def test_each_note_says_which_methods_it_is_about(run, files):
    kinds = np.repeat([1, 0], [5, 20])
    rows = [competitor(name, np.arange(25.), kinds, *notes)
            for name, notes in (('knn', ['A.', 'B.']), ('pca', ['B.', 'C.']), ('bigan', ['B.', 'C.']))]
    assert notes_by_method(rows)==['knn, in training: A.', 'all methods, in training: B.',
                                   'pca, bigan, in training: C.']
    rows[0].doubts = ['B.']                                                  # of the file that was scored
    assert notes_by_method(rows)[0]=='knn: B.' and len(notes_by_method(rows))==4
    table(120, 0).drop(columns='bad').to_csv(files/'train.csv', index=False)
    done, page = compared(run, files, '--label', 'bad')
    few = [note for note in done['notes'] if 'Only 120 rows to learn from' in note]
    assert len(few)==1 and few[0].startswith('all methods, in training: Only 120') and few[0] in page
    names = {row['method'] for row in done['table']} | {'all methods', 'in training'}
    for note in done['notes']: assert {*note.split(': ')[0].split(', ')}<=names, note


# The line of `fit`

@pytest.mark.parametrize('broken', [0, 20])
def test_fit_says_where_a_baseline_does_as_well(run, tmp_path, broken):
    table(400, 0, broken).to_csv(tmp_path/'t.csv', index=False)
    argv = ['fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--label', 'bad']
    code, out, _ = run(*argv, '--method', 'bigan', '--epochs', '1', '--set', 'nz=2')
    line = [line for line in out.splitlines() if 'does as well' in line or 'does better' in line]
    assert code==0 and len(line)==1 and '--method ' in line[0]
    assert ('known anomalies' if broken else 'mixed columns') in line[0]
    card = info(tmp_path/'m')['extra']['card']
    assert {*card}=={'data', 'split', 'metrics', 'limits'} and 'does as well' in card['metrics']
    _, about, _ = run('info', tmp_path/'m')
    for part in ('card: data', 'card: split', 'card: metrics'): assert part in about
    code, out, _ = run(*argv, '--method', 'knn')
    assert code==0 and 'does as well' not in out and 'does better' not in out


def test_mixed_rows_keep_columns_and_break_what_belongs_together():
    frame = pd.DataFrame(dict(a=np.arange(1000.), b=np.arange(1000.), c=[f'w{i}' for i in range(1000)]))
    mixed = mixed_rows(frame)
    assert (mixed.dtypes==frame.dtypes).all() and .3<(mixed.a==mixed.b).mean()<.7
    assert mixed.equals(mixed_rows(frame)) and not mixed.equals(mixed_rows(frame, seed=1))


def test_without_a_method_fit_takes_the_default_and_says_why(run, tmp_path):
    table(300, 0).drop(columns='bad').to_csv(tmp_path/'t.csv', index=False)
    code, out, err = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m')
    assert (code, err)==(0, '') and 'ganad compare' in out
    assert 'knn is the default: of five quick methods it ranked first on 14 tables' in out
    assert info(tmp_path/'m')['method']=='knn'
    assert 'holds 240 of the training rows' in info(tmp_path/'m')['extra']['card']['limits']
    _, out, _ = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'knn')
    assert 'default' not in out


def test_of_pictures_the_reason_for_the_default_is_theirs(run, tmp_path):
    cracked_plates(tmp_path, {'train/good':100}, 8)
    code, out, _ = run('fit', tmp_path/'train/good', '--save', tmp_path/'m')
    assert code==0 and 'it ranked first on 20 classes of pictures' in out and 'tables' not in out


def test_anomalies_that_every_baseline_finds_usual_are_no_error():
    "The mean row is as usual as can be: AUROC 0 of every baseline"
    x = np.random.default_rng(0).normal(size=(120, 6))
    est = estimators()['gan'](epochs=1, random_state=0, false_alarms=.05).fit(x)
    assert baseline_beside(est, x, np.zeros((12, 6)))=={}
