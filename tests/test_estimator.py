"Every method as scikit-learn expects it; every way to hand over rows; what cannot be used is refused in one line"
import inspect, os, pickle, subprocess, sys, warnings
from pathlib import Path
import hypothesis.strategies as st
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis.extra.numpy import arrays
from sklearn.base import clone
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer
from sklearn.utils.estimator_checks import parametrize_with_checks
from sklearn.utils.validation import _num_samples
from ganad.contract import toy_rows
from ganad.core import DataError, GanadError, ShapeError
from ganad.detector import detectors
from ganad.estimator import ALADDetector, AutoEncoderDetector, GANomalyDetector, KNNDetector, MeanRowDetector, PCADetector
from ganad.estimator import auroc_scorer, estimators, make
from ganad.metrics import auroc

ROOT = Path(__file__).resolve().parent.parent
CHEAP = dict(anogan=dict(steps=2, tries=8, starts=1), isolationforest=dict(trees=5), alad=dict(nz=2), alad64=dict(nz=2))
def small(name, **kw): return estimators()[name](**dict(epochs=1, random_state=0) | CHEAP.get(name, {}) | kw)


# ---- scikit-learn's own checks

class Told:
    "For scikit-learn's checks, which hand an outlier detector no labels, or any: every ninth row is a known anomaly"
    def fit(self, X, y=None): return super().fit(X, (np.arange(_num_samples(X)) % 9 == 0).astype(int))
    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        return tags

LABELLED = [n for n, c in detectors().items() if c.labelled]
for n in LABELLED:
    c = estimators()[n]
    globals()[f'Told{n}'] = type(f'Told{n}', (Told, c), dict(__module__=__name__))

NO_LABELS = 'learns from known anomalies; this check hands over no labels, or numbers of three classes, and gets the error that says so'
ONE_SCORE = 'a look-up table: all training rows have one score, so none of them can be an outlier'
WITH_LABELS = """fit_score_takes_y estimators_overwrite_params dont_overwrite_parameters estimators_fit_returns_self readonly_memmap_input
    n_features_in_after_fitting positive_only_tag_during_fit estimators_dtypes dtype_object f_contiguous_array_estimator outliers_fit_predict
    outliers_train classifier_data_not_an_array methods_sample_order_invariance methods_subset_invariance fit2d_1feature dict_unchanged
    fit2d_predict1d""".split()

def cannot(est):
    "Checks that an estimator does not pass, and why; a check that is listed and passes is a failure"
    out = {}
    if est.method.labelled and not isinstance(est, Told): out |= {f'check_{k}': NO_LABELS for k in WITH_LABELS}
    if est.method.__name__ == 'LookUp': out |= dict(check_outliers_train=ONE_SCORE, check_outliers_fit_predict=ONE_SCORE)
    return out

# an expected failure that passes is a failure, where scikit-learn can tell (1.8)
STRICT = dict(xfail_strict=True) if 'xfail_strict' in inspect.signature(parametrize_with_checks).parameters else {}

@parametrize_with_checks([small(n) for n in estimators()] + [globals()[f'Told{n}'](epochs=1, random_state=0) for n in LABELLED],
                         expected_failed_checks=cannot, **STRICT)
def test_scikit_learn(estimator, check):
    if 'check_array_api_input' in repr(check): return       # needs SCIPY_ARRAY_API=1 before the first import: test_array_api runs it, for all
    check(estimator)


ARRAY_API = """
import sys, warnings, torch
from sklearn.utils.estimator_checks import estimator_checks_generator as checks
sys.path.insert(0, sys.argv[1]); torch.set_num_threads(1); warnings.simplefilter('ignore')
import test_estimator as t
for n in t.estimators():
    e = t.small(n) if n not in t.LABELLED else getattr(t, f'Told{n}')(epochs=1, random_state=0)
    for est, check in checks(e):
        if 'check_array_api_input' in repr(check): check(est); print(n)
"""

def test_array_api():
    env = {**os.environ, 'SCIPY_ARRAY_API': '1', 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(ROOT)}
    p = subprocess.run([sys.executable, '-c', ARRAY_API, str(ROOT/'tests')], env=env, capture_output=True, text=True)
    assert p.returncode == 0 and p.stdout.split() == [*estimators()], p.stderr[-2000:]


# ---- the interface

