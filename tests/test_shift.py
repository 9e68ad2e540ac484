"A test of shift finds what moved, keeps silent where nothing did; ties and tails of the scores are said"
import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from scipy.stats import betabinom, ks_2samp

from ganad.estimator import info, load
from ganad._files.shift import (LEVEL, Moments, alarms_expected, false_alarms_differ, places, scores_differ,
                               share_above_usual)

KNN = ['--method', 'knn', '--quiet']


def counted(reference, scores):
    at = places(reference)
    return np.bincount(np.searchsorted(at, scores), minlength=len(at)+1)


def rows(n, seed, heat=0., flow=1.):
    rng = np.random.default_rng(seed)
    a = rng.normal(size=n)
    return pd.DataFrame(dict(speed=a, heat=a + rng.normal(0, .5, n) + heat, flow=flow*rng.normal(size=n),
                             mode=rng.choice(['eco', 'fast'], n)))


@pytest.fixture(scope='module')
def model(tmp_path_factory):
    "A folder with a model of normal rows"
    from ganad.cli import main
    folder = tmp_path_factory.mktemp('shift')
    rows(1000, 0).to_csv(folder/'train.csv', index=False)
    with pytest.raises(SystemExit): main(['fit', f'{folder}/train.csv', '--save', f'{folder}/m', *KNN])
    return folder


def notes(run, model, frame, command='score', *options):
    frame.to_csv(model/'t.csv', index=False)
    out = model/('s.csv' if command=='score' else 'r.html')
    code, printed, _ = run(command, model/'t.csv', '--model', model/'m', '--out', out, '--json', *options)
    assert code==0
    return json.loads(printed)['notes']


@pytest.mark.parametrize('share', [0, .05, .15])
@pytest.mark.parametrize('command', ['score', 'report'])
def test_no_wolf_is_cried(run, model, command, share):
    "Twenty files of rows as in training, some with anomalies, labelled or not: many are counted, no more"
    for seed in range(1, 6 if command=='report' else 21):
        frame = rows(300, seed)
        n = int(300*share)
        frame.loc[:n-1, 'heat'] += 8 if n else 0
        found = notes(run, model, frame, command)
        assert len(found)==(share==.15) and all('lie above the threshold' in note for note in found)
        frame['bad'] = (np.arange(300)<n).astype(int)
        assert notes(run, model, frame, command, '--label', 'bad')==[]


@pytest.mark.parametrize('command', ['score', 'report'])
def test_a_column_that_moved_is_named(run, model, command):
    found = notes(run, model, rows(300, 1, heat=1.5), command)
    assert any("'heat' (+" in note and 'false alarms' in note for note in found)
    assert not any("'flow'" in note or "'mode'" in note for note in found)


def test_categories_that_moved_are_named(run, model):
    frame = rows(300, 1).assign(mode=['eco']*290 + ['fast']*10)
    assert any("'mode' (" in note for note in notes(run, model, frame))


def test_false_alarms_of_labelled_normal_rows_are_said(run, model):
    frame = rows(300, 1, flow=1.8).assign(bad=0)
    found = notes(run, model, frame, 'report', '--label', 'bad')
    assert len(found)==1 and 'labelled normal lie above the threshold' in found[0]
    assert 'rate of false alarms does not hold' in found[0]


def test_scores_that_lie_higher_as_a_whole_are_said(run, model):
    assert any('higher as a whole' in note for note in notes(run, model, rows(300, 1, flow=6.)))


def test_a_large_share_of_flagged_rows_is_said(run, tmp_path):
    rng = np.random.default_rng(0)
    pd.DataFrame(rng.normal(size=(2000, 4)), columns=[*'abcd']).to_csv(tmp_path/'train.csv', index=False)
    wide = pd.DataFrame(1.3*rng.normal(size=(1000, 4)), columns=[*'abcd'])
    assert run('fit', tmp_path/'train.csv', '--save', tmp_path/'m', *KNN)[0]==0
    found = notes(run, tmp_path, wide)
    flags = pd.read_csv(tmp_path/'s.csv').flag.mean()
    assert flags>.125 and found[0].startswith(f'{flags:.1%} of the rows lie above the threshold, of normal')


def test_scores_that_lie_lower_as_a_whole_are_said(run, model):
    narrow = rows(500, 1)
    narrow[['speed', 'heat', 'flow']] *= .5
    assert any('lower as a whole' in note for note in notes(run, model, narrow))


@pytest.mark.parametrize('n, value, is_said', [
    (300, 'mean', True), (300, 'median', True), (100, 'median', False), (25, 'mean', True),
    (15, 'mean', False)])
def test_a_sensor_that_stands_still_is_said(run, model, n, value, is_said):
    prep = load(model/'m').prep_
    place = prep.names.index('flow')
    still = prep.fill[place] if value=='median' else prep.mean[2]                  # the third number
    found = notes(run, model, rows(n, 1).assign(flow=still))
    assert any("'flow' is" in note and 'stand still' in note for note in found)==is_said


def test_a_repeated_row_is_said(run, model):
    frame = rows(600, 1)
    frame.iloc[300:] = frame.iloc[7].to_numpy()
    assert any('301 of 600 rows have one score' in note for note in notes(run, model, frame))


