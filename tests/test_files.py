"Readers: what is wrong in a file is named or skipped and listed; how a file is cut makes no difference"
import csv
import gzip
import io
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganad.core import DataError, GanadError, UnknownName
from ganad.estimator.preprocess import read_columns
from ganad.files.pictures import rows_of
from ganad.files.readers import CSV, NPZ, Parquet, _types_of, csv_line, joined, records, writing

few = settings(max_examples=60, deadline=None, derandomize=True)
# a value may be anything that is text in UTF-8, line ends, quotes and separators among it; NUL is no text
VALUE = st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\0'), max_size=8)
ROWS = st.integers(1, 4).flatmap(
    lambda n: st.lists(st.lists(VALUE, min_size=n, max_size=n), min_size=1, max_size=8))


def is_one_line(error): return '\n' not in str(error.value) and len(str(error.value))<400


def write(path, text, **options):
    path.write_text(text, encoding='utf-8', **options)
    return path


# Rows of a CSV file

@few
@given(rows=ROWS, sep=st.sampled_from(',;\t'))
def test_records_are_the_rows_that_csv_sees(rows, sep):
    def is_blank(row): return len(row)==1 and not row[0].strip(' ')             # one column, nothing in it
    lines = io.StringIO(''.join(csv_line(row, sep) + '\r\n' for row in rows), newline='')
    got = [text for _, text in records(lines, sep, len(rows[0]), 'f')]
    expected = [csv_line(row, sep) for row in rows if not is_blank(row)]
    assert [text for text in got if text.strip(' "')]==expected


@pytest.mark.parametrize('text', ['"a\nb",5" x', 'a,"b\n5" pipe"'])
def test_an_inch_behind_a_line_end_costs_no_row(text):
    lines = [line + '\n' for line in f'{text}\n1,2\n3,4'.split('\n')]
    assert [row for _, row in records(lines, ',', 2, 'f')]==[text, '1,2', '3,4']


@few
@given(rows=ROWS, n=st.integers(1, 5))
def test_a_file_cut_into_chunks_is_the_file(rows, n):
    columns = [f'c{j}' for j in range(len(rows[0]))]
    body = [[i, *row] for i, row in enumerate(rows)]
    types = dict(i='number') | dict.fromkeys(columns, 'text')
    with tempfile.TemporaryDirectory() as folder:
        text = '\n'.join(csv_line(row) for row in [['i', *columns], *body]) + '\n'
        path = write(Path(folder)/'t.csv', text, newline='')
        whole = CSV(path, types=types).all()
        assert whole.x.i.tolist()==[*range(len(rows))]
        assert whole.text==[csv_line(row) for row in body]
        chunks = [*CSV(path, types=types).chunks(n)]
        assert [len(chunk) for chunk in chunks[:-1]]==[n]*(len(chunks)-1)
        assert joined(chunks, path).x.equals(whole.x)
        assert joined(chunks, path).names==whole.names


@few
@given(blob=st.binary(max_size=200), end=st.sampled_from(['csv', 'tsv', 'csv.gz', 'npz', 'parquet', 'zip']))
def test_any_bytes_are_rows_or_one_line(blob, end):
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)/f't.{end}'
        path.write_bytes(blob)
        try: rows_of(path).all()
        except GanadError as error: assert '\n' not in str(error), error


NUMBERS = st.floats(allow_nan=False, width=32) | st.none()
WHOLE = st.integers(-10**9, 10**9)
TEXTS = st.sampled_from(['a', 'ü', '🌡 x', '7'])


@few
@given(rows=st.lists(st.tuples(NUMBERS, WHOLE, st.booleans(), TEXTS), min_size=1, max_size=9))
def test_csv_and_parquet_say_the_same(rows):
    df = pd.DataFrame(rows, columns=['f', 'n', 'b', 'x'])
    df['f'] = df.f.astype(float)
    types = dict(f='number', n='number', b='text', x='text')
    with tempfile.TemporaryDirectory() as folder:
        df.to_csv(Path(folder)/'t.csv', index=False)
        df.to_parquet(Path(folder)/'t.parquet')
        csv, parquet = (rows_of(Path(folder)/name, types=types).all().x for name in ('t.csv', 't.parquet'))
        pd.testing.assert_frame_equal(csv, parquet)


@pytest.mark.parametrize('first', [None, 'a', float('nan')])
def test_parquet_with_gaps_says_the_same_without_types(tmp_path, first):
    df = pd.DataFrame(dict(f=[None, 1.5, 2.], n=[1, 2, 3], x=[first, 'a', 'ü']), index=range(3))
    df.to_csv(tmp_path/'t.csv', index=False)
    df.to_parquet(tmp_path/'t.parquet')
    csv, parquet = (rows_of(tmp_path/name).all().x for name in ('t.csv', 't.parquet'))
    pd.testing.assert_frame_equal(csv, parquet)
    assert [*parquet.dtypes.astype(str)]==['float64', 'float64', 'object']


