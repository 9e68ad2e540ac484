"Every method as scikit-learn expects it; every way to hand over rows; the rest is refused in one line"
import inspect
import math
import os
import pickle
import subprocess
import sys
import warnings
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis.extra.numpy import arrays
from scipy import special, stats
from scipy.ndimage import gaussian_filter1d
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _num_samples

from ganad.contract import toy_rows
from ganad.core import DataError, GanadError, ShapeError
from ganad.detector import detectors
from ganad.estimator import (ALADDetector, AutoEncoderDetector, Estimator, GANomalyDetector, KNNDetector,
                             MeanRowDetector, PCADetector, auroc_scorer, estimators, make)
from ganad.estimator.estimator import FittedDetector, settings_of
from ganad.estimator._explain import by_column, by_difference
from ganad.estimator._preprocess import (ConstantScoreWarning, EmptyColumnWarning, Images, NewValueWarning,
                                         Table, is_changed)
from ganad.estimator._threshold import Threshold
from ganad.metrics import auroc

ROOT = Path(__file__).resolve().parent.parent
CHEAP = dict(anogan=dict(steps=2, tries=8, starts=1), isolationforest=dict(trees=5),
             alad=dict(nz=2), alad64=dict(nz=2))


def small(name, **kw):
    "An estimator that is quickly trained"
    return estimators()[name](**dict(epochs=1, random_state=0) | CHEAP.get(name, {}) | kw)


# ---- scikit-learn's own checks

LABELLED = [name for name, cls in detectors().items() if cls.labelled]
ONE_OF_EACH_KIND = dict(table_gan='alad', image_gan='ganomaly', labelled='twodiscriminators',
                        at_once='pca', look_up='lookup')


class WithLabels:
    "For scikit-learn's checks, which hand over no labels, or any: every ninth row is a known anomaly"
    def fit(self, X, y=None):
        is_anomaly = np.arange(_num_samples(X)) % 9 == 0
        return super().fit(X, is_anomaly.astype(int))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags


class LabelledDetector(WithLabels, estimators()[ONE_OF_EACH_KIND['labelled']]): pass


NO_LABELS = ('learns from known anomalies; this check hands over no labels, or numbers of three classes, '
             'and gets the error that says so')
ONE_SCORE = 'a look-up table: all training rows have one score, so none of them can be an outlier'
NEED_LABELS = """
    fit_score_takes_y estimators_overwrite_params dont_overwrite_parameters estimators_fit_returns_self
    readonly_memmap_input n_features_in_after_fitting positive_only_tag_during_fit estimators_dtypes
    dtype_object f_contiguous_array_estimator outliers_fit_predict outliers_train
    classifier_data_not_an_array methods_sample_order_invariance methods_subset_invariance
    fit2d_1feature dict_unchanged fit2d_predict1d""".split()


def cannot(est):
    "Checks that an estimator does not pass, and why; a check that is listed and passes is a failure"
    if est.method.labelled and not isinstance(est, WithLabels):
        return {f'check_{name}':NO_LABELS for name in NEED_LABELS}
    if est.method.__name__=='LookUp':
        return dict(check_outliers_train=ONE_SCORE, check_outliers_fit_predict=ONE_SCORE)
    return {}


# an expected failure that passes is a failure, where scikit-learn can tell (1.8)
CAN_BE_STRICT = 'xfail_strict' in inspect.signature(parametrize_with_checks).parameters
STRICT = dict(xfail_strict=True) if CAN_BE_STRICT else {}
CHECKED = [small(name) for name in ONE_OF_EACH_KIND.values()] + [LabelledDetector(epochs=1, random_state=0)]


@parametrize_with_checks(CHECKED, expected_failed_checks=cannot, **STRICT)
def test_scikit_learn(estimator, check):
    if 'check_array_api_input' in repr(check): return       # needs SCIPY_ARRAY_API=1 before the first import
    check(estimator)


ARRAY_API = """
import sys, warnings, torch
from sklearn.utils.estimator_checks import estimator_checks_generator as checks
sys.path.insert(0, sys.argv[1])
torch.set_num_threads(1)
warnings.simplefilter('ignore')
import test_estimator as t
for estimator in t.CHECKED:
    if estimator.method.labelled and not isinstance(estimator, t.WithLabels): continue
    for est, check in checks(estimator):
        if 'check_array_api_input' in repr(check):
            check(est)
            print(est.method.__name__.lower())
"""


def test_array_api():
    env = {**os.environ, 'SCIPY_ARRAY_API':'1', 'OMP_NUM_THREADS':'1', 'PYTHONPATH':str(ROOT)}
    argv = [sys.executable, '-c', ARRAY_API, str(ROOT/'tests')]
    done = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert done.returncode==0, done.stderr[-2000:]
    assert {*done.stdout.split()}=={*ONE_OF_EACH_KIND.values()}, done.stderr[-2000:]


# ---- the interface

def test_there_is_one_for_each_method():
    import ganad.estimator as room
    assert [*estimators()]==[*detectors()]
    assert estimators()==estimators()
    for name, cls in estimators().items():
        assert cls is make(detectors()[name])
        assert cls is getattr(room, cls.__name__)
        assert cls.__doc__==detectors()[name].__doc__
        assert pickle.loads(pickle.dumps(cls)) is cls
    with pytest.raises(ImportError): from ganad.estimator import NoSuchDetector      # noqa: F401
    with pytest.raises(TypeError, match="no setting 'n_latent'; there are: epochs"): ALADDetector(n_latent=3)
    assert 'ALADDetector(nz=5)' in repr(ALADDetector(nz=5))


def test_no_setting_has_two_meanings():
    common = {*inspect.signature(Estimator).parameters} - {'own'}
    assert {'epochs', 'random_state'}<=common
    for name, cls in detectors().items():
        assert not common & {*settings_of(cls)}, name
        assert {*estimators()[name]().get_params()}==common | {*settings_of(cls)}


def table(n=200, seed=0):
    causes = np.random.default_rng(seed).normal(size=(n, 3))
    return causes @ [[1, 2, 0, 1], [0, 1, 1, 0], [0, 0, 1, 5]] + [0, 9, 0, -3]


def test_signs():
    x = np.vstack([table(), [[30, -30, 9, 9.]]])
    e = PCADetector(k=2, random_state=0).fit(x[:-1])
    assert e.anomaly_score(x).argmax()==200
    assert e.score_samples(x).argmin()==200
    assert e.predict(x)[-1]==-1
    assert np.array_equal(e.score_samples(x), -e.anomaly_score(x))
    assert np.array_equal(e.decision_function(x), e.score_samples(x) - e.offset_)
    assert e.threshold_==-e.offset_


def test_global_random_states_stay():
    torch.manual_seed(5)
    np.random.seed(5)
    of_torch, of_numpy = torch.get_rng_state(), np.random.get_state()[1].copy()
    ALADDetector(epochs=1, random_state=1).fit(table())
    assert torch.equal(of_torch, torch.get_rng_state())
    assert (of_numpy==np.random.get_state()[1]).all()


@pytest.mark.parametrize('name', ['alad', 'gan', 'random', 'isolationforest'])
def test_random_state_decides(name):
    x = table()
    first, same, other = (small(name, random_state=seed).fit(x).anomaly_score(x) for seed in (1, 1, 2))
    assert np.array_equal(first, same)
    assert not np.array_equal(first, other)


def mixture():
    "Normal rows and anomalies in any order, and which are anomalies"
    x = np.vstack([table(240), table(24, 1)[:, ::-1]])
    y = np.repeat([0, 1], [240, 24])
    order = np.random.default_rng(0).permutation(264)
    return x[order], y[order]


def test_pipeline():
    x, _ = mixture()
    pipeline = make_pipeline(QuantileTransformer(n_quantiles=50), PCADetector(k=2, random_state=0)).fit(x)
    transformed = QuantileTransformer(n_quantiles=50).fit_transform(x)
    assert np.array_equal(pipeline.predict(x), PCADetector(k=2, random_state=0).fit_predict(transformed))
    assert {*pipeline.predict(x)}=={-1, 1}