def test_pictures_that_are_darker_are_said(run, tmp_path):
    rng = np.random.default_rng(0)
    for name, level, n in (('train', 150, 120), ('same', 150, 60), ('dark', 110, 60)):
        (tmp_path/name).mkdir()
        for i in range(n):
            x = rng.normal(level + rng.normal(0, 10), 20, (8, 8)).clip(0, 255).astype('u1')
            Image.fromarray(x).save(tmp_path/name/f'{i:03}.png')
    assert run('fit', tmp_path/'train', '--save', tmp_path/'m', '--method', 'pca', '--quiet')[0]==0
    found = {}
    for name in ('same', 'dark'):
        argv = ['score', tmp_path/name, '--model', tmp_path/'m', '--out', tmp_path/'s.csv', '--json']
        found[name] = json.loads(run(*argv)[1])['notes']
    assert found['same']==[] and any('brightness (-' in note for note in found['dark'])


# The tests themselves

def test_false_alarms_are_beta_binomial():
    "In 4,000 trials, numbers of false alarms so unlikely come as often as the level says"
    rng = np.random.default_rng(0)
    m, n, trials = 99, 200, 4000
    reference = rng.normal(size=(trials, m))
    threshold = np.sort(reference, axis=1)[:, 94]
    flagged = (rng.normal(size=(trials, n))>threshold[:, None]).sum(1)
    p = np.array([alarms_expected(reference[0], threshold[0], n, k) for k in range(n+1)])[flagged]
    for level in (.01, .05, .2): assert (p<level).mean()<=level + 2*np.sqrt(level/trials)
    assert (p<.2).mean()>.1
    assert p[0]==pytest.approx(min(1, 2*min(betabinom(n, 5, 95).cdf(flagged[0]),
                                            betabinom(n, 5, 95).sf(flagged[0]-1))))


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.integers(20, 400), st.integers(20, 400), st.integers(2, 40))
def test_the_difference_of_places_is_that_of_scipy_also_with_ties(seed, m, n, values):
    rng = np.random.default_rng(seed)
    reference, scores = rng.integers(values, size=m)/7, rng.integers(values, size=n)/7 + .5
    found = share_above_usual(reference, counted(reference, scores), allowed=0.)
    expected = ks_2samp(reference, scores, alternative='greater').statistic
    if found is not None: assert found==pytest.approx(expected)
    else: assert expected<=np.sqrt(-np.log(LEVEL/2)/2*(m+n)/(m*n)) + 1e-9


def test_a_million_rows_find_no_trifle():
    rng = np.random.default_rng(0)
    reference, scores = rng.normal(size=200_000), rng.normal(size=200_000) + .03
    threshold = np.quantile(reference, .95)
    assert ks_2samp(reference, scores).pvalue<1e-9
    assert scores_differ(reference, scores) is None and not false_alarms_differ(reference, threshold, scores)
    moments = Moments()
    moments.add(scores[:, None])
    assert moments.moved(200_000)==[0]


# The scores that a threshold is drawn from

def test_ties_at_the_threshold_are_said(run, tmp_path):
    frame = pd.DataFrame(dict(state=[0.]*440 + [5.]*60, valve=[0.]*440 + [1.]*60))
    frame.to_csv(tmp_path/'t.csv', index=False)
    frame[430:447].to_csv(tmp_path/'new.csv', index=False)
    code, out, _ = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca', '--json')
    fitted = json.loads(out)
    assert code==0 and any('held-out rows score exactly the threshold' in note for note in fitted['notes'])
    argv = ['score', tmp_path/'new.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv', '--json']
    done = json.loads(run(*argv)[1])
    tied = [note for note in done['notes'] if 'score exactly the threshold' in note]
    assert done['flagged']==0 and tied and tied[0].startswith('7 of 17 rows')
    option = tied[0].split()[-3]
    assert json.loads(run(*argv, option)[1])['flagged']==7                     # as it advises


def test_anomalies_in_training_are_said(run, tmp_path):
    frame = rows(1000, 0)
    numbers = ['speed', 'heat', 'flow']
    frame.loc[::20, numbers] = np.random.default_rng(1).normal(0, 9, (50, 3))
    frame.to_csv(tmp_path/'t.csv', index=False)
    code, out, _ = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'knn', '--json')
    assert code==0 and any('--contamination' in note for note in json.loads(out)['notes'])


@pytest.mark.parametrize('n, needs_more', [(200, True), (2000, False)])
def test_fit_info_and_report_say_the_interval(run, tmp_path, n, needs_more):
    rows(n, 0).to_csv(tmp_path/'t.csv', index=False)
    rows(300, 1).to_csv(tmp_path/'new.csv', index=False)
    _, fitted, _ = run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca')
    _, about, _ = run('info', tmp_path/'m')
    argv = ['report', tmp_path/'new.csv', '--model', tmp_path/'m', '--out', tmp_path/'r.html']
    assert run(*argv)[0]==0
    for text in (fitted, about, (tmp_path/'r.html').read_text('utf-8')):
        assert f'90 % sure, from {n//5} held out' in text
        assert ('1,800 rows to learn from make it ±2 %' in text)==needs_more
    assert info(tmp_path/'m')['settings']['progress'] is False