def test_there_is_one_for_each_method():
    import ganad.estimator as E
    assert [*estimators()] == [*detectors()] and estimators() == estimators()
    for n, c in estimators().items():
        assert c is make(detectors()[n]) and c is getattr(E, c.__name__) and c.__doc__ == detectors()[n].__doc__
        assert pickle.loads(pickle.dumps(c)) is c
    with pytest.raises(ImportError): from ganad.estimator import NoSuchDetector      # noqa: F401
    with pytest.raises(TypeError, match="no setting 'n_latent'; there are: epochs"): ALADDetector(n_latent=3)
    assert 'ALADDetector(nz=5)' in repr(ALADDetector(nz=5))


def table(n=200, seed=0): return np.random.default_rng(seed).normal(size=(n, 3))@[[1, 2, 0, 1], [0, 1, 1, 0], [0, 0, 1, 5]] + [0, 9, 0, -3]


def test_signs():
    x = np.vstack([table(), [[30, -30, 9, 9.]]])
    e = PCADetector(k=2, random_state=0).fit(x[:-1])
    assert e.anomaly_score(x).argmax() == 200 and e.score_samples(x).argmin() == 200 and e.predict(x)[-1] == -1
    assert np.array_equal(e.score_samples(x), -e.anomaly_score(x))
    assert np.array_equal(e.decision_function(x), e.score_samples(x) - e.offset_) and e.threshold_ == -e.offset_


def test_global_random_states_stay():
    torch.manual_seed(5); np.random.seed(5)
    before = torch.get_rng_state(), np.random.get_state()[1].copy()
    ALADDetector(epochs=1, random_state=1).fit(table())
    assert torch.equal(before[0], torch.get_rng_state()) and (before[1] == np.random.get_state()[1]).all()


@pytest.mark.parametrize('name', ['alad', 'gan', 'random', 'isolationforest'])
def test_random_state_decides(name):
    x = table()
    a, b, c = (small(name, random_state=s).fit(x).anomaly_score(x) for s in (1, 1, 2))
    assert np.array_equal(a, b) and not np.array_equal(a, c)


def test_pipeline_search_and_cross_validation():
    x = np.vstack([table(240), table(24, 1)[:, ::-1]]); y = np.repeat([0, 1], [240, 24])
    i = np.random.default_rng(0).permutation(264); x, y = x[i], y[i]
    p, q = make_pipeline(QuantileTransformer(n_quantiles=50), PCADetector(k=2, random_state=0)).fit(x), QuantileTransformer(n_quantiles=50).fit_transform(x)
    assert np.array_equal(p.predict(x), PCADetector(k=2, random_state=0).fit_predict(q)) and {*p.predict(x)} == {-1, 1}
    s = GridSearchCV(PCADetector(random_state=0), dict(k=[1, 2, 4]), scoring=auroc_scorer, cv=3).fit(x, y)
    assert s.best_params_['k'] in (1, 2) and s.best_score_ > .8
    ours = cross_val_score(PCADetector(k=2, random_state=0), x, y, scoring=auroc_scorer, cv=3)
    theirs = cross_val_score(PCADetector(k=2, random_state=0), x, 1-2*y, scoring='roc_auc', cv=3)      # scikit-learn's: 1 is an inlier
    assert np.allclose(ours, theirs)


def test_labelled_methods_are_told():
    x, odd = toy_rows(4).numpy(), toy_rows(4, 128, seed=1, odd=True).numpy()
    X, y = np.vstack([x, odd[:64]]), np.repeat([0, 1], [256, 64])
    for n in LABELLED:
        e = estimators()[n](epochs=20, random_state=0).fit(X, y)
        assert e.data_['known'] == 64 and auroc(np.repeat([0, 1], [256, 64]), e.anomaly_score(np.vstack([x, odd[64:]]))) > .9
        assert np.allclose(e.prep_.mean, x.mean(0)), 'scaled by the normal rows'
        f = estimators()[n](epochs=1, false_alarms=.1, random_state=0).fit(X, y)
        assert (f.data_['held'], len(f.reference_)) == (51, 51), 'only normal rows are held back'
        for bad, says in [(None, 'requires y to be passed'), (1-2*y, r'y holds \[-1, 1\]'), (0*y, r'y holds \[0\]'), (y[1:], r'y of shape \(319,\)')]:
            with pytest.raises(DataError, match=says): clone(e).fit(X, bad)
    assert PCADetector().fit(X, y).data_['known'] == 0, 'the others ignore y, as everywhere in scikit-learn'