INDEXES = {
    'none': lambda n: pd.RangeIndex(n),
    'range': lambda n: pd.RangeIndex(5, 5 + n),
    'named range': lambda n: pd.RangeIndex(n, name='no'),
    'filtered': lambda n: pd.Index([*range(3, 3 + 2*n, 2)]),
    'named': lambda n: pd.Index([f'p{i}' for i in range(n)], name='order'),
    'named like a column': lambda n: pd.Index(range(9, 9 + n), name='f'),
    'number as name': lambda n: pd.Index([*range(n)][::-1], name=0),
    'time': lambda n: pd.date_range('2026-01-01', periods=n, freq='h'),
    'named time': lambda n: pd.date_range('2026-01-01', periods=n, freq='D', tz='Europe/Berlin', name='when'),
    'levels': lambda n: pd.MultiIndex.from_arrays([['q']*n, range(n)], names=['site', None]),
    'unnamed levels': lambda n: pd.MultiIndex.from_arrays([range(n), range(n)]),
    'categories': lambda n: pd.CategoricalIndex(['u']*n, name='kind'),
}
COLUMNS = {
    'float64': [.1, -2.5, 1e300], 'float32': [.5, .25, 3], 'int64': [2**60, -1, 0], 'uint8': [255, 0, 1],
    'Int64': [1, pd.NA, 3], 'Float64': [.5, pd.NA, 1.],
    'boolean': [True, pd.NA, False], 'bool': [True, False, True],
    'object': ['a', None, 'ü'], 'str': ['7 x', 'b', ''], 'category': ['u', 'v', 'u'],
}


@few
@given(kind=st.sampled_from([*INDEXES]), dtypes=st.permutations([*COLUMNS]).map(lambda names: names[:3]),
       n=st.integers(3, 30), group=st.integers(1, 40), size=st.integers(1, 40))
def test_a_parquet_file_is_the_frame_that_pandas_reads(kind, dtypes, n, group, size):
    columns = {f'c{i}':pd.Series(COLUMNS[dtype]*n, dtype=dtype)[:n] for i, dtype in enumerate(dtypes)}
    df = pd.DataFrame(dict(f=np.arange(n)/7) | columns).set_axis(INDEXES[kind](n), axis=0)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)/'t.parquet'
        df.to_parquet(path, row_group_size=group)
        frame = pd.read_parquet(path)
        assert Parquet(path).features==[*frame]
        rows = Parquet(path, types=_types_of(Parquet(path).all().x))
        chunks = [*rows.chunks(size)]
        whole = joined(chunks, path)
        read, expected = (read_columns(x, is_text=[values=='text' for values in rows.types.values()])
                          for x in (whole.x, frame))
        assert read.names==expected.names
        assert np.array_equal(read.numbers, expected.numbers, equal_nan=True)
        assert {i:[*v] for i, v in read.text.items()}=={i:[*v] for i, v in expected.text.items()}
        names, *values = csv.reader([rows.header, *whole.text])
        assert len(names)==len(values[0]) and [float(row[rows.position['f']]) for row in values]==[*frame.f]


@pytest.mark.parametrize('kind', ['named', 'levels', 'named time'])
def test_a_label_or_a_dropped_column_may_be_the_index(tmp_path, kind):
    df = pd.DataFrame(dict(f=[1., 2, 3, 4]), index=INDEXES[kind](4))
    df.to_parquet(tmp_path/'t.parquet')
    name = df.index.names[0]
    rows = Parquet(tmp_path/'t.parquet', label=name)
    assert rows.features==['f']
    assert [*rows.all().label]==[str(value) for value in df.index.get_level_values(0)]
    assert Parquet(tmp_path/'t.parquet', drop=[name]).features==['f']


def test_a_misspelt_option_is_an_error(tmp_path):
    path = write(tmp_path/'t.csv', 'a\n1\n')
    with pytest.raises(TypeError, match='lable'): rows_of(path, lable='y')


@pytest.mark.parametrize('y', [np.zeros(4), np.zeros((5, 2)), np.zeros(())])
def test_labels_of_another_shape_are_said(tmp_path, y):
    np.savez(tmp_path/'t.npz', x=np.ones((5, 2)), y=y)
    with pytest.raises(DataError) as error: rows_of(tmp_path/'t.npz', label='y')
    assert error.value.mend=='give one label for each of 5 rows'


# What is wrong in a table: (text, line or None, a word of what is said)

WRONG = {
    'empty file': ('', None, 'empty'),
    'no rows': ('a,b\n', None, 'no rows'),
    'only blank lines': ('a,b\n\n \n', None, 'no rows'),
    'torn last line': ('a,b\n1,2\n3', 3, '1 values, but 2 columns'),
    'one value too many': ('a,b\n1,2\n1,2,3\n', 3, '3 values, but 2 columns'),
    'quote left open': ('a,b\n1,"2\n3,4\n', 2, 'quote'),
    'quote left open at the end': ('a,b\n1,2\n3,"4', 3, 'quote'),
    'two columns of one name': ('a,b,a\n1,2,3\n', None, "more than one column 'a'"),
    'no header': ('.5,1.5\n1,2\n', 1, 'numbers only'),
    'only the label': ('y\n1\n', None, 'no columns left'),
}