def test_search_and_cross_validation():
    x, y = mixture()
    search = GridSearchCV(PCADetector(random_state=0), dict(k=[1, 2, 4]), scoring=auroc_scorer, cv=3)
    search.fit(x, y)
    assert search.best_params_['k'] in (1, 2)
    assert search.best_score_>.8
    ours = cross_val_score(PCADetector(k=2, random_state=0), x, y, scoring=auroc_scorer, cv=3)
    is_inlier = 1 - 2*y                                                     # 1 and -1, as scikit-learn's
    theirs = cross_val_score(PCADetector(k=2, random_state=0), x, is_inlier, scoring='roc_auc', cv=3)
    assert np.allclose(ours, theirs)


@pytest.mark.parametrize('name', LABELLED)
def test_labelled_methods_are_told(name):
    x = toy_rows(4).numpy()
    odd = toy_rows(4, 128, seed=1, odd=True).numpy()
    X, y = np.vstack([x, odd[:64]]), np.repeat([0, 1], [256, 64])
    e = estimators()[name](epochs=20, random_state=0).fit(X, y)
    assert e.data_['known']==64
    assert auroc(y, e.anomaly_score(np.vstack([x, odd[64:]])))>.9
    assert np.allclose(e.prep_.mean, x.mean(0)), 'scaled by the normal rows'
    held = estimators()[name](epochs=1, false_alarms=.1, random_state=0).fit(X, y)
    assert (held.data_['held'], len(held.reference_))==(51, 51), 'only normal rows are held back'
    wrong = {'requires y to be passed':None, r'y holds \[-1, 1\]':1-2*y, r'y holds \[0\]':0*y,
             r'y of shape \(319,\)':y[1:]}
    for says, labels in wrong.items():
        with pytest.raises(DataError, match=says): clone(e).fit(X, labels)


def test_others_ignore_labels():
    "As everywhere in scikit-learn"
    x, y = mixture()
    assert PCADetector().fit(x, y).data_['known']==0


@pytest.mark.parametrize('kw', [
    dict(epochs=0), dict(epochs=-1), dict(epochs=2.5), dict(batch_size=0), dict(contamination=0),
    dict(contamination='auto'), dict(false_alarms=1), dict(holdout=0), dict(threshold='high'),
    dict(impute='zero'), dict(device='tpu')], ids=str)
def test_settings_that_cannot_be(kw):
    value, = kw.values()
    with pytest.raises(GanadError, match=f'{value}') as e: MeanRowDetector(**kw).fit(table())
    assert len(str(e.value).splitlines())==1


def test_a_wrong_number_names_its_setting():
    with pytest.raises(DataError) as e: MeanRowDetector(epochs=0).fit(table())
    assert e.value.option=='epochs'


OF_METHODS = [(name, setting) for name, cls in detectors().items() for setting in settings_of(cls)]


@pytest.mark.parametrize('name,setting', OF_METHODS)
def test_a_setting_of_a_method_that_cannot_be_is_named(name, setting):
    "Whatever its type: no training begins"
    kind = detectors()[name]
    default = settings_of(kind)[setting]
    is_number = type(default) in (int, float) or setting in ('clip', 'w_rec', 'w_x')
    bad = [-1, math.nan, math.inf, 'abc', [1], True] if is_number else ['abc', [1], 2, -1.5]
    if type(default) is int: bad += [1.5, 10**400]
    for value in bad:
        with pytest.raises(GanadError) as e: estimators()[name](**{setting:value}).fit(table(), is_known())
        said = str(e.value)
        assert len(said.splitlines())==1
        assert e.value.option==setting or repr(value)[:20] in said, said


def is_known(): return np.arange(len(table()))%5==0


@pytest.mark.parametrize('name,kw', [
    ('pca', dict(k=0)), ('knn', dict(k=0)), ('knn', dict(n=0)), ('isolationforest', dict(trees=0)),
    ('gan', dict(k=0)), ('anogan', dict(tries=0)), ('anogan', dict(k=0)), ('egbad', dict(l_d=None)),
    ('alad', dict(lr=0)), ('anogan', dict(lam=2)), ('anogan', dict(lr_z=((5, .1),))),
    ('anogan', dict(lr_z=()))])
def test_none_of_something_that_is_needed(name, kw):
    with pytest.raises(DataError) as e: estimators()[name](**kw).fit(table())
    assert e.value.option==next(iter(kw))


@pytest.mark.parametrize('kw', [dict(starts=3, tries=2), dict(starts=0)])
def test_a_search_has_a_start(kw):
    with pytest.raises(GanadError, match='starts='): estimators()['anogan'](**kw).fit(table())


@pytest.mark.parametrize('name,kw', [
    ('anogan', dict(starts=0, steps=0, encoder=True, epochs=1)), ('alad', dict(nz=0, epochs=1)),
    ('anogan', dict(lr_z=((0, .01), (1, .001)), steps=2, tries=4, clip=0, lam=0, seed=0, epochs=1)),
    ('ganomaly', dict(w_adv=0, w_enc=np.float32(0), nz=np.int64(2), epochs=1)),
    ('knn', dict(k=10**9, n=10**9)), ('alice', dict(dist=None, w_x=0, epochs=1))])
@pytest.mark.filterwarnings('ignore')
def test_settings_that_can_be(name, kw):
    assert np.isfinite(estimators()[name](random_state=0, **kw).fit(table()).anomaly_score(table())).all()


def test_not_fitted():
    for method in ('predict', 'score_samples', 'anomaly_score', 'decision_function', 'explain', 'p_values'):
        with pytest.raises(NotFittedError): getattr(PCADetector(), method)(table())
    with pytest.raises(NotFittedError): PCADetector().save('never.safetensors')
    for name in ('threshold_', 'offset_', 'model_', 'history_', 'reference_', 'calibrated_'):
        assert not hasattr(PCADetector(), name)


# ---- which rows are held out

def own_table(n=200): return np.arange(float(n))[:, None]*[1, -1]


def held_out(**settings):
    "The rows that draw the line, of rows that are their numbers: what `_hold_out` gives to the line"
    seen = []
    class Spy(PCADetector):
        def _draw_line(self, data, training, held_out):
            seen.append((training, held_out))
            return super()._draw_line(data, training, held_out)
    groups = settings.pop('groups', None)
    e = Spy(false_alarms=.1, random_state=0, **settings).fit(own_table(), groups=groups)
    return e, *seen[0]


def test_the_last_rows_are_held_out_if_that_is_wanted():
    _, training, rows = held_out(holdout_rows='last')
    assert rows.tolist()==[*range(160, 200)] and training.tolist()==[*range(160)]
    _, _, at_random = held_out()
    assert len(at_random)==40 and at_random.max()-at_random.min()>100
    with pytest.raises(GanadError, match='there are: random, last'): held_out(holdout_rows='first')


def test_no_group_is_in_both_parts():
    groups = np.random.default_rng(0).permutation(np.arange(200)%23)
    e, training, rows = held_out(groups=[f'machine {i}' for i in groups])
    assert not {*groups[training]} & {*groups[rows]} and 25<=len(rows)<=40
    assert e.data_['groups']==len({*groups[rows]})
    with pytest.raises(DataError, match='needs 9 held-out normal rows, here are 1'):
        held_out(groups=np.r_[0, np.ones(199)])
    for groups, words in ((np.zeros(200), 'one group'), (np.zeros(3), 'for 200 rows')):
        with pytest.raises(DataError, match=words): held_out(groups=groups)
    with pytest.raises(DataError, match='cannot both'): held_out(groups=np.arange(200), holdout_rows='last')


def test_the_last_rows_keep_the_promise_that_random_ones_break():
    "A slow series: a row held out at random has its neighbours in the training"
    series = gaussian_filter1d(np.random.default_rng(0).normal(size=(8000, 6)), 10, axis=0)
    rates = {}
    for rows in ('random', 'last'):
        e = KNNDetector(false_alarms=.05, holdout_rows=rows, random_state=0).fit(series[:2000])
        rates[rows] = (e.predict(series[2000:])==-1).mean()
    assert rates['random']>.5 and rates['last']<.25, rates


# ---- in PyOD's words