@pytest.mark.parametrize('kw', [dict(epochs=0), dict(epochs=-1), dict(epochs=2.5), dict(batch_size=0), dict(contamination=0), dict(contamination='auto'),
                                dict(false_alarms=1), dict(holdout=0), dict(threshold='high'), dict(impute='zero'), dict(device='tpu')], ids=str)
def test_settings_that_cannot_be(kw):
    with pytest.raises(GanadError, match=f"{[*kw.values()][0]}") as e: MeanRowDetector(**kw).fit(table())
    assert len(str(e.value).splitlines()) == 1


def test_not_fitted():
    for f in ('predict', 'score_samples', 'anomaly_score', 'decision_function', 'explain', 'p_values'):
        with pytest.raises(NotFittedError): getattr(PCADetector(), f)(table())
    with pytest.raises(NotFittedError): PCADetector().save('never.safetensors')


# ---- rows from everywhere

def frame(n=120, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame({'price €': rng.lognormal(size=n), '🌍': rng.choice(['land', 'sea', 'air'], n), 'sold': rng.random(n) < .5, 'n': rng.integers(9, size=n)})

NUMERIC = dict(numpy=lambda x: x, lists=lambda x: x.tolist(), torch=torch.tensor, pandas=lambda x: pd.DataFrame(x, columns=[*'abcd']),
               polars=lambda x: pl.DataFrame(x, schema=[*'abcd']), arrow=lambda x: pa.table({k: x[:, i] for i, k in enumerate('abcd')}),
               fortran=np.asfortranarray, object=lambda x: x.astype(object))
MIXED = dict(pandas=lambda d: d, polars=lambda d: pl.DataFrame(d.to_dict('list')), arrow=lambda d: pa.Table.from_pandas(d),
             category=lambda d: d.astype({'🌍': 'category'}), dictionary=lambda d: pa.Table.from_pandas(d.astype({'🌍': 'category'})),
             nullable=lambda d: d.convert_dtypes(), objects=lambda d: d.astype(object), enum=lambda d: pl.DataFrame(d.to_dict('list')).with_columns(
                 pl.col('🌍').cast(pl.Enum(['air', 'land', 'sea']))))

@pytest.mark.parametrize('kind', NUMERIC)
@pytest.mark.filterwarnings('ignore:X does not have valid feature names')
def test_numbers_in_any_container(kind):
    x, f = table(), NUMERIC[kind]
    want = AutoEncoderDetector(epochs=1, random_state=0).fit(x).anomaly_score(x)
    e = AutoEncoderDetector(epochs=1, random_state=0).fit(f(x))
    assert np.allclose(e.anomaly_score(f(x)), want) and np.allclose(e.anomaly_score(x), want) and e.n_features_in_ == 4
    assert hasattr(e, 'feature_names_in_') == (kind in ('pandas', 'polars', 'arrow'))

@pytest.mark.parametrize('kind', MIXED)
def test_columns_of_text_in_any_container(kind):
    d, f = frame(), MIXED[kind]
    e = PCADetector(random_state=0).fit(d)
    assert np.allclose(PCADetector(random_state=0).fit(f(d)).anomaly_score(f(d)), e.anomaly_score(d))
    assert np.array_equal(e.anomaly_score(f(d)), e.anomaly_score(d)), 'fitted on one, scores another'
    assert e.prep_.values == [None, ['air', 'land', 'sea'], None, None] and e.data_['sha256'] == PCADetector(random_state=0).fit(f(d)).data_['sha256']

@pytest.mark.parametrize('dtype', ['f2', 'f4', 'f8', 'i1', 'u2', 'i8', '?'])
def test_any_type_of_number(dtype):
    x = (table()*3).astype(dtype)
    s = PCADetector(random_state=0).fit(x).anomaly_score(x)
    assert s.dtype == float and np.isfinite(s).all()


def test_gaps():
    d = frame().astype({'n': float}); d.loc[[3, 5], 'n'] = np.nan; d.loc[7, '🌍'] = None
    with pytest.raises(DataError, match=r"missing values \(NaN\) in '🌍' 1 \(first in row 7\), 'n' 2 \(first in row 3\); drop them, or fit with impute="): PCADetector().fit(d)
    with pytest.raises(DataError, match=r"missing values \(NaN\) in '🌍' 1 \(first in row 7\)"): PCADetector().fit(d.fillna({'n': 0}))
    for n in 3, 250:                                              # wherever it is: said before the training, in the row of the file
        x = table(); x = np.concatenate([x]*(300//len(x) + 1)); x[n, 1] = np.nan
        with pytest.raises(DataError, match=rf'first in row {n}\)'): PCADetector(false_alarms=.05, random_state=0).fit(x)
    e = PCADetector(random_state=0).fit(table()); x = np.zeros((9_000, table().shape[1])); x[8_900, 0] = np.nan
    with pytest.raises(DataError, match=r'first in row 8900\)'): e.anomaly_score(x)
    for how in ('median', 'mean', 'most_frequent'):
        e = PCADetector(impute=how, random_state=0).fit(d)
        by_hand = d.fillna({'n': d['n'].mode()[0] if how == 'most_frequent' else getattr(d['n'], how)(), '🌍': d['🌍'].mode()[0]})
        assert np.array_equal(e.anomaly_score(d), e.anomaly_score(by_hand)) and np.isfinite(e.anomaly_score(d)).all()
        gone = d[:2].assign(sold=[None, True])
        assert np.isfinite(e.anomaly_score(gone)).all(), 'a gap in a column that had none in training'
    e = PCADetector().fit(frame())
    with pytest.raises(DataError, match="missing values"): e.predict(d)
    with pytest.raises(DataError, match=r"infinite values \(inf, or beyond 1e\+100\) in 'price €' 120"): e.predict(frame().assign(**{'price €': np.inf}))


def test_a_category_that_was_never_seen_is_odd():
    d = frame(); e = MeanRowDetector(random_state=0).fit(d); new = d.assign(**{'🌍': 'moon'})
    assert (e.anomaly_score(new) != e.anomaly_score(d)).all() and (e.prep_.encode(new)[:, 3:] == 0).all()


@pytest.mark.parametrize('bad,says', [
    (lambda d: d.drop(columns='sold'), 'Feature names seen at fit time, yet now missing'), (lambda d: d[[*d][::-1]], 'must be in the same order'),
    (lambda d: d.assign(more=1), 'Feature names unseen at fit time'), (lambda d: d.assign(n='n/a'), "'n' held numbers in training, now text"),
    (lambda d: d[:0], '0 rows of 4 columns'), (lambda d: d.assign(n=pd.Timestamp('2020-01-01')), "column 'n' holds datetime64"),
    (lambda d: d.assign(n=[{}]*len(d)), "column 'n' holds values of type dict")],
    ids=['missing', 'order', 'extra', 'dtype', 'empty', 'dates', 'dicts'])
def test_a_table_that_has_changed(bad, says):
    e = PCADetector().fit(frame())
    with pytest.raises(ValueError, match=says): e.predict(bad(frame()))


def test_columns_that_are_numbered_keep_their_order():
    d = pd.DataFrame(table()); e = PCADetector(random_state=0).fit(d)
    assert np.array_equal(e.anomaly_score(d), PCADetector(random_state=0).fit(table()).anomaly_score(table()))
    with pytest.raises(DataError, match=r"columns \['3', '2', '1', '0'\], in training \['0', .*; give them in that order"): e.predict(d[[3, 2, 1, 0]])


@pytest.mark.filterwarnings('ignore:X does not have valid feature names')
def test_what_is_no_table():
    e = PCADetector().fit(frame())
    with pytest.raises(DataError, match='fitted on columns of text; give a data frame'): e.predict(np.zeros((2, 4)))
    with pytest.raises(ShapeError, match='fitted on table, this is images'): e.predict(np.zeros((2, 8, 8)))
    with pytest.raises(DataError, match='text in an array'): e.fit(np.array([['a', 'b']]*5))
    with pytest.raises(DataError, match='different lengths'): e.fit([[1, 2], [3]])
    with pytest.raises(DataError, match='over 256 different texts'): e.fit(pd.DataFrame(dict(name=[f'n{i}' for i in range(300)])))
    with pytest.raises(DataError, match='1 rows of 4 columns; give 2 rows or more'): e.fit(frame(1))


@pytest.mark.parametrize('name', [n for n in estimators() if n not in LABELLED])
@pytest.mark.parametrize('x', [np.ones((9, 3)), np.zeros((2, 1)), np.tile(np.arange(4.), (30, 1)), 1e-30*table(9), 1e30*table(9),
                               np.arange(600.).reshape(3, 200)], ids='constant two duplicates tiny huge wide'.split())
@pytest.mark.filterwarnings('ignore')
def test_degenerate_tables(name, x):
    e = small(name).fit(x)
    far = np.vstack([x, 1e60*np.ones((1, x.shape[1])), -x[:1]])
    assert np.isfinite(e.anomaly_score(far)).all() and {*e.predict(far)} <= {-1, 1}


@pytest.mark.parametrize('name', ['alad', 'pca', 'lookup', 'ganomaly'])
def test_scores_do_not_depend_on_the_batch(name):
    x = table(9000); e = small(name).fit(x[:500])
    s = e.anomaly_score(x)
    assert np.allclose(s[8190:8195], e.anomaly_score(x[8190:8195]), rtol=1e-6, atol=1e-9) and len(s) == 9000


# ---- pictures

def digits(n=60):
    from sklearn.datasets import load_digits
    return load_digits().images[:n]/16

SAME = dict(grey=lambda x: x, last=lambda x: x[..., None], first=lambda x: x[:, None], float32=lambda x: x.astype('f4'), signed=lambda x: 2*x-1,
            bytes=lambda x: (x*255).round().astype('u1'), bytes16=lambda x: (x*65535).round().astype('u2'), to255=lambda x: (x*255).round(),
            ints=lambda x: (x*255).round().astype(int), torch=lambda x: torch.tensor(x)[:, None], lists=lambda x: [*x])

@pytest.mark.parametrize('how', SAME)
def test_pictures_in_any_form(how):
    x, f = digits(), SAME[how]
    want = PCADetector(random_state=0).fit(x).anomaly_score(x)
    e = PCADetector(random_state=0).fit(f(x))
    assert np.allclose(e.anomaly_score(f(x)), want, atol=.02) and e.prep_.shape == [1, 8, 8] and e.n_features_in_ == 64


def test_colours_and_sizes():
    x = np.random.default_rng(0).integers(0, 256, (6, 20, 30, 3), dtype='u1')
    with pytest.warns(UserWarning, match='images of 20×30 pixels are resized to 32×32; size= chooses'): e = PCADetector().fit(x)
    assert e.prep_.shape == [3, 32, 32] and e.prep_.seen == [20, 30]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        f = GANomalyDetector(epochs=1, size=16).fit(x)
    assert f.anomaly_score(x[:, :10]).shape == (6,) and f.explain(x).shape == (6, 16, 16), 'later pictures are resized as well'
    assert np.allclose(f.anomaly_score(x), f.anomaly_score(np.moveaxis(x, 3, 1)), atol=1e-6)
    for bad, says in [(x[..., :1], 'in training they had 3 channels'), (x/255., 'values from 0 to 1, in training 0 to 255'),
                      (x.astype('f4')*2, 'in training 0 to 255'), (np.full(x.shape, np.nan), 'NaN or infinite'), (table(), 'fitted on images, this is table')]:
        with pytest.raises(GanadError, match=says): f.predict(bad)
    for bad, says in [(x[:1], '1 picture; give 2 or more'), (x[..., :2], 'neither 1 nor 3 channels'), (x.astype('f4')-500, 'values from -500'), (x.astype(str), 'are no images')]:
        with pytest.raises(GanadError, match=says): PCADetector().fit(bad)
    half = x/127.5 - 1; f = PCADetector(k=2).fit(half)
    with pytest.warns(UserWarning, match='images from 0 to 1, in training -1 to 1: is 0 black'): f.predict((half - half.min())/(half.max() - half.min()))
    with pytest.raises(DataError, match='size=30 cannot be halved'): PCADetector(size=30).fit(x)


@pytest.mark.parametrize('name', [n for n in estimators() if n not in LABELLED])
def test_every_method_takes_pictures(name):
    e = small(name, contamination=.2).fit(digits(20))
    assert e.predict(digits(20)).shape == (20,) and len(e.prep_.shape) == 3
    assert np.allclose(e.anomaly_score(digits(20))[:1], e.anomaly_score(digits(1)), rtol=1e-3, atol=1e-4)


# ---- why

@pytest.mark.parametrize('est', [PCADetector(k=3), AutoEncoderDetector(nz=3, epochs=60), KNNDetector()], ids=lambda e: type(e).__name__)
def test_a_planted_column_is_named(est):
    rng = np.random.default_rng(0); x = rng.normal(size=(600, 3))@rng.normal(size=(3, 6)) + .1*rng.normal(size=(600, 6))
    odd, at = x[:100].copy(), rng.integers(6, size=100)
    odd[range(100), at] += 6*x.std(0)[at]
    e = clone(est).set_params(random_state=0).fit(x)
    assert (e.explain(odd).argmax(1) == at).mean() > .8 and e.explain(odd).shape == (100, 6)


def test_a_planted_category_is_named():
    d = frame(300); d['🌍'] = np.where(d['n'] < 5, 'land', 'sea')
    e = PCADetector(k=3, random_state=0).fit(d)
    assert (e.explain(d[:50].assign(**{'🌍': 'moon'})).argmax(1) == 1).mean() > .8


def test_a_planted_blot_is_shown():
    x = digits(500); odd = x[:60].copy(); odd[:, 5:7, 0:2] = 1
    e = PCADetector(k=12, random_state=0).fit(x)
    m = e.explain(odd)
    inside, outside = m[:, 5:7, 0:2].mean(), np.delete(m.reshape(60, -1), [40, 41, 48, 49], 1).mean()
    assert m.shape == (60, 8, 8) and inside > 3*outside
    with pytest.raises(GanadError, match="has no critic with a feature map; take by='difference'"): e.explain(odd, by='features')
    with pytest.raises(GanadError, match="no explanation 'x'"): e.explain(odd, by='x')
    with pytest.raises(GanadError, match='does not reconstruct'): KNNDetector().fit(x).explain(odd)


@pytest.mark.parametrize('name', ['alad', 'egbad', 'ganomaly', 'alad64'])
def test_feature_maps(name):
    e = small(name).fit(digits(40)); m = e.explain(digits(5), by='features')
    assert m.shape == (5, 8, 8) and (m >= 0).all() and m.std() > 0
    if name == 'alad': assert small(name, height=True).fit(digits(40)).explain(digits(5), by='features').shape == (5, 8, 8)


@pytest.mark.parametrize('name', ['alad', 'ganomaly'])
def test_a_planted_blot_is_shown_by_what_a_critic_sees(name):
    "The difference is largest in the blot; what the features of the critic's first layer gain is, too"
    x = digits(320).repeat(4, 1).repeat(4, 2); old, odd = x[300:], x[300:].copy(); odd[:, 4:8, 24:28] = 1
    e = small(name, epochs=2).fit(x[:300])
    far = lambda m: np.abs([np.unravel_index(v.argmax(), v.shape) for v in m] - np.array([5.5, 25.5])).max(1)      # pixels, of 32
    assert (far(e.explain(odd)) < 3).mean() > .9
    m = e.explain(odd, by='features'); rise = m - e.explain(old, by='features')
    assert m.shape == (20, 32, 32) and (far(rise) < 4).mean() >= .5, far(rise)     # by chance .06; hardly trained, every edge is bright in m


# ---- properties

FEW = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
ROWS = st.integers(1, 5).flatmap(lambda f: st.integers(2, 30).flatmap(lambda n: arrays('f8', (n, f), elements=st.floats(-1e60, 1e60, width=64))))

@FEW
@given(ROWS, st.sampled_from(['meanrow', 'pca', 'knn', 'lookup']), st.floats(.01, .5))
def test_any_table_of_numbers(x, name, share):
    e = small(name, contamination=share).fit(x)
    s, d, p = e.anomaly_score(x), e.decision_function(x), e.predict(x)
    assert np.isfinite(s).all() and ((d < 0) == (p < 0)).all() and (p < 0).sum() <= np.ceil(share*len(x))
    i = np.random.default_rng(0).permutation(len(x))
    assert np.allclose(e.anomaly_score(x[i]), s[i], rtol=1e-5, atol=1e-5)

CELL = st.none() | st.text(max_size=4) | st.integers(-9, 9) | st.booleans() | st.floats(-9, 9) | st.just(float('nan'))

@FEW
@given(st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=2, max_size=12), st.sampled_from([None, 'median', 'most_frequent']))
def test_any_table_of_anything(rows, impute):
    "It fits and scores what it was fitted on, or says in one line why not"
    d = pd.DataFrame({k: pd.Series([r[i] for r in rows], dtype=object) for i, k in enumerate(['a', '💥', '']) })
    try: e = MeanRowDetector(impute=impute).fit(d)
    except GanadError as why:
        assert len(str(why).splitlines()) == 1
        return
    assert np.isfinite(e.anomaly_score(d)).all()

@FEW
@given(arrays('f8', st.tuples(st.integers(2, 40)), elements=st.floats(-5, 5)), st.floats(.05, .6))
def test_p_values_and_threshold_agree(x, rate):
    try: e = MeanRowDetector(false_alarms=rate, holdout=.5, random_state=0).fit(x[:, None])
    except DataError: return
    p = e.p_values(x[:, None])
    assert (p >= 1/(len(e.reference_)+1) - 1e-12).all() and (p <= 1).all() and ((p <= rate + 1e-12) == (e.predict(x[:, None]) < 0)).all()


# ---- size

MILLION = """
import numpy as np, resource, torch
from ganad.estimator import ALADDetector, PCADetector
torch.set_num_threads(1)
x = np.random.default_rng(0).normal(size=(10**6, 40)).astype('f4')
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
for e in PCADetector(random_state=0), ALADDetector(epochs=1, batch_size=8192, nz=8, random_state=0):
    s = e.fit(x).anomaly_score(x)
    assert s.shape == (10**6,) and np.isfinite(s).all() and abs((e.decision_function(x) < 0).mean() - .1) < .005
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""

@pytest.mark.slow
def test_a_million_rows_of_forty_columns():
    env = {**os.environ, 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
    p = subprocess.run([sys.executable, '-c', MILLION], env=env, capture_output=True, text=True)
    assert p.returncode == 0, p.stderr[-2000:]
    assert int(p.stdout) < 1000, f'{p.stdout.strip()} MB on top of the data'


# ---- types

TYPED = ('core data networks losses detector contract metrics baselines threshold preprocess modelfile explain estimator '
         'files own report commands cli bench tables spread').split()            # all but what makes the pages; of methods and figures: what a caller sees
SEEN = [*sorted((ROOT/'ganad/models').glob('*.py')), ROOT/'ganad/plots.py', ROOT/'ganad/explore.py']
USE = """
import numpy as np
from ganad.data import OneClass, Split, load as load_data
from ganad.detector import Detector, detectors
from ganad.estimator import ALADDetector, Estimator, estimators, info, load
from ganad.files.readers import rows_of
from ganad.metrics import summary
from ganad.files.fit_and_score import score_file
from ganad.files.report import report_file
est: Estimator = ALADDetector(nz=4, false_alarms=.05)
est.fit([[1., 2.]])
scores: np.ndarray = est.anomaly_score([[1., 2.]])
limit: float = load(est.save('m.safetensors', note='x')).threshold_
name: str = info('m.safetensors')['method']
split: Split = OneClass(normal=8).split(load_data('digits'))
model: Detector = detectors()['bigan'](64).fit(split.train.flatten(1), epochs=1)
area: float = summary(split.y, model.score(split.test))['auroc']
rows: int = score_file('m.safetensors', 't.csv')['rows'] + len(rows_of('t.csv').all()) + len(report_file('m', 't', 'o.html'))
for key, cls in estimators().items(): print(key.upper(), cls().predict(scores).mean())
"""
WRONG = """
from ganad.data import OneClass, Split
from ganad.estimator import estimators, load
from ganad.files.readers import rows_of
from ganad.estimator.threshold import rows_needed
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
    flags = '--ignore-missing-imports --follow-imports=silent --no-site-packages --no-error-summary --cache-dir'.split()
    return subprocess.run([sys.executable, '-m', 'mypy', *flags, str(cwd/'cache'), *map(str, args)], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, 'MYPYPATH': str(ROOT)}).stdout.splitlines()

def test_types(tmp_path):
    assert (ROOT/'ganad/py.typed').exists()
    (tmp_path/'use.py').write_text(USE); (tmp_path/'wrong.py').write_text(WRONG)
    out = mypy(tmp_path, '--check-untyped-defs', *(ROOT/f'ganad/{m}.py' for m in TYPED), 'use.py') + mypy(tmp_path, *SEEN)
    assert not out, out
    lines = WRONG.splitlines(); out = [l for l in mypy(tmp_path, '--check-untyped-defs', 'wrong.py') if 'error:' in l]
    for l in out: assert lines[int(l.split(':')[1])-1].split('# ')[1].split()[1] in l, l
    assert len(out) == sum('# error' in l for l in lines), out
