"A promised rate of false alarms is kept, by the threshold alone and by every step from rows to alarms"
import numpy as np
import pytest
from scipy import stats

from ganad.core import DataError, GanadError
from ganad.estimator import KNNDetector, MeanRowDetector, PCADetector
from ganad.estimator._threshold import (
    Threshold,
    by_contamination,
    by_false_alarms,
    odd_tail,
    p_values,
    rows_for_interval,
    rows_needed,
)


def inside(count, n, p, level=.999):
    "Is `count` of `n` what a coin with probability `p` leads to?"
    low, high = stats.binom.interval(level, n, p)
    return low<=count<=high


@pytest.mark.parametrize('n,rate', [(30, .1), (99, .01), (50, .05), (19, .05), (10, .25)])
def test_one_new_row_in_each_of_20000_trials(n, rate):
    "Of n+1 rows from one place, the last is among the oddest as often as said: (n+1-k)/(n+1)"
    trials = np.random.default_rng(0).standard_exponential((20_000, n+1))
    alarms = sum(scores[-1]>by_false_alarms(scores[:-1], rate) for scores in trials)
    k = int(np.ceil((n+1)*(1-rate) - 1e-9))
    exact = (n+1-k)/(n+1)
    assert exact<=rate + 1e-12
    assert inside(alarms, len(trials), exact)


@pytest.fixture(scope='module')
def trials():
    "200 trainings on 100 rows each, 30 of them held back: alarms and p-values of 200 new normal rows"
    alarms, p = [], []
    for seed in range(200):
        x = np.random.default_rng(seed).lognormal(size=(300, 3))
        e = MeanRowDetector(false_alarms=.1, holdout=.3, random_state=seed).fit(x[:100])
        alarms.append(e.predict(x[100:])<0)
        p.append(e.p_values(x[100:]))
    return np.array(alarms), np.array(p)


def test_the_estimator_keeps_the_promise_over_200_trials(trials):
    alarms, _ = trials
    p = 3/31                                            # 30 held-out rows: k = 28 of 31
    assert inside(alarms[:, 0].sum(), 200, p), 'one new row a trial: a binomial number'
    rates = alarms.mean(1)
    error = stats.betabinom.std(200, 3, 28)/200/200**.5
    assert abs(rates.mean() - p)<3.3*error, 'all new rows: their mean rate, as held-out sets may differ'
    assert rates.std()>.02, 'any one set may be far off: the promise is about their mean'


@pytest.mark.parametrize('level', [.05, .1, .3, .5, .9])
def test_p_values_are_uniform_or_larger(trials, level):
    _, p = trials
    assert inside((p[:, 1]<=level).sum(), 200, np.floor(31*level)/31)


def test_training_rows_would_break_the_promise():
    "The same with the training rows in the place of the held-out ones: the reason why rows are held back"
    x = np.random.default_rng(0).normal(size=(1200, 20))
    seen, new = x[:200], x[200:]
    believed = PCADetector(contamination=.05, random_state=0).fit(seen)
    assert (believed.predict(new)<0).mean()>.1
    promised = PCADetector(false_alarms=.05, holdout=.5, random_state=0).fit(seen)
    assert (promised.predict(new)<0).mean()<.1


@pytest.mark.parametrize('seed', range(3))
def test_a_training_row_is_not_its_own_neighbour(seed):
    "Where each was one, 80 % of new rows were flagged, not 10"
    x = np.random.default_rng(seed).normal(size=(2400, 20))
    e = KNNDetector(contamination=.1, random_state=0).fit(x[:400])
    assert .05<(e.predict(x[400:])<0).mean()<.16


def test_held_out_rows_teach_nothing():
    "The scales are those of the other rows, and the scores that draw the line are theirs alone"
    x = np.random.default_rng(0).normal(size=(200, 3))
    e = MeanRowDetector(false_alarms=.1, random_state=0).fit(x)
    held = np.flatnonzero(np.isin(e.anomaly_score(x).round(9), e.reference_.round(9)))
    assert len(held)==len(e.reference_)==e.data_['held']==40
    assert e.data_['rows']==200
    assert np.allclose(e.prep_.mean, np.delete(x, held, 0).mean(0))
    assert not np.allclose(e.prep_.mean, x.mean(0))


def test_threshold_kinds():
    x = np.random.default_rng(0).normal(size=(300, 3))
    assert (MeanRowDetector(contamination=.2).fit_predict(x)<0).sum()==60
    e = MeanRowDetector(threshold=1.5).fit(x)
    assert e.threshold_==1.5
    assert np.array_equal(e.predict(x)<0, e.anomaly_score(x)>1.5)
    e.threshold_ = 2
    assert e.offset_==-2
    assert np.array_equal(e.predict(x)<0, e.anomaly_score(x)>2)
    with pytest.raises(ValueError, match='p-values need normal rows that were held back'): e.p_values(x)