def as_in_pyod(scores, normal, share, method):
    "`predict_proba` and `predict_confidence` of PyOD 2, as its `base.py` computes them"
    if method=='linear': p = (scores - normal.min())/(normal.max() - normal.min())
    else: p = special.erf((scores - normal.mean())/(normal.std()*np.sqrt(2)))
    p = p.clip(0, 1)
    n = len(normal)
    lower = np.array([np.count_nonzero(normal<=score) for score in scores])
    confidence = 1 - stats.binom.cdf(n - int(n*share), n, (1 + lower)/(2 + n))
    is_outlier = scores>np.percentile(normal, 100*(1-share))
    return np.c_[1-p, p], np.where(is_outlier, confidence, 1 - confidence)


@pytest.mark.parametrize('method', ['linear', 'unify'])
@pytest.mark.parametrize('name', ['pca', 'knn', 'alad'])
def test_probabilities_and_confidence_are_pyods(name, method):
    x, new = table(), table(50, 1)
    e = small(name, contamination=.1).fit(x)
    if name!='knn':                                 # there a row does not count as its own neighbour
        assert np.array_equal(e.decision_scores_, e.anomaly_score(x)), 'in the order of the rows'
        assert np.array_equal(e.labels_, (e.predict(x)==-1).astype(int))
    assert e.labels_.sum()==20
    p, confidence = as_in_pyod(e.anomaly_score(new), e.decision_scores_, .1, method)
    assert np.allclose(e.predict_proba(new, method), p)
    assert np.allclose(e.predict_confidence(new), confidence)


KNN_OF_37_ROWS = [          # `decision_scores_` of PyOD 3.6.7, KNN(n_neighbors=5)
    3.8656, 3.471, 4.1317, 2.8872, 1.9527, 1.0986, 1.1624, 1.4105, 1.2972, .7053, .8883, 1.2105,
    .8708, 1.9441, 1.297, 2.0051, 1.8732, .6549, .8883, 1.6124, 1.5444, 1.1004, 1.7365, 1.1637,
    1.5725, 1.0877, 1.8157, 1.3449, 1.0041, 1.7808, 1.7711, .8295, 1.5619, .9697, 1.2288, .9671,
    1.5352]
NEW_ROWS = [1.0996, 1.2441, 1.4257, 1.1165, 8.3796, 1.0436, 2.0959]
PYOD_SAYS = {               # contamination → threshold_, places of 1 in labels_, predict, predict_confidence
    .1:(2.35794, [0, 1, 2, 3], [0, 0, 0, 0, 1, 0, 0], [1, 1, 1, 1, .931289, 1, .869888]),
    .25:(1.7808, [0, 1, 2, 3, 4, 13, 15, 16, 26], [0, 0, 0, 0, 1, 0, 1],
         [1, .999983, .998203, 1, 1, 1, .959397])}
LINEAR = [.127905, .169466, .221698, .132766, 1, .111798, .414462]
UNIFY = [0, 0, 0, 0, 1, 0, .482981]


@pytest.mark.parametrize('share', PYOD_SAYS)
def test_pyods_own_numbers(share, monkeypatch):
    "Its words, of its scores: 37 rows, so that a tenth is no whole number of them"
    e = PCADetector(contamination=share, random_state=0).fit(table(37))
    e.line_ = Threshold.draw(KNN_OF_37_ROWS, False, contamination=share)
    e._scores_of_all = np.array(KNN_OF_37_ROWS)
    new = table(7)
    monkeypatch.setattr(e, 'anomaly_score', lambda X: np.array(NEW_ROWS), raising=False)
    threshold, labels, predicted, confidence = PYOD_SAYS[share]
    assert e.threshold_==pytest.approx(threshold, abs=1e-9)
    assert np.flatnonzero(e.labels_).tolist()==labels and e.labels_.dtype==int
    assert (e.predict(new)==-1).astype(int).tolist()==predicted
    assert np.allclose(e.predict_confidence(new), confidence, atol=1e-6)
    for method, wanted in (('linear', LINEAR), ('unify', UNIFY)):
        p = e.predict_proba(new, method)
        assert p.shape==(7, 2) and np.allclose(p[:, 1], wanted, atol=1e-6) and np.allclose(p.sum(1), 1)


def test_pyods_words_where_they_cannot_be():
    held_out = PCADetector(false_alarms=.1, random_state=0).fit(table())
    for e in held_out, PCADetector():
        for name in ('decision_scores_', 'labels_'): assert not hasattr(e, name)
    assert np.isfinite(held_out.predict_proba(table())).all()
    assert np.isfinite(held_out.predict_confidence(table())).all()
    with pytest.raises(GanadError, match='there are: linear, unify'): held_out.predict_proba(table(), 'x')
    with pytest.raises(NotFittedError): PCADetector().predict_proba(table())


# ---- rows from everywhere

