"What stands in the columns of a table: gaps, strays, dates, codes, and values that training never saw"
import warnings

import hypothesis.strategies as st
import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from estimators import LABELLED, digits, frame, place_of_error, small, table
from hypothesis import assume, given, settings
from hypothesis.extra.numpy import arrays
from sklearn.base import clone

from ganad.core import DataError, GanadError
from ganad.estimator import KNNDetector, MeanRowDetector, PCADetector, estimators
from ganad.estimator._new_values import is_changed
from ganad.estimator._preprocess import EmptyColumnWarning, NewValueWarning
from ganad.metrics import auroc


# ---- gaps, and where they are

def with_gaps():
    d = frame().astype({'n':float})
    d.loc[[3, 5], 'n'] = np.nan
    d.loc[7, '🌍'] = None
    return d


def test_gaps_are_refused_and_counted():
    with pytest.raises(DataError) as e: PCADetector().fit(with_gaps())
    assert e.value.what=="missing values (NaN), 1 in '🌍', 2 in 'n'"
    assert (e.value.mend, e.value.option, e.value.choice)==(
        "drop them, or fit with gaps filled in", 'impute', 'median')
    assert str(e.value).endswith("filled in (impute='median')")
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
    letters = pd.DataFrame(dict(a=[1, 2, 3], b=[1, 2, 3]))
    with pytest.raises(GanadError, match=r"give a list, as \['ab'\]"): PCADetector(words='ab').fit(letters)


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
