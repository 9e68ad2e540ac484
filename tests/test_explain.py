"Planted faults are named by every method: columns, words, and places in pictures"
import numpy as np
import pandas as pd
import pytest
from estimators import LABELLED, digits, frame, small, table

from ganad.core import GanadError
from ganad.detector import detectors
from ganad.estimator import KNNDetector, PCADetector, estimators
from ganad.estimator._fitted import FittedDetector
from ganad.estimator._explain import by_column, by_difference
from ganad.estimator._preprocess import Images, NewValueWarning, Table


def test_explanations_alone():
    x = table()
    prep = Table().fit(x)
    pca = FittedDetector(detectors()['pca'](4, k=2).fit(prep.rows(x)), double=True)
    assert by_column(prep, pca, prep.rows(x)).shape==x.shape
    pictures = Images().fit(digits())
    pca = FittedDetector(detectors()['pca']((1, 8, 8), k=3).fit(pictures.rows(digits())))
    assert by_difference(pca, pictures.rows(digits(5))).shape==(5, 8, 8)


SIX_OF_THREE = np.random.default_rng(0).normal(size=(3, 6))


def six_columns(n, seed):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3))@SIX_OF_THREE + .1*rng.normal(size=(n, 6))


@pytest.mark.parametrize('name', [name for name in estimators() if name not in LABELLED])
def test_a_planted_column_is_named_by_every_method(name):
    "The one that is six deviations off; the one that is usual for itself, and does not fit the others"
    x, usual = six_columns(800, 1), six_columns(300, 2)
    rng = np.random.default_rng(3)
    at = rng.integers(6, size=300)
    far, wrong = usual.copy(), usual.copy()
    far[range(300), at] += 6*x.std(0)[at]*rng.choice([-1, 1], 300)
    wrong[range(300), at] = np.roll(usual, 1, axis=0)[range(300), at]
    for as_frame in (False, True):
        def given(rows): return pd.DataFrame(rows, columns=[*'abcdef']) if as_frame else rows    # noqa: B023
        e = small(name, false_alarms=.05).fit(given(x))
        assert e.explain(given(far)).shape==(300, 6)
        assert (e.explain(given(far)).argmax(1)==at).mean()>=.95
        assert (e.explain(given(wrong)).argmax(1)==at).mean()>=.7
        if name not in ('pca', 'alad'): break


def passengers(n, seed):
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(n, 3))@SIX_OF_THREE[:, :4] + .1*rng.normal(size=(n, 4))
    d = pd.DataFrame(numbers, columns=[*'abcd'])
    side = np.where(d['a'] + .2*rng.normal(size=n)>0, 'north', 'south')
    return d.assign(sex=np.where(rng.random(n)<.25, 'male', 'female'), side=side)


@pytest.mark.parametrize('name', ['pca', 'knn', 'isolationforest', 'alad', 'gan', 'autoencoder'])
def test_words_are_a_reason_only_where_they_are_one(name):
    "A quarter of all is none; what does not fit the numbers is, and so is a word that was never seen"
    train, test = passengers(800, 1), passengers(300, 2)
    e = small(name, false_alarms=.05).fit(train)
    at = np.random.default_rng(3).integers(4, size=300)
    far = test.copy()
    for row, column in enumerate(at): far.iloc[row, column] += 6*train.iloc[:, column].std()
    assert (e.explain(far).argmax(1)==at).mean()>=.95
    clear = test[test['a'].abs()>1]
    swapped = clear.assign(side=np.where(clear['side']=='north', 'south', 'north'))
    assert (e.explain(swapped).argmax(1)==5).mean()>=.7
    with pytest.warns(NewValueWarning): assert (e.predict(test.assign(sex='?!'))==-1).all()
    assert (e.explain(test.assign(sex='?!')).argmax(1)==4).all()
    oddest = test.iloc[e.anomaly_score(test).argsort()[-60:]]
    assert (e.explain(oddest).argmax(1)==4).mean()<.4, 'being male'


def test_a_planted_category_is_named():
    d = frame(300)
    d['🌍'] = np.where(d['n']<5, 'land', 'sea')
    e = PCADetector(k=3, random_state=0).fit(d)
    assert (e.explain(d[:50].assign(**{'🌍':'moon'})).argmax(1)==1).mean()>.8


def test_a_planted_blot_is_shown():
    x = digits(500)
    odd = x[:60].copy()
    odd[:, 5:7, 0:2] = 1
    e = PCADetector(k=12, random_state=0).fit(x)
    maps = e.explain(odd)
    assert maps.shape==(60, 8, 8)
    inside = maps[:, 5:7, 0:2].mean()
    outside = np.delete(maps.reshape(60, -1), [40, 41, 48, 49], 1).mean()
    assert inside>3*outside
    says = "has no critic with a feature map; take by='difference'"
    with pytest.raises(GanadError, match=says): e.explain(odd, by='features')
    with pytest.raises(GanadError, match="no explanation 'x'"): e.explain(odd, by='x')
    with pytest.raises(GanadError, match='does not reconstruct'): KNNDetector().fit(x).explain(odd)


@pytest.mark.parametrize('name,kw', [('alad', {}), ('alad', dict(height=True)), ('egbad', {}),
                                     ('ganomaly', {}), ('alad64', {})])
def test_feature_maps(name, kw):
    maps = small(name, **kw).fit(digits(40)).explain(digits(5), by='features')
    assert maps.shape==(5, 8, 8)
    assert (maps>=0).all()
    assert maps.std()>0


@pytest.mark.parametrize('name', ['alad', 'ganomaly'])
def test_a_planted_blot_is_shown_by_what_a_critic_sees(name):
    "The difference is largest in the blot; what the features of the critic's first layer gain is, too"
    x = digits(320).repeat(4, 1).repeat(4, 2)
    old, odd = x[300:], x[300:].copy()
    odd[:, 4:8, 24:28] = 1
    e = small(name, epochs=2).fit(x[:300])
    def pixels_off(maps):                                                                            # of 32
        places = [np.unravel_index(m.argmax(), m.shape) for m in maps]
        return np.abs(places - np.array([5.5, 25.5])).max(1)
    assert (pixels_off(e.explain(odd))<3).mean()>.9
    maps = e.explain(odd, by='features')
    assert maps.shape==(20, 32, 32)
    gain = maps - e.explain(old, by='features')              # hardly trained, every edge is bright in `maps`
    assert (pixels_off(gain)<4).mean()>=.5, 'by chance .06'