def frame(n=120, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({'price €':rng.lognormal(size=n), '🌍':rng.choice(['land', 'sea', 'air'], n),
                         'sold':rng.random(n)<.5, 'n':rng.integers(9, size=n)})


NUMERIC = dict(
    numpy=lambda x: x,
    lists=lambda x: x.tolist(),
    torch=torch.tensor,
    pandas=lambda x: pd.DataFrame(x, columns=[*'abcd']),
    polars=lambda x: pl.DataFrame(x, schema=[*'abcd']),
    arrow=lambda x: pa.table({name:x[:, i] for i, name in enumerate('abcd')}),
    fortran=np.asfortranarray,
    object=lambda x: x.astype(object))


@pytest.mark.parametrize('kind', NUMERIC)
@pytest.mark.filterwarnings('ignore:X does not have valid feature names')
def test_numbers_in_any_container(kind):
    x = table()
    contained = NUMERIC[kind](x)
    want = AutoEncoderDetector(epochs=1, random_state=0).fit(x).anomaly_score(x)
    e = AutoEncoderDetector(epochs=1, random_state=0).fit(contained)
    assert np.allclose(e.anomaly_score(contained), want)
    assert np.allclose(e.anomaly_score(x), want)
    assert e.n_features_in_==4
    assert hasattr(e, 'feature_names_in_')==(kind in ('pandas', 'polars', 'arrow'))


PLACES = ['air', 'land', 'sea']
MIXED = dict(
    pandas=lambda d: d,
    polars=lambda d: pl.DataFrame(d.to_dict('list')),
    arrow=lambda d: pa.Table.from_pandas(d),
    category=lambda d: d.astype({'🌍':'category'}),
    dictionary=lambda d: pa.Table.from_pandas(d.astype({'🌍':'category'})),
    nullable=lambda d: d.convert_dtypes(),
    objects=lambda d: d.astype(object),
    enum=lambda d: pl.DataFrame(d.to_dict('list')).with_columns(pl.col('🌍').cast(pl.Enum(PLACES))))


@pytest.mark.parametrize('kind', MIXED)
def test_columns_of_text_in_any_container(kind):
    plain = frame()
    contained = MIXED[kind](plain)
    e = PCADetector(random_state=0).fit(plain)
    other = PCADetector(random_state=0).fit(contained)
    assert np.allclose(other.anomaly_score(contained), e.anomaly_score(plain))
    assert np.array_equal(e.anomaly_score(contained), e.anomaly_score(plain)), 'fitted on one, scores another'
    assert e.prep_.values==[None, PLACES, None, None]
    assert e.data_['sha256']==other.data_['sha256']


def test_the_digest_is_that_of_older_versions():
    "What a model file says of its data must still be found to be the same"
    rng = np.random.default_rng(0)
    d = pd.DataFrame(dict(a=rng.normal(size=9_000), b=np.where(np.arange(9_000)%7<3, 'x', 'y')))
    assert PCADetector(k=1).fit(d).data_['sha256'].startswith('fec4ffb7c8bc88f0')
    assert PCADetector(k=1).fit(d[['a']].to_numpy()).data_['sha256'].startswith('6c7b60d62622965e')
    pictures = np.arange(640, dtype='u2').reshape(10, 8, 8)
    assert PCADetector(k=1).fit(pictures).data_['sha256'].startswith('c9e0c953765c6548')


@pytest.mark.parametrize('held_out', [False, True])
def test_a_column_is_read_once(monkeypatch, held_out):
    from ganad.estimator import _columns as columns
    read = []
    plain = columns.read_column
    def counted(values, *args):
        read.append(len(values))
        return plain(values, *args)
    monkeypatch.setattr(columns, 'read_column', counted)
    MeanRowDetector(false_alarms=.1 if held_out else None).fit(frame())
    assert read==[120]*4


@pytest.mark.parametrize('dtype', ['f2', 'f4', 'f8', 'i1', 'u2', 'i8', '?'])
def test_any_type_of_number(dtype):
    x = (table()*3).astype(dtype)
    scores = PCADetector(random_state=0).fit(x).anomaly_score(x)
    assert scores.dtype==float
    assert np.isfinite(scores).all()


# ---- gaps, and where they are

def with_gaps():
    d = frame().astype({'n':float})
    d.loc[[3, 5], 'n'] = np.nan
    d.loc[7, '🌍'] = None
    return d


def place_of_error(f, *args):
    "Row and column of the error that `f` leads to"
    with pytest.raises(DataError) as e: f(*args)
    return e.value.row, e.value.column


def test_gaps_are_refused_and_counted():
    with pytest.raises(DataError) as e: PCADetector().fit(with_gaps())
    assert e.value.what=="missing values (NaN), 1 in '🌍', 2 in 'n'"
    assert e.value.mend=="drop them, or fit with impute='median'"
    assert (e.value.row, e.value.column)==(3, 'n'), 'the first of all'
    assert place_of_error(PCADetector().fit, with_gaps().fillna({'n':0}))==(7, '🌍')
    assert place_of_error(PCADetector().fit(frame()).predict, with_gaps())==(3, 'n')


@pytest.mark.parametrize('row', [3, 250])
def test_a_gap_is_found_before_the_training_wherever_it_is(row):
    x = np.concatenate([table()]*(300//200 + 1))
    x[row, 1] = np.nan
    assert place_of_error(PCADetector(false_alarms=.05, random_state=0).fit, x)==(row, 1)


def test_the_row_of_an_error_is_that_of_all_rows():
    x = np.zeros((9_000, 4))
    x[8_900, 0] = np.nan
    e = PCADetector(random_state=0).fit(table())
    assert place_of_error(e.anomaly_score, x)==(8_900, 0)
    assert place_of_error(e.explain, x)==(8_900, 0)
    pictures = digits()
    pictures[41, 2, 3] = np.nan
    assert place_of_error(PCADetector().fit, pictures)==(41, None)
    assert place_of_error(PCADetector(k=3).fit(digits()).predict, pictures)==(41, None)


def test_a_column_that_is_something_else_in_a_later_row():
    d = frame(9_000).astype({'n':object})
    e = PCADetector(random_state=0).fit(frame())
    d.loc[8_500, 'n'] = 'n/a'
    assert place_of_error(e.predict, d)==(8_500, 'n')
    d.at[8_500, 'n'] = {}
    assert place_of_error(e.predict, d)==(8_500, 'n')
    assert place_of_error(clone(e).fit, d)==(8_500, 'n')
    d.loc[8_500, 'n'] = np.inf
    assert place_of_error(e.predict, d)==(8_500, 'n')


@pytest.mark.parametrize('how', ['median', 'mean', 'most_frequent'])
def test_gaps_are_filled_if_that_is_wanted(how):
    d = with_gaps()
    usual = d['n'].mode()[0] if how=='most_frequent' else getattr(d['n'], how)()
    by_hand = d.fillna({'n':usual, '🌍':d['🌍'].mode()[0]})
    e = PCADetector(impute=how, random_state=0).fit(d)
    assert np.array_equal(e.anomaly_score(d), e.anomaly_score(by_hand))
    assert np.isfinite(e.anomaly_score(d)).all()
    for gone in ([None, True], [None, None]):
        scores = e.anomaly_score(d[:2].assign(sold=gone))
        assert np.isfinite(scores).all(), 'a gap in a column that had none in training'


def silent(kind):
    "Rows without any value in a column, in each form that a gap has"
    x = frame().dropna()
    column = x.select_dtypes('number').columns[0]
    gaps = dict(nan=np.nan, none=None, text='n/a')
    return column, x.assign(**{column:np.array([gaps[kind]]*len(x), object)})


@pytest.mark.parametrize('kind', ['nan', 'none', 'text'])
def test_a_column_without_any_value_is_said(kind):
    "`impute` makes all of it up, in as many rows as that is no chance"
    column, x = silent(kind)
    e = PCADetector(k=1, impute='median', random_state=0).fit(frame().dropna())
    says = f'none of {len(x)} rows has a value in {column!r}.*say nothing of it'
    with pytest.warns(EmptyColumnWarning, match=says): e.predict(x)
    part = x.assign(**{column:np.array([*x[column][:-1], 8.], object)})           # one value is enough
    with warnings.catch_warnings():
        warnings.simplefilter('error', EmptyColumnWarning)
        warnings.filterwarnings('ignore', 'no numbers in')
        e.predict(part)
        e.predict(x[:19])


def test_infinite_values():
    e = PCADetector().fit(frame())
    with pytest.raises(DataError) as error: e.predict(frame().assign(**{'price €':np.inf}))
    assert error.value.what=="infinite values (inf, or beyond 1e+100), 120 in 'price €'"
    assert (error.value.row, error.value.column)==(0, 'price €')


# ---- what training never saw

CAUSES = np.random.default_rng(7).normal(size=(2, 3))


def readings(n, words, seed):
    "Three numbers that hang together, a column of words, and one that is constant"
    rng = np.random.default_rng(seed)
    d = pd.DataFrame(rng.normal(size=(n, 2))@CAUSES + .3*rng.normal(size=(n, 3)), columns=[*'abc'])
    return d.assign(place=rng.choice([f'place {i}' for i in range(words)], n), leak=.002)


@pytest.mark.parametrize('name', estimators())
@pytest.mark.parametrize('words', [3, 40])
@pytest.mark.filterwarnings('ignore:.*never saw')
def test_a_value_that_training_never_saw_is_odd_with_every_method(name, words):
    "A new word, and a change of what was constant, in any unit: above the threshold, and above normal rows"
    train, test = readings(600, words, 0), readings(100, words, 1)
    e = small(name, false_alarms=.05)
    if name in LABELLED:
        e.fit(pd.concat([train, test[:9].assign(a=9.)], ignore_index=True), np.arange(609)>=600)
    else: e.fit(train)
    usual = e.anomaly_score(test)
    changes = dict(place='moon'), dict(leak=.2), dict(leak=.0019), dict(leak=-.002)
    for odd in [test.assign(**change) for change in changes]:
        scores = e.anomaly_score(odd)
        assert (e.predict(odd)==-1).all()
        assert e.p_values(odd).max()<=1.5/(1 + len(e.reference_))
        assert auroc(np.repeat([0, 1], 100), np.r_[usual, scores])>.98
        assert e.new_values(odd).sum()==100
    if name in LABELLED: return
    in_milliamperes = clone(e).fit(train.assign(leak=2.))
    same = in_milliamperes.anomaly_score(test.assign(leak=200.))
    assert np.allclose(same, e.anomaly_score(test.assign(leak=.2)))


UNITS = [(0., 1e-9), (0., -1e-300), (5., 5e-9), (1e15, 1.), (1e15, -1.), (-.002, 1e-17), (1e-50, -1e-50),
         (1e60, 1e46)]


@pytest.mark.parametrize('constant,step', UNITS)
@pytest.mark.parametrize('form', [pd.DataFrame, np.asarray], ids=['frame', 'array'])
def test_any_change_of_a_constant_is_odd_in_any_unit(constant, step, form):
    x = np.random.default_rng(0).normal(size=(100, 3))
    x[:, 2] = constant
    changed = x.copy()
    changed[::2, 2] += step
    x, changed = form(x), form(changed)
    e = PCADetector(k=1, random_state=0, false_alarms=.1).fit(x)
    assert not e.new_values(x).any()
    with pytest.warns(NewValueWarning, match='50 of 100 rows'): scores = e.anomaly_score(changed)
    assert (e.new_values(changed)==[[False, False, True], [False]*3]*50).all()
    assert scores[::2].min()>scores[1::2].max()


@given(st.floats(-1e30, 1e30), st.integers(5, 2**40), st.sampled_from([-1, 1]))
def test_what_double_precision_sees_is_a_change(constant, ulps, sign):
    apart = float(np.float32(constant))
    assume(apart!=constant)
    value = constant + sign*ulps*np.spacing(abs(constant))
    assume(abs(value-apart)>4*np.spacing(abs(constant)))
    assert is_changed(np.array([value]), constant).all()
    same = constant + np.array([-2, 0, 3])*np.spacing(abs(constant))
    assert not is_changed(same, constant).any()


@given(st.floats(-1e30, 1e30))
def test_another_precision_is_no_change(constant):
    assume(abs(constant)>1e-30)
    single = float(np.float32(constant))
    assert not is_changed(np.array([single, constant]), constant).any(), 'scored in single precision'
    assert not is_changed(np.array([single, float(str(np.float32(constant)))]), single).any(), 'learned in it'


def test_the_share_of_rows_with_new_values_is_said():
    train, test = readings(200, 3, 0), readings(100, 3, 1)
    e = PCADetector(random_state=0).fit(train)
    test.loc[:19, 'place'] = 'moon'
    test.loc[10:29, 'leak'] = .3
    with pytest.warns(NewValueWarning, match=r"30 of 100 rows \(30%\) hold .* never saw, in 'place', 'leak'"):
        e.predict(test)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        e.predict(train)
        e.predict(train.astype({'leak':'f4'}))


def test_new_words_that_are_usual_are_no_alarms():
    "Where normal rows bring new words all the time, the promised rate goes first, and it is said"
    rng = np.random.default_rng(0)
    def visits(n):
        guests = [f'guest {i}' for i in rng.zipf(1.6, n)%5000]
        return pd.DataFrame(dict(a=rng.normal(size=n), b=rng.normal(size=n), who=guests))
    train, new = visits(500), visits(4000)
    with pytest.warns(NewValueWarning, match='normal rows that were held out hold a value .* does not count'):
        e = KNNDetector(false_alarms=.05, random_state=0).fit(train)
    worth = {*e.prep_.novelty.worth}
    assert worth=={0, max(worth)}
    with pytest.warns(NewValueWarning): assert .02<(e.predict(new)==-1).mean()<.08


# ---- one form of each value

STRAYS = ['?', '-', '.', 'n.a.', 'missing', '#DIV/0!', '<1', '>10', '1,5', '5%', '1,200', 'km']


@pytest.mark.parametrize('token', STRAYS)
@pytest.mark.parametrize('as_type', [object, 'string', 'array'])
def test_a_stray_token_is_refused_with_its_row_and_the_ways_out(token, as_type):
    "It does not make words of a column of numbers"
    numbers = np.random.default_rng(0).normal(size=(300, 2)).round(2).astype(str)
    numbers[41, 1] = token
    rows = numbers.astype(object)
    if as_type!='array': rows = pd.DataFrame(numbers, columns=[*'ab']).astype(as_type)
    with pytest.raises(DataError) as e: PCADetector().fit(rows)
    assert (e.value.row, e.value.column, e.value.option)==(41, 1 if as_type=='array' else 'b', 'words')
    assert 'impute=' in e.value.mend and 'words=' in e.value.mend
    with pytest.warns(UserWarning, match='no numbers in .*, taken for gaps: 1 '):
        filled = PCADetector(impute='median').fit(rows)
    assert filled.prep_.values==[None, None]
    if as_type=='array': return
    assert PCADetector(words=['b']).fit(rows[:100]).prep_.values[0] is None
    assert PCADetector(words=['b']).fit(rows[:100]).prep_.values[1] is not None
    mended = rows.replace({'b':{token:'0.5'}})
    assert np.allclose(PCADetector(random_state=0).fit(mended).anomaly_score(mended),
                       PCADetector(random_state=0).fit(mended.astype(float)).anomaly_score(mended.astype(float)))


def test_words_that_look_a_little_like_numbers_stay_words():
    for words in (['3D', '2D', '1'], ['tea', '1', '2', '3'], ['10-20', '20-30'], ['?', '+']):
        d = pd.DataFrame(dict(a=np.arange(40.), w=(words*40)[:40]))
        assert PCADetector().fit(d).prep_.values[1]==sorted(words)


def test_words_that_cannot_be():
    d = readings(20, 3, 0)
    for rows, words in ((d, ['nowhere']), (d[['a']].to_numpy(), ['a'])):
        with pytest.raises(GanadError): PCADetector(words=words).fit(rows)


SPELLINGS = dict(
    booleans=lambda v: v, text=lambda v: v.astype(str), upper=lambda v: v.astype(str).str.upper(),
    lower=lambda v: v.astype(str).str.lower(), objects=lambda v: v.astype(object),
    ints=lambda v: v.astype(int), nullable=lambda v: v.astype('boolean'), floats=lambda v: v.astype(float))


@pytest.mark.parametrize('fitted_on', SPELLINGS)
def test_true_is_true_in_any_spelling(fitted_on):
    d = pd.DataFrame(dict(a=np.random.default_rng(0).normal(size=60), b=np.arange(60)%3==0))
    def spelt(how): return d.assign(b=SPELLINGS[how](d['b']))
    e = PCADetector(random_state=0).fit(spelt(fitted_on))
    want = PCADetector(random_state=0).fit(d).anomaly_score(d)
    for how in SPELLINGS: assert np.array_equal(e.anomaly_score(spelt(how)), want), how


def test_whole_numbers_and_codes_have_one_form():
    codes = pd.Series(['007', '012', '100', '007']*10)
    d = pd.DataFrame(dict(a=np.arange(40.), code=codes))
    assert PCADetector().fit(d).prep_.values[1]==['007', '012', '100'], 'a number has no leading zero'
    assert PCADetector().fit(d.assign(code=codes.str.lstrip('0'))).prep_.values[1] is None
    d['code'] = codes.str.lstrip('0')
    d.loc[7, 'code'] = '012'
    assert place_of_error(PCADetector().fit, d)==(7, 'code')
    kinds = d.assign(code=np.arange(40)%3)
    e = PCADetector(words=['code'], random_state=0).fit(kinds)
    for other in (float, 'category', 'Int64', str):
        assert np.array_equal(e.anomaly_score(kinds.astype({'code':other})), e.anomaly_score(kinds))
    as_text = kinds.astype({'code':float}).astype({'code':str})                                      # '1.0'
    assert np.array_equal(e.anomaly_score(as_text), e.anomaly_score(kinds))


FORMS = dict(
    floats=lambda d: d, texts=lambda d: d.astype(str), objects=lambda d: d.astype(object),
    mixed=lambda d: pd.concat([d[:3].astype(str), d[3:].astype(object)]),
    nullable=lambda d: d.astype('Float64'), strings=lambda d: d.astype('string'),
    polars=lambda d: pl.DataFrame(d.astype(str).to_dict('list')),
    arrow=lambda d: pa.Table.from_pandas(d.astype(str)),
    array=lambda d: d.astype(str).to_numpy(), object_array=lambda d: d.astype(str).to_numpy(object))


@settings(max_examples=25, deadline=None, derandomize=True)
@given(arrays('f8', st.tuples(st.integers(6, 20), st.integers(1, 3)),
              elements=st.floats(-1e6, 1e6) | st.integers(-9, 9).map(float)),
       st.sampled_from([*FORMS]), st.sampled_from([*FORMS]))
@pytest.mark.filterwarnings('ignore')
def test_numbers_are_numbers_in_any_form(x, fitted_on, scored):
    "As floats, as text, or some of them as text: the same scores"
    d = pd.DataFrame(x, columns=[*'abc'][:x.shape[1]])
    want = MeanRowDetector(random_state=0).fit(d).anomaly_score(d)
    e = MeanRowDetector(random_state=0).fit(FORMS[fitted_on](d))
    assert np.array_equal(e.anomaly_score(FORMS[scored](d)), want)


DAYS = pd.date_range('2020-01-31', periods=40, freq='D')
DATES = dict(
    pandas=DAYS, zones=DAYS.tz_localize('UTC'), python=[*DAYS.date], gaps=DAYS.where(np.arange(40)>3),
    text=DAYS.astype(str), german=DAYS.strftime('%d.%m.%Y'), minutes=DAYS.astype(str)+' 12:30',
    period=DAYS.to_period(), difference=DAYS - DAYS[0])


@pytest.mark.parametrize('kind', DATES)
def test_dates_are_refused_everywhere(kind):
    frame = pd.DataFrame(dict(a=np.arange(40.), when=DATES[kind]))
    with pytest.raises(DataError) as e: PCADetector().fit(frame)
    assert e.value.column=='when'
    numbers = frame.assign(when=np.arange(40.))
    with pytest.raises(DataError): PCADetector().fit(numbers).predict(frame)
    for array in (frame[['when']].to_numpy(), frame[['when']].to_numpy(object)):
        with pytest.raises(DataError): PCADetector().fit(array)
    if kind in ('pandas', 'gaps', 'difference'):
        e = PCADetector().fit(numbers[['a']].to_numpy())
        with pytest.raises(DataError): e.predict(frame[['when']].to_numpy())


CHANGED = dict(
    missing=(lambda d: d.drop(columns='sold'), 'Feature names seen at fit time, yet now missing'),
    order=(lambda d: d[[*d][::-1]], 'must be in the same order'),
    extra=(lambda d: d.assign(more=1), 'Feature names unseen at fit time'),
    dtype=(lambda d: d.assign(n='n/a'), r"held numbers in training, now text \('n/a'\) \(row 0, column n\)"),
    empty=(lambda d: d[:0], '0 rows of 4 columns'),
    dates=(lambda d: d.assign(n=pd.Timestamp('2020-01-01')),
           r'datetime64.*neither numbers nor text \(column n\)'),
    dicts=(lambda d: d.assign(n=[{}]*len(d)), r'type dict, neither numbers nor text \(row 0, column n\)'))


@pytest.mark.parametrize('change,says', CHANGED.values(), ids=CHANGED)
def test_a_table_that_has_changed(change, says):
    e = PCADetector().fit(frame())
    with pytest.raises(ValueError, match=says): e.predict(change(frame()))


def test_columns_that_are_numbered_keep_their_order():
    d = pd.DataFrame(table())
    e = PCADetector(random_state=0).fit(d)
    as_array = PCADetector(random_state=0).fit(table())
    assert np.array_equal(e.anomaly_score(d), as_array.anomaly_score(table()))
    says = r"columns \['3', '2', '1', '0'\], in training \['0', .*; give them in that order"
    with pytest.raises(DataError, match=says): e.predict(d[[3, 2, 1, 0]])


@pytest.mark.filterwarnings('ignore:X has feature names')
def test_a_model_of_an_array_takes_a_frame():
    e = PCADetector(random_state=0).fit(table())
    assert np.array_equal(e.anomaly_score(pd.DataFrame(table(), columns=[*'abcd'])), e.anomaly_score(table()))


@pytest.mark.filterwarnings('ignore:X does not have valid feature names')
def test_what_is_no_table():
    e = PCADetector().fit(frame())
    names = pd.DataFrame(dict(name=[f'n{i}' for i in range(300)]))
    wrong = [
        (e.predict, np.zeros((2, 4)), DataError, 'fitted on columns of text; give a data frame'),
        (e.predict, np.zeros((2, 8, 8)), ShapeError, 'fitted on table, this is images'),
        (e.fit, np.array([['a', 'b']]*5), DataError, 'text in an array'),
        (e.fit, [[1, 2], [3]], DataError, 'different lengths'),
        (e.fit, names, DataError, 'over 256 different texts'),
        (e.fit, frame(1), DataError, '1 rows of 4 columns; give 2 rows or more')]
    for method, rows, kind, says in wrong:
        with pytest.raises(kind, match=says): method(rows)


NO_ROWS = dict(
    dict=lambda x: dict(enumerate(x.T)), dicts=lambda x: [dict(enumerate(row)) for row in x],
    dataset=lambda x: torch.utils.data.TensorDataset(torch.tensor(x)), generator=iter,
    loader=lambda x: torch.utils.data.DataLoader(torch.utils.data.TensorDataset(torch.tensor(x))),
    path=lambda x: 'rows.csv', lazy=lambda x: pl.DataFrame(x).lazy(), none=lambda x: None,
    records=lambda x: pd.DataFrame(x).to_records())


@pytest.mark.parametrize('kind', NO_ROWS)
def test_what_holds_rows_in_another_way_is_refused_in_one_line(kind):
    e = PCADetector().fit(table())
    for f in (e.predict, clone(e).fit):
        with pytest.raises(DataError) as error: f(NO_ROWS[kind](table()))
        assert 'no table' in error.value.what
        assert len(str(error.value).splitlines())==1


def test_what_a_masked_array_masks_is_a_gap():
    x = table()
    masked = np.ma.array(x, mask=np.zeros_like(x, bool))
    assert np.array_equal(PCADetector(random_state=0).fit(masked).anomaly_score(masked),
                          PCADetector(random_state=0).fit(x).anomaly_score(x))
    masked[41, 2] = np.ma.masked
    assert place_of_error(PCADetector().fit, masked)==(41, 2)
    assert place_of_error(PCADetector().fit(x).predict, masked)==(41, 2)
    x[41, 2] = np.nan
    assert np.array_equal(PCADetector(impute='median', random_state=0).fit(masked).anomaly_score(masked),
                          PCADetector(impute='median', random_state=0).fit(x).anomaly_score(x))
    for rows in (list(masked), tuple(masked), [*x[:41], *masked[41:]]):
        assert place_of_error(PCADetector().fit, rows)==(41, 2)
        assert np.array_equal(PCADetector(impute='median', random_state=0).fit(rows).anomaly_score(rows),
                              PCADetector(impute='median', random_state=0).fit(x).anomaly_score(x))
    pictures = np.ma.array((digits()*255).astype('u1'))
    pictures[7, 1, 1] = np.ma.masked
    assert place_of_error(PCADetector().fit, pictures)==(7, None)
    assert place_of_error(PCADetector().fit, list(pictures))==(7, None)


def test_a_model_of_an_array_takes_a_frame_with_any_names():
    e = PCADetector(random_state=0).fit(table())
    for names in ([0, 'a', 'b', 1], [*range(4)], [('a', 1), ('a', 2), 'c', 3.5]):
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            scores = e.anomaly_score(pd.DataFrame(table()).set_axis(pd.Index(names, dtype=object), axis=1))
        assert np.array_equal(scores, e.anomaly_score(table()))
    d = pd.DataFrame(table(), columns=pd.Index([0, 'a', 'b', 1], dtype=object))
    assert PCADetector().fit(d).prep_.names==['0', 'a', 'b', '1']


class Elsewhere(torch.Tensor):
    "As if on a GPU: `cpu` brings it back"
    def cpu(self): return self.as_subclass(torch.Tensor).clone()


def test_a_pickle_made_on_a_gpu_opens_without_one():
    fitted = AutoEncoderDetector(epochs=1, random_state=0).fit(table()).detector_
    weights = fitted.model.state_dict()
    def on_a_gpu(): return {name:weight.clone().as_subclass(Elsewhere) for name, weight in weights.items()}
    fitted.model.state_dict = on_a_gpu
    assert {type(weight) for weight in fitted.__getstate__()['weights'].values()}=={torch.Tensor}


def test_windows_of_a_time_series_are_not_taken_for_pictures_silently():
    time = np.linspace(0, 6, 16)
    rng = np.random.default_rng(0)
    for sensors in (3, 16):
        height, phase = rng.random((60, 1, sensors)), rng.random((60, 1, sensors))
        windows = (.5 + .4*height*np.sin(time[:, None] + 6*phase))
        with pytest.warns(UserWarning, match=f'shape .16, {sensors}. .* grey pictures; if .* windows'):
            PCADetector().fit(windows)
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        PCADetector().fit(digits())


DEGENERATE = dict(
    constant=np.ones((9, 3)), two=np.zeros((2, 1)), duplicates=np.tile(np.arange(4.), (30, 1)),
    tiny=1e-30*table(9), huge=1e30*table(9), wide=np.arange(600.).reshape(3, 200))


@pytest.mark.parametrize('name', [name for name in estimators() if name not in LABELLED])
@pytest.mark.parametrize('x', DEGENERATE.values(), ids=DEGENERATE)
@pytest.mark.filterwarnings('ignore')
def test_degenerate_tables(name, x):
    e = small(name).fit(x)
    far = np.vstack([x, 1e60*np.ones((1, x.shape[1])), -x[:1]])
    assert np.isfinite(e.anomaly_score(far)).all()
    assert {*e.predict(far)}<={-1, 1}


@pytest.mark.parametrize('name', ['alad', 'pca', 'lookup', 'ganomaly'])
def test_scores_do_not_depend_on_the_batch(name):
    x = table(9000)
    e = small(name).fit(x[:500])
    scores = e.anomaly_score(x)
    assert len(scores)==9000
    assert np.allclose(scores[8190:8195], e.anomaly_score(x[8190:8195]), rtol=1e-6, atol=1e-9)


def test_pca_ranks_a_single_column():
    "By the distance to the mean: a component would reconstruct all of it"
    x = np.random.default_rng(0).normal(20, 1, size=(200, 1))
    e = PCADetector(false_alarms=.05, random_state=0).fit(x)
    far = np.array([[30.], [10.]])
    assert (e.predict(far)==-1).all()
    like_the_mean_row = MeanRowDetector(random_state=0).fit(x)
    assert np.allclose(e.anomaly_score(x), like_the_mean_row.anomaly_score(x), atol=.1)


def test_scores_that_are_all_alike_are_said():
    "A forest of two rows has no cut to make"
    with pytest.warns(ConstantScoreWarning, match='All rows have the same score .*, also those far away'):
        small('isolationforest').fit(table(2))
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for name in ('lookup', 'meanrow', 'knn'): small(name).fit(np.ones((9, 3)))


@pytest.mark.parametrize('name', [name for name in estimators() if name not in LABELLED])
@pytest.mark.parametrize('kind', ['table', 'images'])
def test_the_default_type_of_torch_does_not_matter(name, kind):
    x = table(60) if kind=='table' else digits(20)
    want = small(name).fit(x)
    torch.set_default_dtype(torch.float64)
    try:
        e = small(name).fit(x)
        assert np.array_equal(e.anomaly_score(x), want.anomaly_score(x))
        assert np.array_equal(pickle.loads(pickle.dumps(e)).anomaly_score(x), want.anomaly_score(x))
        assert torch.get_default_dtype()==torch.float64
    finally: torch.set_default_dtype(torch.float32)
    assert np.array_equal(e.anomaly_score(x), want.anomaly_score(x))


# ---- pictures

def digits(n=60): return load_digits().images[:n]/16


SAME = dict(
    grey=lambda x: x,
    last=lambda x: x[..., None],
    first=lambda x: x[:, None],
    float32=lambda x: x.astype('f4'),
    signed=lambda x: 2*x-1,
    bytes=lambda x: (x*255).round().astype('u1'),
    bytes16=lambda x: (x*65535).round().astype('u2'),
    to255=lambda x: (x*255).round(),
    ints=lambda x: (x*255).round().astype(int),
    torch=lambda x: torch.tensor(x)[:, None],
    lists=lambda x: [*x])


@pytest.mark.parametrize('form', SAME)
def test_pictures_in_any_form(form):
    x = digits()
    formed = SAME[form](x)
    want = PCADetector(random_state=0).fit(x).anomaly_score(x)
    e = PCADetector(random_state=0).fit(formed)
    assert np.allclose(e.anomaly_score(formed), want, atol=.02)
    assert e.prep_.shape==[1, 8, 8]
    assert e.n_features_in_==64


def colour_pictures(): return np.random.default_rng(0).integers(0, 256, (6, 20, 30, 3), dtype='u1')


def test_sizes():
    x = colour_pictures()
    with pytest.warns(UserWarning, match='images of 20×30 pixels are resized to 32×32; size= chooses'):
        e = PCADetector().fit(x)
    assert (e.prep_.shape, e.prep_.seen)==([3, 32, 32], [20, 30])
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        small = GANomalyDetector(epochs=1, size=16).fit(x)
    assert small.anomaly_score(x[:, :10]).shape==(6,), 'later pictures are resized as well'
    assert small.explain(x).shape==(6, 16, 16)
    assert np.allclose(small.anomaly_score(x), small.anomaly_score(np.moveaxis(x, 3, 1)), atol=1e-6)
    with pytest.raises(DataError, match='size=30 cannot be halved'): PCADetector(size=30).fit(x)


@pytest.mark.filterwarnings('ignore:images of 20')
def test_what_are_no_pictures():
    x = colour_pictures()
    e = PCADetector().fit(x)
    unlike = [
        (x[..., :1], 'in training they had 3 channels'), (x/255., 'values from 0 to 1, in training 0 to 255'),
        (x.astype('f4')*2, 'in training 0 to 255'), (np.full(x.shape, np.nan), 'NaN or infinite'),
        (table(), 'fitted on images, this is table')]
    for pictures, says in unlike:
        with pytest.raises(GanadError, match=says): e.predict(pictures)
    useless = [
        (x[:1], '1 picture; give 2 or more'), (x[..., :2], 'neither 1 nor 3 channels'),
        (x.astype('f4')-500, 'values from -500'), (x.astype(str), 'are no images')]
    for pictures, says in useless:
        with pytest.raises(GanadError, match=says): PCADetector().fit(pictures)


@pytest.mark.filterwarnings('ignore:images of 20')
def test_another_black_is_said():
    half = colour_pictures()/127.5 - 1
    e = PCADetector(k=2).fit(half)
    with pytest.warns(UserWarning, match='images from 0 to 1, in training -1 to 1: is 0 black'):
        e.predict((half - half.min())/(half.max() - half.min()))


@pytest.mark.parametrize('name', [name for name in estimators() if name not in LABELLED])
def test_every_method_takes_pictures(name):
    e = small(name, contamination=.2).fit(digits(20))
    assert e.predict(digits(20)).shape==(20,)
    assert len(e.prep_.shape)==3
    assert np.allclose(e.anomaly_score(digits(20))[:1], e.anomaly_score(digits(1)), rtol=1e-3, atol=1e-4)


# ---- the parts alone

@pytest.mark.parametrize('double', [False, True])
def test_a_fitted_detector_alone(double):
    x = table()
    prep = Table().fit(x)
    model = detectors()['pca'](4, k=2).fit(prep.rows(x))
    fitted = FittedDetector(model, double)
    assert np.allclose(fitted.scores(prep.rows(x)), model.score(prep.rows(x)).numpy(), atol=1e-5)
    assert fitted.scores(prep.rows(x)).dtype==float
    assert {v.dtype for v in model.state_dict().values()}=={torch.float32}, 'the model itself stays as it was'
    again = pickle.loads(pickle.dumps(fitted))
    assert np.array_equal(again.scores(prep.rows(x)), fitted.scores(prep.rows(x)))
    assert np.array_equal(again.reconstruct(prep.rows(x)), fitted.reconstruct(prep.rows(x)))
    assert again.model.history==model.history


def test_no_memory_for_weights_of_another_size():
    model = detectors()['gan'](4).fit(toy_rows(4), epochs=1, progress=False)
    state = FittedDetector(model).__getstate__()
    state['settings'] = dict(state['settings'], nz=10**12)
    with pytest.raises(ValueError, match='weights of another size'): FittedDetector.revive(**state)


def test_the_line_is_drawn_from_a_sample_of_very_many_rows(monkeypatch):
    from ganad.estimator import estimator
    monkeypatch.setattr(estimator, '_MOST_ROWS', 50)
    x = table()
    e = MeanRowDetector(random_state=0).fit(x)
    assert len(e.reference_)==50
    assert np.isin(e.reference_.round(9), e.anomaly_score(x).round(9)).all()
    assert len(MeanRowDetector(false_alarms=.05, holdout=.4, random_state=0).fit(x).reference_)==80


# ---- why

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
    for frame in (False, True):
        def given(rows): return pd.DataFrame(rows, columns=[*'abcdef']) if frame else rows       # noqa: B023
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


# ---- properties

FEW = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])


@st.composite
def tables_of_numbers(draw):
    shape = draw(st.integers(2, 30)), draw(st.integers(1, 5))
    return draw(arrays('f8', shape, elements=st.floats(-1e60, 1e60, width=64)))


@FEW
@given(tables_of_numbers(), st.sampled_from(['meanrow', 'pca', 'knn', 'lookup']), st.floats(.01, .5))
def test_any_table_of_numbers(x, name, share):
    e = small(name, contamination=share).fit(x)
    scores = e.anomaly_score(x)
    is_anomaly = e.predict(x)<0
    assert np.isfinite(scores).all()
    assert ((e.decision_function(x)<0)==is_anomaly).all()
    assert is_anomaly.sum()<=np.ceil(share*len(x))
    order = np.random.default_rng(0).permutation(len(x))
    assert np.allclose(e.anomaly_score(x[order]), scores[order], rtol=1e-5, atol=1e-5)


CELL = (st.none() | st.text(max_size=4) | st.integers(-9, 9) | st.booleans() | st.floats(-9, 9)
        | st.just(float('nan')))


@FEW
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=2, max_size=12),
       st.sampled_from([None, 'median', 'most_frequent']))
