"Every way to hand over rows, tables and pictures; the rest is refused in one line"
import warnings

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import torch
from estimators import LABELLED, digits, frame, place_of_error, small, table
from sklearn.base import clone

from ganad.core import DataError, GanadError, ShapeError
from ganad.estimator import (AutoEncoderDetector, GANomalyDetector, KNNDetector, MeanRowDetector, PCADetector,
                             estimators)


# ---- rows from everywhere

NUMERIC = dict(
    numpy=lambda x: x,
    lists=lambda x: x.tolist(),
    torch=torch.tensor,
    pandas=lambda x: pd.DataFrame(x, columns=[*'abcd']),
    polars=lambda x: pl.DataFrame(x, schema=[*'abcd']),
    arrow=lambda x: pa.table({name:x[:, i] for i, name in enumerate('abcd')}),
    batch=lambda x: pa.record_batch({name:x[:, i] for i, name in enumerate('abcd')}),
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
    assert hasattr(e, 'feature_names_in_')==(kind in ('pandas', 'polars', 'arrow', 'batch'))


PLACES = ['air', 'land', 'sea']

MIXED = dict(
    pandas=lambda d: d,
    polars=lambda d: pl.DataFrame(d.to_dict('list')),
    arrow=lambda d: pa.Table.from_pandas(d),
    batch=lambda d: pa.RecordBatch.from_pandas(d),
    category=lambda d: d.astype({'🌍':'category'}),
    dictionary=lambda d: pa.Table.from_pandas(d.astype({'🌍':'category'})),
    dictionary_batch=lambda d: pa.RecordBatch.from_pandas(d.astype({'🌍':'category'})),
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


def indexed(n=400):
    "A frame that was filtered, so that its index says which rows are left; two rows to score"
    frame = pd.DataFrame(dict(a=np.random.default_rng(0).normal(size=n)))
    return frame[frame.a.abs()<2], pd.DataFrame(dict(a=[0., 9.]), index=[10**6, 5])


WITH_INDEX = dict(
    arrow=pa.Table.from_pandas,
    batch=pa.RecordBatch.from_pandas,
    polars=lambda d: pl.from_arrow(pa.Table.from_pandas(d)),
    written_by_polars=lambda d: pl.from_arrow(pa.Table.from_pandas(d)).to_pandas())


@pytest.mark.parametrize('kind, name', [*((kind, None) for kind in WITH_INDEX),
                                        ('arrow', 'id'), ('batch', 'id')])
def test_the_index_of_a_frame_is_learned_in_no_library(kind, name):
    train, new = (d.rename_axis(name) for d in indexed())
    want = KNNDetector(random_state=0).fit(train).anomaly_score(new)
    with pytest.warns(UserWarning, match='The index of pandas.* is no feature'):
        e = KNNDetector(random_state=0).fit(WITH_INDEX[kind](train))
    assert e.n_features_in_==1 and [*e.feature_names_in_]==['a']
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        for rows in (WITH_INDEX[kind](new), new, WITH_INDEX[kind](new.reset_index(drop=True))):
            assert np.array_equal(e.anomaly_score(rows), want)


def test_an_index_that_was_learned_as_a_column_is_looked_at():
    "By a model from a frame in which it was a column"
    train, new = (d.rename_axis('id') for d in indexed())
    e = KNNDetector(random_state=0).fit(train.reset_index())
    want = e.anomaly_score(new.reset_index())
    arrow = pa.Table.from_pandas(new).select(['id', 'a'])
    assert e.n_features_in_==2 and np.array_equal(e.anomaly_score(arrow), want)


def test_a_column_may_have_the_name_of_what_is_asked_of_a_frame():
    train, new = (d.assign(schema=1.*d.a**2, pandas_metadata=d.a) for d in indexed())
    assert KNNDetector().fit(train).anomaly_score(new).shape==(2,)


def test_what_pandas_says_of_its_index_may_be_damaged_in_memory():
    table = pa.table(dict(a=[1., 2.])).replace_schema_metadata({b'pandas':b'{'})
    with pytest.raises(DataError, match='of its index is damaged; save it again'): KNNDetector().fit(table)


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


# ---- what has changed, and what is no table

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


# ---- pictures

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
