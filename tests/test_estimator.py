"Every method as scikit-learn expects it: signs, seeds, settings, rows held out, words of PyOD; parts alone"
import inspect
import math
import os
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch
from estimators import LABELLED, small, table
from project import ROOT
from scipy import special, stats
from scipy.ndimage import gaussian_filter1d
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _num_samples

from ganad.baselines import MeanRow
from ganad.contract import toy_rows
from ganad.core import DataError, GanadError
from ganad.detector import detectors
from ganad.estimator import (ALADDetector, AutoEncoderDetector, Estimator, KNNDetector, MeanRowDetector,
                             PCADetector, auroc_scorer, estimators, make)
from ganad.estimator._fitted import FittedDetector
from ganad.estimator._settings import settings_of
from ganad.estimator._preprocess import Table
from ganad.estimator._threshold import Threshold
from ganad.metrics import auroc


# ---- scikit-learn's own checks

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
    ('oneclasssvm', dict(nu=0)), ('oneclasssvm', dict(nu=1)), ('lof', dict(n=1)),
    ('gaussianmixture', dict(n=1)),
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


def test_a_share_beside_a_rate_is_said(recwarn):
    x = np.random.default_rng(0).normal(size=(99, 2))
    for settings in (dict(contamination=.2), dict(false_alarms=.2), dict(false_alarms=.2, contamination=.1)):
        KNNDetector(**settings).fit(x)
    assert not recwarn.list
    KNNDetector(false_alarms=.2, contamination=.2).fit(x)
    said, = recwarn.list
    assert 'contamination=0.2 does nothing beside false_alarms=0.2' in str(said.message)
    assert said.filename==__file__


@pytest.mark.parametrize('name', ['threshold_', 'offset_', 'labels_', 'decision_scores_', 'reference_',
                                  'calibrated_', 'model_', 'history_'])
def test_what_is_known_after_fit_is_asked_for_before(name):
    est = KNNDetector()
    with pytest.raises(NotFittedError, match='KNNDetector is not fitted; call fit first'): getattr(est, name)
    assert not hasattr(est, name)


def test_not_fitted():
    for method in ('predict', 'score_samples', 'anomaly_score', 'decision_function', 'explain', 'p_values'):
        with pytest.raises(NotFittedError): getattr(PCADetector(), method)(table())
    with pytest.raises(NotFittedError): PCADetector().save('never.safetensors')
    for name in ('threshold_', 'offset_', 'model_', 'history_', 'reference_', 'calibrated_'):
        assert not hasattr(PCADetector(), name)


# ---- which rows are held out

def own_table(n=200): return np.arange(float(n))[:, None]*[1, -1]


def held_out(**settings):
    "The rows that draw the line, of rows that are their numbers: what `hold_out` gives to the line"
    seen = []
    class Spy(PCADetector):
        def _draw_line(self, data, training, kept_aside):
            seen.append((training, kept_aside))
            return super()._draw_line(data, training, kept_aside)
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


class _OnlyFeature(MeanRow):
    "Each row is its own score, scaled as all rows are"
    def score_batch(self, x): return x[:, 0]


@pytest.mark.parametrize('share', PYOD_SAYS)
def test_pyods_own_numbers(share):
    "Its words, of its scores: 37 rows, so that a tenth is no whole number of them"
    train, new = np.array(KNN_OF_37_ROWS)[:, None], np.array(NEW_ROWS)[:, None]
    e = make(_OnlyFeature)(contamination=share, random_state=0).fit(train)
    def as_pyods(scores): return scores*train.std() + train.mean()
    assert np.allclose(as_pyods(e.decision_scores_), KNN_OF_37_ROWS, rtol=1e-12)
    assert np.allclose(as_pyods(e.anomaly_score(new)), NEW_ROWS, rtol=1e-12)
    threshold, labels, predicted, confidence = PYOD_SAYS[share]
    assert as_pyods(e.threshold_)==pytest.approx(threshold, abs=1e-9)
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


# ---- the parts alone

class Elsewhere(torch.Tensor):
    "As if on a GPU: `cpu` brings it back"
    def cpu(self): return self.as_subclass(torch.Tensor).clone()


def test_a_pickle_made_on_a_gpu_opens_without_one():
    fitted = AutoEncoderDetector(epochs=1, random_state=0).fit(table()).detector_
    weights = fitted.model.state_dict()
    def on_a_gpu(): return {name:weight.clone().as_subclass(Elsewhere) for name, weight in weights.items()}
    fitted.model.state_dict = on_a_gpu
    assert {type(weight) for weight in fitted.__getstate__()['weights'].values()}=={torch.Tensor}


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


# ---- how long a training is

IN_STEPS = [name for name, method in detectors().items() if not (method.once or method.labelled)]


@pytest.mark.parametrize('n', [40, 700])
@pytest.mark.parametrize('name', IN_STEPS)
def test_every_method_takes_the_same_steps(name, n, monkeypatch):
    "Rivals are trained as long as GANs"
    seen = []

    def counted(model, x):
        seen.append(len(x))
        return {}
    method = detectors()[name]
    monkeypatch.setattr(method, 'step', counted)
    monkeypatch.setattr('ganad.estimator.estimator.STEPS', 60)       # of 2,000, to spare the wait
    est = estimators()[name](random_state=0, false_alarms=None)
    est.fit(table(n))
    learned = n - est.data_['held']
    epochs, batch_size = est.training_length(learned)
    assert len(seen)==epochs*math.ceil(learned/batch_size)>=60
    assert sum(seen)==epochs*learned