def test_any_table_of_anything(rows, impute):
    "It fits and scores what it was fitted on, or says in one line why not"
    columns = zip(['a', '💥', ''], zip(*rows))
    d = pd.DataFrame({name:pd.Series(values, dtype=object) for name, values in columns})
    try: e = MeanRowDetector(impute=impute).fit(d)
    except GanadError as why:
        assert len(str(why).splitlines())==1
        return
    assert np.isfinite(e.anomaly_score(d)).all()


@FEW
@given(arrays('f8', st.tuples(st.integers(2, 40)), elements=st.floats(-5, 5)), st.floats(.05, .6))
def test_p_values_and_threshold_agree(x, rate):
    x = x[:, None]
    try: e = MeanRowDetector(false_alarms=rate, holdout=.5, random_state=0).fit(x)
    except DataError: return
    p = e.p_values(x)
    least = 1/(len(e.reference_)+1)
    assert (p>=least - 1e-12).all()
    assert (p<=1).all()
    assert ((p<=rate + 1e-12)==(e.predict(x)<0)).all()


# ---- size

def test_windows_of_whole_numbers_are_said_to_be_taken_for_pictures():
    windows = np.random.default_rng(0).integers(0, 200, (60, 50, 3))
    with pytest.warns(UserWarning, match='windows of a time series'): PCADetector(k=2).fit(windows)