@pytest.mark.parametrize('text,line,word', WRONG.values(), ids=WRONG)
def test_wrong_table_is_named_with_its_line(tmp_path, text, line, word):
    path = write(tmp_path/'t.csv', text)
    with pytest.raises(DataError) as error: CSV(path, label='y' if text[:1]=='y' else None).all()
    assert (error.value.file, error.value.line)==(path, line) and word in error.value.what
    assert is_one_line(error) and 't.csv' in str(error.value)


def test_other_encodings_and_files(tmp_path):
    latin = tmp_path/'l.csv'
    latin.write_bytes('a,b\nü,1\n'.encode('latin1'))
    wide = tmp_path/'u.csv'
    wide.write_bytes('a,b\nü,1\n'.encode('utf-16'))
    for path in (latin, wide):
        with pytest.raises(DataError, match='no text in UTF-8') as error: rows_of(path).all()
        assert error.value.file==path and is_one_line(error)
    (tmp_path/'t.csv.gz').write_bytes(gzip.compress(b'a,b\n' + b'1,2\n'*9000)[:-20])
    with pytest.raises(DataError, match='damaged'): rows_of(tmp_path/'t.csv.gz').all()
    (tmp_path/'t.parquet').write_bytes(b'PAR1junkPAR1')
    with pytest.raises(DataError, match='damaged'): rows_of(tmp_path/'t.parquet')
    with pytest.raises(UnknownName, match='csv'): rows_of(write(tmp_path/'t.xlsx', ''))
    with pytest.raises(DataError) as error: rows_of(tmp_path/'nothing.csv')
    assert error.value.file==tmp_path/'nothing.csv'


def test_names_may_be_anything(tmp_path):
    path = write(tmp_path/'t.csv', ',🌡 °C,"a,b","two\nlines",=1+1\n0,1,2,3,4\n1,2,3,4,5\n')
    rows = CSV(path)
    whole = rows.all()
    assert [*whole.x.columns]==['🌡 °C', 'a,b', 'two\nlines', '=1+1']
    assert rows.ignored==[''] and whole.names==['3', '4']


@pytest.mark.parametrize('kind,line', [('csv', 7), ('parquet', 'row 6')])
def test_a_value_of_another_type_is_named(tmp_path, kind, line):
    df = pd.DataFrame(dict(a=[1]*6, b=['2']*5 + ['n/k']))
    path = tmp_path/f't.{kind}'
    if kind=='csv': df.to_csv(path, index=False)
    else: df.to_parquet(path)
    for n in (1, 4, 6):                                        # wherever the file is cut
        with pytest.raises(DataError) as error: [*rows_of(path, types=dict(a='number', b='number')).chunks(n)]
        found = error.value
        assert (found.file, found.line, found.column, found.what)==(path, line, 'b', "'n/k' is no number")
        assert is_one_line(error)
    assert rows_of(path, types=dict(b='text', a='number')).all().x.b.tolist()==['2']*5 + ['n/k']


def test_infinite_is_a_number_and_na_is_none(tmp_path):
    values = CSV(write(tmp_path/'i.csv', 'a\n1\ninf\n-inf\nNA\n')).all().x.a
    assert np.isinf(values).sum()==2 and values.isna().sum()==1


def test_npz_that_lies_or_holds_code(tmp_path):
    path = tmp_path/'a.npz'
    np.savez(path, x=np.array([{}], dtype=object))
    with pytest.raises(DataError, match='could run code') as error: NPZ(path)
    assert error.value.file==path and is_one_line(error)
    header = io.BytesIO()
    promised = dict(descr='<f8', fortran_order=False, shape=(10**12, 10))
    np.lib.format.write_array_header_1_0(header, promised)
    with zipfile.ZipFile(path, 'w') as archive: archive.writestr('x.npy', header.getvalue() + bytes(80))
    with pytest.raises(DataError, match='shorter or longer'): NPZ(path)              # 80 TB are not asked for
    np.savez(path, a=np.zeros((2, 2)), b=np.zeros((2, 2)))
    with pytest.raises(DataError, match="arrays 'a', 'b'; call that of the rows x"): NPZ(path)
    np.savez(path, x=np.zeros(5))
    with pytest.raises(DataError, match='has shape'): NPZ(path)
    np.savez(path, x=np.zeros((2, 2)))
    with pytest.raises(UnknownName, match="no array 'y'"): NPZ(path, label='y')


FAILURES = [OSError(28, 'No space left on device'), OSError(27, 'File too large'),
            RuntimeError('unexpected pos'), KeyboardInterrupt()]


@pytest.mark.parametrize('failure', FAILURES, ids=repr)
def test_writing_leaves_what_was_there(tmp_path, failure):
    path = write(tmp_path/'a', 'old')
    with pytest.raises((DataError, KeyboardInterrupt)) as error, writing(path) as temporary:
        temporary.write_text('half')
        raise failure
    assert path.read_text()=='old' and [*tmp_path.iterdir()]==[path]
    if error.type is DataError: assert is_one_line(error) and str(path) in str(error.value)
