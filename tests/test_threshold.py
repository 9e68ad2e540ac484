"A promised rate of false alarms is kept, by the threshold alone and by every step from rows to alarms"
import numpy as np
import pytest
from scipy import stats
from ganad.core import DataError
from ganad.estimator import KNNDetector, MeanRowDetector
from ganad.estimator.threshold import by_contamination, by_false_alarms, p_values, rows_needed


def inside(count, n, p, level=.999):
    "Is `count` of `n` what a coin with probability `p` leads to?"
    lo, hi = stats.binom.interval(level, n, p)
    return lo <= count <= hi


@pytest.mark.parametrize('n,rate', [(30, .1), (99, .01), (50, .05), (19, .05), (10, .25)])
def test_one_new_row_in_each_of_20000_trials(n, rate):
    "Of n+1 rows from one place, the last is among the oddest as often as said: (n+1-k)/(n+1), at most the rate"
    s = np.random.default_rng(0).standard_exponential((20_000, n+1))
    alarms = sum(row[-1] > by_false_alarms(row[:-1], rate) for row in s)
    k = int(np.ceil((n+1)*(1-rate) - 1e-9))
    assert (n+1-k)/(n+1) <= rate + 1e-12 and inside(alarms, len(s), (n+1-k)/(n+1))


@pytest.fixture(scope='module')
def trials():
    "200 trainings on 100 rows each, 30 of them held back; what 200 new normal rows are given"
    def one(seed):
        x = np.random.default_rng(seed).lognormal(size=(300, 3))
        e = MeanRowDetector(false_alarms=.1, holdout=.3, random_state=seed).fit(x[:100])
        return e.predict(x[100:]) < 0, e.p_values(x[100:])
    return tuple(map(np.array, zip(*map(one, range(200)))))


def test_the_estimator_keeps_the_promise_over_200_trials(trials):
    alarms, _ = trials
    p = 3/31                                            # 30 held-out rows: k = 28 of 31
    assert inside(alarms[:, 0].sum(), 200, p), 'one new row a trial: a binomial number'
    rates, se = alarms.mean(1), stats.betabinom.std(200, 3, 28)/200/200**.5
    assert abs(rates.mean() - p) < 3.3*se, 'all new rows: their mean rate, given how much a held-out set may differ from another'
    assert rates.std() > .02, 'any one set may be far off: the promise is about their mean'


@pytest.mark.parametrize('level', [.05, .1, .3, .5, .9])
def test_p_values_are_uniform_or_larger(trials, level):
    assert inside((trials[1][:, 1] <= level).sum(), 200, np.floor(31*level)/31)


def test_training_rows_would_break_the_promise():
    "The same with the training rows in the place of the held-out ones: the reason why rows are held back"
    x = np.random.default_rng(0).normal(size=(1200, 10))
    e = KNNDetector(contamination=.05, random_state=0).fit(x[:200])
    assert (e.predict(x[200:]) < 0).mean() > .1
    e = KNNDetector(false_alarms=.05, holdout=.5, random_state=0).fit(x[:200])
    assert (e.predict(x[200:]) < 0).mean() < .1


def test_held_out_rows_teach_nothing():
    "The scales are those of the other rows, and the scores that draw the line are theirs alone"
    x = np.random.default_rng(0).normal(size=(200, 3))
    e = MeanRowDetector(false_alarms=.1, random_state=0).fit(x)
    held = np.flatnonzero(np.isin(e.anomaly_score(x).round(9), e.reference_.round(9)))
    assert len(held) == len(e.reference_) == e.data_['held'] == 40 and e.data_['rows'] == 200
    assert np.allclose(e.prep_.mean, np.delete(x, held, 0).mean(0)) and not np.allclose(e.prep_.mean, x.mean(0))


def test_threshold_kinds():
    x = np.random.default_rng(0).normal(size=(300, 3))
    assert (MeanRowDetector(contamination=.2).fit_predict(x) < 0).sum() == 60
    e = MeanRowDetector(threshold=1.5).fit(x)
    assert e.threshold_ == 1.5 and np.array_equal(e.predict(x) < 0, e.anomaly_score(x) > 1.5)
    e.threshold_ = 2
    assert e.offset_ == -2 and np.array_equal(e.predict(x) < 0, e.anomaly_score(x) > 2)
    with pytest.raises(ValueError, match='p-values need normal rows that were held back'): e.p_values(x)


def test_too_few_rows_say_how_many():
    x = np.random.default_rng(0).normal(size=(100, 3))
    with pytest.raises(DataError, match='false_alarms=0.01 needs 99 held-out normal rows, here are 20; give more rows'):
        MeanRowDetector(false_alarms=.01).fit(x)
    assert rows_needed(.01) == 99 and rows_needed(.05) == 19


def test_ties_alarm_less_never_more():
    s = np.repeat([0., 1., 2.], 40)
    for rate in (.05, .2, .5): assert (s > by_false_alarms(s, rate)).mean() <= rate
    assert p_values(s, [2.])[0] == 41/121 and by_contamination(s, .1) == 2