WIDE = """
import time
from pathlib import Path
import numpy as np
from ganad.estimator import KNNDetector, PCADetector
x = np.random.default_rng(0).normal(size=(20, 5000))
began = time.process_time()
for cls in PCADetector, KNNDetector:
    est = cls(random_state=0, contamination=.1).fit(x)
    odd = x[:2].copy()
    odd[0, 7] = 50
    assert est.explain(odd)[0].argmax()==7
status = Path('/proc/self/status').read_text()
peak = int(status.split('VmHWM:')[1].split()[0])/2**10             # of this process alone
print(time.process_time() - began, peak)
"""


@pytest.mark.skipif(sys.platform!='linux', reason='reads /proc')
def test_thousands_of_columns_take_no_square_of_them():
    argv = [sys.executable, '-c', WIDE]
    env = {**os.environ, 'OMP_NUM_THREADS':'1', 'PYTHONPATH':str(ROOT)}
    done = subprocess.run(argv, env=env, capture_output=True, text=True)
    assert done.returncode==0, done.stderr
    seconds, megabytes = map(float, done.stdout.split())
    assert seconds<30 and megabytes<1000, (seconds, megabytes)


MILLION = """
import resource
import numpy as np, torch
from ganad.estimator import ALADDetector, PCADetector
torch.set_num_threads(1)
x = np.random.default_rng(0).normal(size=(10**6, 40)).astype('f4')
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for e in PCADetector(random_state=0), ALADDetector(epochs=1, batch_size=8192, nz=8, random_state=0):
    s = e.fit(x).anomaly_score(x)
    assert s.shape==(10**6,)
    assert np.isfinite(s).all()
    assert abs((e.decision_function(x)<0).mean() - .1)<.005
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


@pytest.mark.slow
def test_a_million_rows_of_forty_columns():
    env = {**os.environ, 'PYTHONPATH':str(ROOT), 'OMP_NUM_THREADS':'1'}
    done = subprocess.run([sys.executable, '-c', MILLION], env=env, capture_output=True, text=True)
    assert done.returncode==0, done.stderr[-2000:]
    assert int(done.stdout)<1000, f'{done.stdout.strip()} MB on top of the data'


# ---- types

UNCHECKED = {'models', 'plots', 'site', 'widgets'}              # pages; and what `called`, below, looks at
TYPED = [path for path in sorted((ROOT/'ganad').rglob('*.py')) if path.name!='_modidx.py'
         and path.relative_to(ROOT/'ganad').parts[0].removesuffix('.py') not in UNCHECKED]
CALLED = ['plots', 'widgets']                                  # of figures and methods: what a caller sees
USE = """
import numpy as np
from ganad.data import OneClass, Split, load as load_data
from ganad.detector import Detector, detectors
from ganad.estimator import ALADDetector, Estimator, estimators, info, load
from ganad._files.pictures import rows_of
from ganad.metrics import summary
from ganad._files.fit_and_score import score_file
from ganad._files.report import report_file
est: Estimator = ALADDetector(nz=4, false_alarms=.05)
est.fit([[1., 2.]])
scores: np.ndarray = est.anomaly_score([[1., 2.]])
limit: float = load(est.save('m.safetensors', note='x')).threshold_
name: str = info('m.safetensors')['method']
split: Split = OneClass(normal=8).split(load_data('digits'))
model: Detector = detectors()['bigan'](64).fit(split.train.flatten(1), epochs=1)
area: float = summary(split.y, model.score(split.test))['auroc']
rows: int = score_file('m.safetensors', 't.csv')['rows'] + len(rows_of('t.csv').all())
rows += len(report_file('m', 't', 'o.html'))
for key, cls in estimators().items(): print(key.upper(), cls().predict(scores).mean())
"""
WRONG = """
from ganad.data import OneClass, Split
from ganad.estimator import estimators, load
from ganad._files.pictures import rows_of
from ganad.estimator._threshold import rows_needed
load()                                  # error: Missing positional argument
estimators(3)                           # error: Too many arguments
rows_needed('x')                        # error: Argument 1 has incompatible type
load('x').p_values()                    # error: Missing positional argument
load('x').fit([[1]], checkpint='c')     # error: Unexpected keyword argument
load('x').anomaly_scroe([[1]])          # error: "Estimator" has no attribute
load('x').mistake_                      # error: "Estimator" has no attribute
OneClass()                              # error: Missing positional argument
rows_of('t.csv').al()                   # error: "Rows" has no attribute
Split.trian                             # error: "type[Split]" has no attribute
"""


def mypy(cwd, *args):
    flags = '--ignore-missing-imports --follow-imports=silent --no-site-packages --no-error-summary'.split()
    argv = [sys.executable, '-m', 'mypy', *flags, '--cache-dir', str(cwd/'cache'), *map(str, args)]
    env = {**os.environ, 'MYPYPATH':str(ROOT)}
    done = subprocess.run(argv, cwd=cwd, capture_output=True, text=True, env=env)
    assert not done.stderr, done.stderr
    return done.stdout.splitlines()


def test_types(tmp_path):
    assert (ROOT/'ganad/py.typed').exists()
    (tmp_path/'use.py').write_text(USE)
    called = [*sorted((ROOT/'ganad/models').glob('*.py')), *(ROOT/f'ganad/{name}.py' for name in CALLED)]
    out = mypy(tmp_path, '--check-untyped-defs', *TYPED, 'use.py')
    out += mypy(tmp_path, *called)
    assert not out, '\n'.join(out)


def test_types_find_mistakes(tmp_path):
    (tmp_path/'wrong.py').write_text(WRONG)
    lines = WRONG.splitlines()
    found = [line for line in mypy(tmp_path, '--check-untyped-defs', 'wrong.py') if 'error:' in line]
    for line in found:
        number = int(line.split(':')[1])
        assert lines[number-1].split('# ')[1].split()[1] in line, line
    assert len(found)==sum('# error' in line for line in lines), found