def test_a_line_alone():
    scores = np.arange(100.)
    by_share = Threshold.draw(scores, False)
    assert by_share.value==by_contamination(scores, .1)==pytest.approx(89.1)
    by_rate = Threshold.draw(scores[::-1][:49], True, false_alarms=.1, contamination=.5)
    assert by_rate.value==by_false_alarms(scores[51:], .1)
    assert np.array_equal(by_rate.reference, scores[51:])
    new = np.array([0., 60., 97.5, 200.])
    assert np.array_equal(by_rate.flags(new), by_rate.p_values(new)<=.1)
    assert np.array_equal(by_rate.flags(new), by_rate.margin(new)<0)
    given = Threshold.draw(scores, True, value=7, false_alarms=.1)
    assert (given.value, given.held_out)==(7, True)
    with pytest.raises(GanadError, match='rows that were held back'): by_share.p_values(new)
    with pytest.raises(GanadError, match='no threshold yet'): Threshold(None, scores, False).flags(new)


def test_too_few_rows_say_how_many():
    x = np.random.default_rng(0).normal(size=(100, 3))
    says = 'false_alarms=0.01 needs 99 held-out normal rows, here are 20; give more rows'
    with pytest.raises(DataError, match=says) as e: MeanRowDetector(false_alarms=.01).fit(x)
    assert e.value.option=='false_alarms'
    assert rows_needed(.01)==99
    assert rows_needed(.05)==19


def test_ties_alarm_less_never_more():
    scores = np.repeat([0., 1., 2.], 40)
    for rate in (.05, .2, .5): assert (scores>by_false_alarms(scores, rate)).mean()<=rate
    assert p_values(scores, [2.])[0]==41/121
    assert by_contamination(scores, .1)==2


@pytest.mark.parametrize('n,rate', [(20, .05), (60, .05), (150, .1), (400, .02)])
def test_the_interval_holds_as_often_as_it_says(n, rate):
    "The rate of one model lies in it for nine held-out sets in ten"
    inside_it = 0
    for scores in np.random.default_rng(n).standard_exponential((1500, n)):
        line = Threshold.draw(scores, True, false_alarms=rate)
        low, high = line.rate_interval()
        inside_it += low<=np.exp(-line.value)<=high
    assert inside(inside_it, 1500, .9)


def test_the_interval_of_a_line_that_somebody_gave():
    scores = np.arange(40.)
    assert Threshold(99., scores, True).rate_interval()==(0, pytest.approx(1 - .05**(1/40)))
    low, high = Threshold(-1., scores, True).rate_interval()
    assert (low, high)==(pytest.approx(.05**(1/40)), 1)
    exact = stats.binomtest(4, 40).proportion_ci(.9, 'exact')
    assert Threshold(35.5, scores, True).rate_interval()==pytest.approx((exact.low, exact.high))
    assert Threshold(3., scores, False).rate_interval() is None
    assert Threshold(None, scores, True).rate_interval() is None


@pytest.mark.parametrize('rate,within', [(.05, .02), (.01, .01), (.2, .05)])
def test_so_many_rows_make_it_so_near(rate, within):
    enough = rows_for_interval(rate, within)
    low, high = Threshold.draw(np.arange(enough), True, false_alarms=rate).rate_interval()
    assert rate-within<=low<high<=rate+within
    low, high = Threshold.draw(np.arange(enough-1), True, false_alarms=rate).rate_interval()
    assert low<rate-within or high>rate+within


@pytest.mark.parametrize('cls', [KNNDetector, MeanRowDetector])
def test_anomalies_in_the_training_leave_a_tail(cls):
    "With 5 % of them hardly a normal row is flagged; that is said, and of clean rows nothing is"
    said = dict(clean=0, mixed=0)
    for seed in range(10):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=(1200, 6))
        odd = np.where(rng.random((1200, 1))<.05, 6, 1)*x
        for name, rows in dict(clean=x, mixed=odd).items():
            e = cls(false_alarms=.05, random_state=seed).fit(rows)
            said[name] += e.line_.odd_tail()>0
        assert (e.predict(rng.normal(size=(1000, 6)))<0).mean()<.04
    assert said['clean']<=1
    assert said['mixed']>=9


@pytest.mark.parametrize('scores', [[], [1.], np.zeros(300), np.repeat([0., 1.], 200), np.arange(49.),
                                    np.r_[np.zeros(299), 1]], ids=len)
def test_no_tail_where_there_is_nothing_to_see(scores): assert odd_tail(scores)==0
