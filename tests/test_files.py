"Readers: what is wrong in a file is named or skipped and listed; how a file is cut makes no difference"
import csv
import gzip
import io
import shlex
import tempfile
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from hypothesis import given, settings
from hypothesis import strategies as st

from ganad.core import DataError, GanadError, UnknownName
from ganad.estimator import PCADetector, load
from ganad.estimator._columns import read_columns
from ganad._files.pictures import rows_of
from ganad._files.readers import (CSV, NPZ, Layout, Parquet, types_of, csv_line, fields_of, joined,
                                 records, writing)

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
        rows = Parquet(path, types=types_of(Parquet(path).all().x))
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


SAID = {'named': "The index of pandas ('order') is no feature", 'named time': "('when') is no feature",
        'filtered': 'The index of pandas is no feature', 'levels': "('site') is no feature", 'range': ''}


@pytest.mark.parametrize('kind', SAID)
def test_what_becomes_of_an_index_is_said_by_fit_and_by_score(run, tmp_path, kind):
    rng = np.random.default_rng(0)
    df = pd.DataFrame(rng.normal(size=(120, 2)), index=INDEXES[kind](120), columns=['a', 'b'])
    df.to_parquet(tmp_path/'t.parquet')
    fit = run('fit', tmp_path/'t.parquet', '--save', tmp_path/'m', '--method', 'pca')
    score = run('score', tmp_path/'t.parquet', '--model', tmp_path/'m', '--out', tmp_path/'s.csv')
    for code, _, err in (fit, score):
        assert code==0 and err.count('index of pandas')==bool(SAID[kind]) and SAID[kind] in err
        assert 'does not know' not in err
    if kind=='named': assert 'index' not in run('fit', tmp_path/'t.parquet', '--save', tmp_path/'m',
                                                '--method', 'pca', '--drop', 'order')[2]


@pytest.mark.parametrize('end', ['csv', 'parquet'])
def test_a_nameless_index_that_became_a_column_is_left_out(run, tmp_path, end):
    "polars takes it for a column, and writes it as one"
    rng = np.random.default_rng(0)
    df = pd.DataFrame(rng.normal(size=(120, 2)), columns=['a', 'b'])
    said = "The index of pandas is no feature"
    def written(name):
        df[f'__index_level_{name}__'] = rng.permutation(120)
        if end=='csv': df.to_csv(tmp_path/'t.csv', index=False)
        else: pq.write_table(pa.table(dict(df)), tmp_path/'t.parquet')
        return tmp_path/f't.{end}'
    path = written(0)
    rows = rows_of(path)
    assert [*rows.all().x]==['a', 'b'] and any(said in note for note in rows.notes())
    code, _, err = run('fit', path, '--save', tmp_path/'m', '--method', 'pca')
    assert code==0 and said in err
    code, _, err = run('score', path, '--model', tmp_path/'m', '--out', tmp_path/'s.csv')
    assert code==0 and 'does not know' not in err and pd.read_csv(tmp_path/'s.csv').shape==(120, 6)
    assert '__index_level_0__' not in load(tmp_path/'m').prep_.names
    types = dict(a='number', __index_level_0__='number')
    assert rows_of(path, types=types).all().x.shape[1]==2, 'a model that has learned it'


UNNAMED = '', ' ', '\t', '\xa0'


@pytest.mark.parametrize('name', UNNAMED)
@pytest.mark.parametrize('end', ['csv', 'tsv', 'parquet', 'frame'])
def test_a_column_without_a_name_is_refused_unless_it_may_be_an_index(tmp_path, name, end):
    "First in a file it may be one: left out, and said"
    rng = np.random.default_rng(0)
    values, a = rng.normal(size=(2, 40))
    def opened(df):
        if end=='parquet': df.to_parquet(tmp_path/'t.parquet', index=False)
        else: df.to_csv(tmp_path/f't.{end}', index=False, sep='\t' if end=='tsv' else ',')
        rows = rows_of(tmp_path/f't.{end}')
        rows.all()
        return rows
    for df in (pd.DataFrame({'a':a, name:values}), pd.DataFrame({name:values, 'a':a})):
        if end=='frame':
            with pytest.raises(DataError, match='has no name'): PCADetector().fit(df)
        elif [*df][0]=='a':
            with pytest.raises(DataError, match='no name|without a name') as error: opened(df)
            assert 'give' in error.value.mend and error.value.file==tmp_path/f't.{end}'
        else:
            rows = opened(df)
            assert rows.features==['a'] and len(rows.notes())==1
            assert rows.notes()[0].startswith('A column without a name')


# Numbers, words, and what is neither

STRAYS = ['?', '-', '.', 'n.a.', 'missing', '#DIV/0!', '<1', '>10', '5%', '1 2', 'km', '2O']
HINTS = {'1,5':'--decimal', '1,200':'--thousands', '12,345,678.5':'--thousands'}


@few
@given(token=st.sampled_from([*STRAYS, *HINTS]), row=st.integers(0, 39),
       end=st.sampled_from(['csv', 'tsv', 'parquet']), whole=st.booleans())
def test_a_stray_token_among_numbers_is_refused_with_its_line(token, row, end, whole):
    numbers = [str(i%7) if whole else f'{i/7}' for i in range(40)]
    df = pd.DataFrame(dict(a=range(40), b=[*numbers[:row], token, *numbers[row + 1:]]))
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder)/f't.{end}'
        if end=='parquet': df.to_parquet(path)
        else: df.to_csv(path, index=False, sep=',' if end=='csv' else '\t')
        with pytest.raises(DataError) as error: rows_of(path).all()
        found = error.value
        assert (found.file, found.column, found.what)==(path, 'b', f'{token!r} is no number')
        assert found.line==(f'row {row + 1}' if end=='parquet' else row + 2) and is_one_line(error)
        wanted = [HINTS[token]] if token in HINTS else ['--impute median', '--words b']
        if token=='1,5' and not whole: wanted = ['write a point']                      # as all others have
        assert all(option in found.mend for option in wanted)
        assert rows_of(path, words=['b']).all().x.b[row]==token
        if token in HINTS: return
        rows = rows_of(path, strays_are_gaps=True)
        assert rows.all().x.b.isna().sum()==1 and repr(token) in rows.notes()[0]
        with pytest.raises(DataError) as error: rows_of(path, types=dict(b='number')).all()
        assert error.value.what==f'{token!r} is no number'


WORDS = {'names': ['ann', 'bob', 'eve', '7'], 'codes': ['007', '012', '100'], 'ranges': ['10-20', '20-30'],
         'countries': ['NA', 'ZA', 'DE'], 'answers': ['None', 'one', 'two'], 'nothing': ['null', 'nan', 'x']}


@pytest.mark.parametrize('values', WORDS.values(), ids=WORDS)
def test_words_are_kept_as_they_stand(tmp_path, values):
    df = pd.DataFrame(dict(a=range(60), b=(values*60)[:60]))
    df.to_csv(tmp_path/'t.csv', index=False)
    df.to_parquet(tmp_path/'t.parquet')
    for name in ('t.csv', 't.parquet'): assert rows_of(tmp_path/name).all().x.b.tolist()==df.b.tolist()
    rows = rows_of(tmp_path/'t.csv')
    rows.all()
    assert bool(rows.notes())==bool({*values} & {'NA', 'None', 'null', 'nan'})            # it is said
    assert CSV(tmp_path/'t.csv', label='b').all().label.tolist()==df.b.tolist()


def test_only_an_empty_value_is_a_gap_among_words(tmp_path):
    path = write(tmp_path/'t.csv', 'a,b\nNA,1\n,NA\nZA,\n')
    x = CSV(path).all().x
    assert x.a.isna().tolist()==[False, True, False] and x.b.isna().tolist()==[False, True, True]


TRUTHS = [('TRUE', 'FALSE'), ('True', 'False'), ('true', 'false')]


@pytest.mark.parametrize('yes,no', TRUTHS)
def test_true_is_true_in_every_file(tmp_path, yes, no):
    truth = np.arange(20)%3==0
    lines = [f'{i},{yes if is_true else no}\n' for i, is_true in enumerate(truth)]
    write(tmp_path/'t.csv', 'a,b\n' + ''.join(lines))
    pd.DataFrame(dict(a=range(20), b=truth)).to_parquet(tmp_path/'t.parquet')
    np.savez(tmp_path/'t.npz', truth[:, None])
    for name in ('t.csv', 't.parquet', 't.npz'):
        values = rows_of(tmp_path/name).all().x.iloc[:, -1]
        assert values.tolist()==truth.tolist() and values.dtype==float
    for name in ('t.csv', 't.parquet'):                        # a model that was made when these were words
        words = rows_of(tmp_path/name, types=dict(b='text')).all().x.b
        assert words.tolist()==[str(bool(value)) for value in truth]


@pytest.mark.parametrize('share', [.005, .2])
@pytest.mark.parametrize('end', ['csv', 'frame'])
def test_false_among_numbers_is_no_number(tmp_path, share, end):
    values = ['FALSE' if i<200*share else f'{50 + i/7:.2f}' for i in range(200)]
    df = pd.DataFrame(dict(w=range(200), v=values))
    df.to_csv(tmp_path/'t.csv', index=False)
    with pytest.raises(DataError, match="'FALSE' is no number") as error:
        if end=='csv': rows_of(tmp_path/'t.csv').all()
        else: read_columns(df)
    assert error.value.column=='v'
    mixed = pd.DataFrame(dict(v=[50., 49., 48., 51., 47., False]))
    with pytest.raises(DataError, match="'False' is no number"): read_columns(mixed)


@pytest.mark.parametrize('word', ['yes', 'No', 'T', 'f', 'Y', 'N'])
@pytest.mark.parametrize('end', ['csv', 'parquet'])
def test_another_word_for_true_is_refused_with_what_to_write(run, tmp_path, word, end):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(dict(on=rng.integers(2, size=90)>0, a=rng.normal(size=90)))
    frame.to_csv(tmp_path/'t.csv', index=False)
    assert run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'pca')[0]==0
    new = frame.assign(on=frame.on.map({True:word, False:'0'}))
    getattr(new, f'to_{end}')(tmp_path/f'n.{end}', index=False)
    code, _, err = run('score', tmp_path/f'n.{end}', '--model', tmp_path/'m')
    assert code==2 and err.strip().endswith('; write true or false, or 1 or 0, as in training')
    with pytest.raises(DataError, match='write true or false, or 1 or 0'): load(tmp_path/'m').predict(new)


def test_true_where_training_had_other_numbers_is_refused(run, tmp_path):
    def write_rows(name, *values): write(tmp_path/name, 'v,on\n' + ''.join(f'{v},{on}\n' for v, on in values))
    write_rows('t.csv', *((50 + i%9/7, i%2) for i in range(100)))
    write_rows('flags.csv', (50, 'TRUE'), (51, 'FALSE'))
    write_rows('numbers.csv', ('TRUE', 1), ('FALSE', 0))
    pd.DataFrame(dict(v=[True, False], on=[0, 1])).to_parquet(tmp_path/'numbers.parquet')
    assert run('fit', tmp_path/'t.csv', '--save', tmp_path/'m', '--method', 'knn', '--quiet')[0]==0
    model = '--model', tmp_path/'m', '--out', tmp_path/'s.csv'
    assert run('score', tmp_path/'flags.csv', *model)[0]==0
    for name in ('numbers.csv', 'numbers.parquet'):
        code, _, err = run('score', tmp_path/name, *model)
        assert code==2 and "rue' is no number" in err.lower() and err.count('\n')==1
    with pytest.raises(DataError, match="training, now text"):
        load(tmp_path/'m').predict(pd.DataFrame(dict(v=[True], on=[1])))


def test_dates_are_refused_in_every_file(tmp_path):
    df = pd.DataFrame(dict(a=range(9), day=pd.date_range('2026-01-01', periods=9)))
    df.to_csv(tmp_path/'t.csv', index=False)
    df.to_parquet(tmp_path/'t.parquet')
    np.savez(tmp_path/'t.npz', df.day.to_numpy()[:, None])
    for name in ('t.csv', 't.parquet', 't.npz'):
        with pytest.raises(DataError) as error: rows_of(tmp_path/name).all()
        assert error.value.file==tmp_path/name and is_one_line(error)
    for name in ('t.csv', 't.parquet'): assert [*rows_of(tmp_path/name, drop=['day']).all().x]==['a']


# What a text file looks like

PLAIN = [[f'{i/7:.3f}', str(i*i), 'tea' if i%2 else 'coffee'] for i in range(30)]


NAMES = ['heat', 'flow', 'drink']


def text_of(rows, sep=',', end='\n', names=NAMES):
    return ''.join(sep.join(row) + end for row in [names, *rows] if row)


GERMAN = [[heat.replace('.', ','), f'{int(flow):,}'.replace(',', '.'), drink] for heat, flow, drink in PLAIN]
LAYOUTS = {                                                          # text, how it is to be read
    'bars': (text_of(PLAIN, '|'), {}),
    'tabs': (text_of(PLAIN, '\t'), {}),
    'sep= of Excel': ('sep=;\n' + text_of(PLAIN, ';'), {}),
    'old Mac': (text_of(PLAIN, end='\r'), {}),
    'Windows': (text_of(PLAIN, end='\r\n'), {}),
    'empty lines first': ('\n\n' + text_of(PLAIN), {}),
    'separators behind the names': (text_of([[*row, '', ''] for row in PLAIN], names=[*NAMES, '', '']), {}),
    'index of pandas': (text_of([[str(i), *row] for i, row in enumerate(PLAIN)], names=['', *NAMES]), {}),
    'colons': (text_of(PLAIN, ':'), dict(sep=':')),
    'thousands': (text_of([[a, f'"{int(b):,}"', c] for a, b, c in PLAIN]), dict(thousands=',')),
    'German': (text_of(GERMAN, ';'), dict(thousands='.', decimal=',')),
    'comments': ('# by hand\n' + text_of(PLAIN).replace('\n0.143', '\n# half\n0.143'), dict(comment='#')),
    'title': ('Pumps\n2026, in July,\n' + text_of(PLAIN), dict(skip_rows=2)),
    'years as names': (text_of(PLAIN, names=['2024', '7', 'x']), dict(header='first')),
    'no names': (text_of(PLAIN, names=()), dict(header='none')),
}


@pytest.mark.parametrize('text,options', LAYOUTS.values(), ids=LAYOUTS)
@pytest.mark.parametrize('end', ['csv', 'csv.gz'])
def test_a_layout_changes_nothing_of_the_rows(tmp_path, text, options, end):
    path = tmp_path/f't.{end}'
    path.write_bytes(gzip.compress(text.encode()) if end=='csv.gz' else text.encode())
    rows = rows_of(path, layout=Layout(**options) if options else None)
    whole = rows.all()
    expected = CSV(write(tmp_path/'plain.csv', text_of(PLAIN))).all().x
    assert (whole.x.to_numpy(object)==expected.to_numpy(object)).all() and len(whole)==30
    lines = text.replace('\r\n', '\n').replace('\r', '\n').split('\n')
    assert [lines[int(name) - 1] for name in whole.names]==whole.text              # as an editor counts
    types = types_of(whole.x)
    cut = [*rows_of(path, types=types, layout=rows.layout).chunks(7)]
    assert joined(cut, path).x.equals(whole.x)


ASKED = {                                                            # text, what helps
    'row of numbers and words': (text_of(PLAIN, names=()), '--header none'),
    'row of numbers': ('1.5,2\n2,3\n', '--header none'),
    'row of words': ('tea,milk\ncoffee,milk\ntea,none\n', '--header none'),
    'comment': ('# made by hand\n' + text_of(PLAIN), "--comment '#'"),
    'comments': ('% made by hand, on a day, in July, or so\n' + text_of(PLAIN), '--comment %'),
    'title': ('Pumps\n' + text_of(PLAIN), '--skip-rows 1'),
    'blanks': (text_of(PLAIN, ' '), "--sep ' '"),
    'colons': (text_of(PLAIN, ':'), '--sep :'),
    'units': (text_of([['°C', 'l', ''], *PLAIN]), 'delete the line'),
    'separator behind rows': (text_of([[*row, ''] for row in PLAIN]), "delete the ','"),
    'value without a name': (text_of([[*row, 'x'] for row in PLAIN], names=[*NAMES, '']), 'give the column'),
    'thousands': (text_of([[a, f'"{int(b) + 1000:,}"', c] for a, b, c in PLAIN]), '--thousands ,'),
    'decimal commas': (text_of([[a.replace('.', ','), b, c] for a, b, c in PLAIN], ';'), '--decimal ,'),
    'Swiss thousands': ('a;b\n' + "1'200.5;1\n730;2\n"*9, "--thousands ''\"'\"'' reads"),
    'French thousands': ('a;b\n' + '1\u202f200,5;1,5\n730;2,5\n'*9, "--thousands ' ' --decimal , reads"),
    'quotes behind backslashes': ('a,k\n' + '1,"5\\" pipe, long"\n'*9, 'write quotes inside a value twice'),
    'Excel': ('PK\3\4 and so on', 'save the sheet as CSV'),
    'Parquet': ('PAR1 and so on PAR1', 'name it .parquet'),
    'titles of one width': ('Export,of,today\nmade,by,hand\n' + text_of(PLAIN), '--skip-rows 2'),
    'comment of one width': ('# heat,flow,drink\n' + text_of(PLAIN), "--comment '#'"),
    'titles with separators': ('Pumps,,\nJuly,,\n' + text_of(PLAIN), '--skip-rows 2'),
    'several comments': ('# by hand\n# in July, or so\n# now\n' + text_of(PLAIN), "--comment '#'"),
    'several titles': ('Pumps\nof the plant\n' + text_of(PLAIN), '--skip-rows 2'),
    'title and empty line': ('Pumps\n\n' + text_of(PLAIN), '--skip-rows 2'),
    'title over semicolons': ('Pumps\n' + text_of(PLAIN, ';'), '--skip-rows 1'),
    'comments over semicolons': ('# x\n# y\n' + text_of(PLAIN, ';'), "--comment '#'"),
    'comment and title': ('# by hand\nPumps\n\n' + text_of(PLAIN), '--skip-rows 3'),
    'thousands with points': ('a;b\n' + '1.050;2.5\n730;1\n'*9, '--thousands .'),
    'two points': ('a;b\n' + '730;1\n'*9 + '1.050.000;2.5\n', '--thousands .'),
    'two readings': ('a;b\n' + '730;1\n'*9 + '5,126;2\n', '--decimal , if'),
    'comma among points': ('a;b\n' + '7.25;1\n'*9 + '5,12;2\n', 'write a point'),
    'JSON': ('[\n {"a": 1, "b": 2},\n {"a": 2, "b": 3}]', 'save it as CSV'),
    'JSON of columns': ('{"a": [1, 2], "b": [2, 3]}', 'save it as CSV'),
    'JSON lines': ('{"a": 1, "b": 2}\n{"a": 2, "b": 3}\n', 'save it as CSV'),
    'HTML': ('<!DOCTYPE html>\n<table><tr><td>1</table>', 'save it as CSV'),
    'wide gaps': ('heat    flow\n' + '1.5      2\n22.5   10\n'*9, 'write one sign'),
    'word not seen below': ('ssh,3\n' + 'tcp,50\nudp,47\n'*99, '--header none'),
    'word not seen below, rising': ('ssh,3,9\n' + 'tcp,50,53\nudp,47,50\n'*99, '--header none'),
    'gap above numbers': ('NA,4,9\n' + '50,53,7\n47,50,8\n'*99, '--header none'),
    'names of machines': (''.join(f'host{i},{50 + i%7}\n' for i in range(99)), '--header none'),
    'decimal comma in the first row': ('ssh;1,5\n' + 'tcp;2,5\nudp;3,5\n'*99, '--header none'),
    'year in a column of years': ('ssh,2001\n' + 'tcp,2010\nudp,2020\n'*99, '--header none'),
    'date above dates': ('2026-01-31,ssh\n' + '2026-02-01,tcp\n2026-02-02,udp\n'*99, '--header none'),
    'points, and a decimal comma': ('a;b\n' + '0.5;x\n1.5;y\n2.5;x\n2;y\n'*9, 'leave --decimal out'),
    'thousands of India': ('a;b\n' + '1,23,817;1\n2,34,567;1\n'*9, '--thousands , reads such numbers'),
    'hexadecimal among numbers': ('a,b\n' + '1,2\n'*99 + '0x1F,2\n', 'mend it'),
    'torn power of ten': ('a,b\n' + '1,2\n'*99 + '5E,2\n', 'mend it'),
    'first row again': ('10.5,3\n' + '11.2,4\n9.1,5\n'*9 + '10.5,3\n', '--header none if it is a row'),
    'first row of one column again': ('3\n4\n5\n3\n', '--header none if it is a row'),
    'first row with a word again': ('red,3.5\nblue,4.1\nred,3.5\nred,2\n', '--header none if it is a row'),
    'first row with a date again': ('2026-01-31,3\n' + '2026-02-01,4\n'*9 + '2026-01-31,3\n', '--header'),
    'first row with a comma again': ('ssh;1,5\n' + 'tcp;2,5\nudp;3,5\n'*9 + 'ssh;1,5\n', '--header none'),
    'years as names again': ('DE,2019,2020\n' + 'FR,1.5,2\nIT,2.5,3\n'*9 + 'DE,2019,2020\n', 'delete it'),
    'names again': ('a,b\n' + '1.5,2\n2,3\n'*9 + 'a,b\n1,7\n', 'delete it'),
    'names again, among words': ('a,k\n' + '1.5,x\n2,y\n'*9 + 'a,k\n1,x\n', 'delete it'),
    'names and words': (''.join(f'w{i},{"tea" if i%3 else "milk"}\n' for i in range(99)), '--header none'),
}


@pytest.mark.parametrize('text,mend', ASKED.values(), ids=ASKED)
def test_what_a_text_file_is_and_what_helps_is_said(tmp_path, text, mend):
    path = write(tmp_path/'t.csv', text)
    layout = Layout(decimal=',') if 'leave --decimal' in mend else None
    with pytest.raises(DataError) as error: rows_of(path, layout=layout).all()
    assert mend in error.value.mend and error.value.file==path and is_one_line(error)


NAMED = {                                                            # text that has names in its first line
    'value that is its column, beside numbers': ''.join(
        ['a,b,bad\n', *(f'{i}.5,{i},{"bad" if i<5 else "ok"}\n' for i in range(99))]),
    'years above other numbers': 'country,2019,2020\n' + 'DE,1.5,2\nFR,2.5,3\n'*9,
    'a spectrum': 'tea,400,402,404,406,408\n' + 'green,.1,.2,.3,.4,.5\nblack,.2,.1,.3,.5,.4\n'*9,
}


@pytest.mark.parametrize('header', [None, 'first', 'none'])
@pytest.mark.parametrize('there, typed', [(',', ';'), ('\t', ','), (';', '|'), (':', ';'), (' ', ',')])
def test_a_separator_that_does_not_occur_is_the_mistake(tmp_path, there, typed, header):
    path = write(tmp_path/'t.csv', text_of(PLAIN, there))
    with pytest.raises(DataError) as error: rows_of(path, layout=Layout(sep=typed, header=header)).all()
    assert 'one column only' in str(error.value) and '--header' not in str(error.value)
    mend = 'leave --sep out' if there in ',;\t|' else f'--sep {shlex.quote(there)} if'
    assert error.value.line==1 and error.value.mend.startswith(mend)


@pytest.mark.parametrize('text, layout', [
    ('heat\n' + '1,5\n2,5\n'*9, dict(decimal=',')), ('1,5\n2,5\n'*9, dict(decimal=',', header='none')),
    ('1,200\n2,500\n'*9, dict(thousands=',', header='none')), ('heat\n' + '1.5\n2\n'*9, {})])
def test_one_column_may_have_any_separator(tmp_path, text, layout):
    rows = rows_of(write(tmp_path/'t.csv', text), layout=Layout(sep=';', **layout))
    assert rows.all().x.shape==(18, 1)


@pytest.mark.parametrize('text', NAMED.values(), ids=NAMED)
def test_names_that_are_unusual_are_names(tmp_path, text):
    rows = rows_of(write(tmp_path/'t.csv', text))
    assert ','.join(rows.all().x)==text.split('\n')[0]


@pytest.mark.parametrize('text', ['a;b\n' + '50,63;1,5\n47,1;2,5\n'*99, 'a;b\n' + '5.1%;2%\n4.2%;3%\n'*99])
def test_a_table_without_one_plain_number_is_no_line_of_units(tmp_path, text):
    with pytest.raises(DataError) as error: rows_of(write(tmp_path/'t.csv', text)).all()
    assert 'skip-rows' not in str(error.value) and 'delete' not in str(error.value)
    assert error.value.mend.startswith('--decimal , reads' if '50,63' in text else 'take the unit away')


@pytest.mark.parametrize('header', [None, 'first'])
@pytest.mark.parametrize('rows_before', [60, 3000])
def test_names_that_come_again_are_named_with_their_line(tmp_path, header, rows_before):
    text = 'v,w,k\n' + '1.5,2,x\n'*rows_before + 'v,w,k\n' + '2.5,3,y\n'*20
    layout = Layout(header=header) if header else None
    for types in (None, dict(v='number', k='text')):
        with pytest.raises(DataError, match='repeats the names') as error:
            rows_of(write(tmp_path/'t.csv', text), layout=layout, types=types, strays_are_gaps=True).all()
        assert error.value.line==rows_before + 2
    words = write(tmp_path/'words.csv', 'tea,milk\ncoffee,no\ntea,milk\n')
    assert len(rows_of(words, layout=Layout(header='first')).all())==2               # may be one


@pytest.mark.parametrize('option', [dict(decimal=','), dict(thousands='.')])
def test_an_option_for_commas_on_a_file_of_points_is_refused(run, tmp_path, option):
    path = write(tmp_path/'t.csv', 'a,b\n' + ''.join(f'{50 + i/8},{i%3 + .5}\n' for i in range(99)))
    typed = f'--{[*option][0]}'
    with pytest.raises(DataError) as error: rows_of(path, layout=Layout(**option)).all()
    assert f'leave {typed} out' in error.value.mend and error.value.line==2
    assert run('fit', path, '--save', tmp_path/'m', '--method', 'knn', '--quiet')[0]==0
    scores = '--model', tmp_path/'m', '--out', tmp_path/'s.csv'
    code, _, err = run('score', path, *scores, typed, *option.values())
    assert code==2 and f'leave {typed} out' in err


KINDS = {'pickle': (b'\x80\x04\x95abc', 'a pickle'), 'HDF': (b'\x89HDF\r\n', 'HDF'),
         'PNG': (b'\x89PNG\r\n', 'a picture'),
         '7z': (b"7z\xbc\xaf'\x1cabc", 'packed'), 'bzip2': (b'BZh91AY&SYabc', 'packed'),
         'Feather': (b'ARROW1\0\0abc', 'Feather'), 'UTF-16': ('v,w\n1,2\n'.encode('utf-16-le'), 'UTF-16')}


@pytest.mark.parametrize('content,what', KINDS.values(), ids=KINDS)
def test_a_file_of_another_kind_is_called_by_it(tmp_path, content, what):
    (tmp_path/'t.csv').write_bytes(content)
    with pytest.raises(DataError) as error: rows_of(tmp_path/'t.csv').all()
    assert what in error.value.what and is_one_line(error)


def test_more_lines_to_skip_than_there_are(tmp_path):
    path = write(tmp_path/'t.csv', 'a,b\n' + '1,2\n'*9)
    with pytest.raises(DataError, match='it has 10 lines') as error:
        rows_of(path, layout=Layout(skip_rows=50))
    assert error.value.option=='skip_rows'


@pytest.mark.parametrize('blank', [' ', '\u00a0', '\u202f'])
def test_a_blank_between_thousands_is_any_blank(tmp_path, blank):
    path = write(tmp_path/'t.csv', f'a;b\n1{blank}200,5;1\n-12{blank}345{blank}678;2\n817;3\n')
    read = rows_of(path, layout=Layout(thousands=' ', decimal=',')).all().x.a.tolist()
    assert read==[1200.5, -12345678, 817]


def test_thousands_of_india_are_read(tmp_path):
    path = write(tmp_path/'t.csv', 'a;b\n1,23,817;1\n12,34,567.5;2\n817;3\n')
    assert rows_of(path, layout=Layout(thousands=',')).all().x.a.tolist()==[123817, 1234567.5, 817]


@pytest.mark.parametrize('values,is_said', [(['0', '1', '2'], False), (['.5', '1.5', '7'], True),
                                            (['a', 'b', 'c'], True)])
def test_values_without_a_name_are_said(tmp_path, values, is_said):
    path = write(tmp_path/'t.csv', ',v\n' + ''.join(f'{value},{i/7}\n' for i, value in enumerate(values)))
    rows = rows_of(path)
    assert [*rows.all().x]==['v'] and any('without a name' in note for note in rows.notes())==is_said


def test_two_spellings_of_one_sign_are_one_word(tmp_path):
    path = write(tmp_path/'t.csv', 'k,v\n' + 'caf\u00e9,1\ncafe\u0301,2\ntea,3\n'*9)
    assert set(rows_of(path).all().x.k)=={'caf\u00e9', 'tea'}


@pytest.mark.parametrize('name', ['PK', 'PAR1'])
def test_a_column_may_be_called_as_other_files_begin(tmp_path, name):
    path = write(tmp_path/'t.csv', f'{name},b\n1,2\n3,4\n')
    assert [*rows_of(path).all().x]==[name, 'b']


@few
@given(numbers=st.lists(st.integers(1, 999_999), min_size=2, max_size=30))
def test_thousands_with_points_are_read_or_refused(numbers):
    numbers = [730, 1050, *numbers]
    text = 'a;b\n' + ''.join(f'{number:,};1\n' for number in numbers).replace(',', '.')
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder)/'t.csv', text)
        for kind in ({}, dict(types=dict(a='number', b='number'))):
            with pytest.raises(DataError) as error: rows_of(path, **kind).all()
            assert (error.value.line, error.value.column)==(3, 'a') and '--thousands .' in error.value.mend
        assert rows_of(path, layout=Layout(thousands='.')).all().x.a.tolist()==numbers
        fractions = [float(f'{number/1000:.3f}') if number>=1000 else number for number in numbers]
        assert rows_of(path, layout=Layout(thousands=',')).all().x.a.tolist()==fractions
        df = pd.DataFrame(dict(a=[f'{number:,}'.replace(',', '.') for number in numbers]))
        with pytest.raises(DataError) as error: read_columns(df)
        assert (error.value.row, error.value.column)==(1, 'a')


@pytest.mark.parametrize('values', [['0.125', '730'], ['1.050', '730.5'], ['1.050', '1730'], ['1.05', '730']])
def test_fractions_are_no_thousands(tmp_path, values):
    path = write(tmp_path/'t.csv', 'a,b\n' + ''.join(f'{value},1\n' for value in values))
    assert rows_of(path).all().x.a.tolist()==[*map(float, values)]


MEASURES = {'degrees': '{:.1f} °C', 'k': '{:.1f}k', 'mm': '{:.2f} mm', 'speed': '{:.0f} km/h',
            'money': 'EUR {:.2f}', 'minus': '\u2212{:.2f}', 'narrow blank': '1\u202f{:03.0f}',
            'eighths': '{:.0f}/8', 'inches': '{:.1f}"', 'apostrophe': "'{:.1f}", 'gram': '{:.0f}g'}
TIMES = ['12:{:02.0f}', '{:.0f} Jan 2024', 'Jan {:.0f}, 2024', '20{:02.0f}-05',
         '05/20{:02.0f}', '{:.0f}-Dec-24']


@pytest.mark.parametrize('end', ['csv', 'parquet', 'frame'])
@pytest.mark.parametrize('form', [*MEASURES.values(), *TIMES], ids=[*MEASURES, *TIMES])
def test_numbers_with_a_unit_and_times_are_refused(tmp_path, form, end):
    df = pd.DataFrame(dict(a=range(40), b=[form.format(10 + i%18) for i in range(40)]))
    if end=='csv': df.to_csv(tmp_path/'t.csv', index=False)
    if end=='parquet': df.to_parquet(tmp_path/'t.parquet')
    with pytest.raises(DataError) as error:
        read_columns(df) if end=='frame' else rows_of(tmp_path/f't.{end}').all()
    assert error.value.column=='b' and is_one_line(error)
    assert ('date' in error.value.what)==(form in TIMES)
    if end!='frame': assert ('--drop b' if form in TIMES else '--words b') in error.value.mend
    read_columns(df, words=['b'])


@pytest.mark.parametrize('values', [['1 low', '2 high'], ['2D', '3D'], ['5A', '6B'], ['May', 'June'],
                                    ['10-20', '20-30'], ['Box 7', 'Box 8'], ['a1', 'b2.5']])
def test_words_with_digits_are_words(values):
    assert [*read_columns(pd.DataFrame(dict(a=values*9))).text]==[0]


@pytest.mark.parametrize('word', ['low', 'not measured', 'n/d'])
@pytest.mark.parametrize('share', [.25, .33, .5])
def test_a_column_of_numbers_and_words_is_said(tmp_path, word, share):
    df = pd.DataFrame(dict(a=range(100), b=[word if i<100*share else f'{i/7:.2f}' for i in range(100)]))
    df.to_csv(tmp_path/'t.csv', index=False)
    df.to_parquet(tmp_path/'t.parquet')
    note = f"{100 - 100*share:.0f} of 100 values of 'b' are numbers; read as words"
    for name in ('t.csv', 't.parquet'):
        rows = rows_of(tmp_path/name)
        rows.all()
        assert rows.notes()==[note + '.']
        rows = rows_of(tmp_path/name, words=['b'])
        rows.all()
        assert not rows.notes()
    with pytest.warns(UserWarning, match=note): read_columns(df)


def test_names_that_may_be_a_row_are_said(tmp_path):
    path = write(tmp_path/'t.csv', ''.join(f'w{i}q,z{i}z\n' for i in range(20)))
    rows = rows_of(path)
    rows.all()
    assert '--header none' in rows.notes()[0]
    rows = rows_of(path, layout=Layout(header='none'))
    assert len(rows.all())==20 and not rows.notes()


def test_a_table_in_an_archive_is_named(tmp_path):
    with zipfile.ZipFile(tmp_path/'t.csv.zip', 'w') as archive: archive.writestr('t.csv', text_of(PLAIN))
    with pytest.raises(DataError) as error: rows_of(tmp_path/'t.csv.zip')
    assert "'t.csv'" in error.value.what and 'unpack' in error.value.mend


def test_options_of_text_files_are_for_text_files(tmp_path):
    np.savez(tmp_path/'t.npz', np.ones((3, 2)))
    with pytest.raises(DataError): rows_of(tmp_path/'t.npz', layout=Layout(sep=';'))
    for options in (dict(sep='::'), dict(sep='a'), dict(comment='"'), dict(header='yes'), dict(skip_rows=-1)):
        with pytest.raises(DataError) as error: Layout(**options)
        assert error.value.option in options


# Small files that would be large

def zeros(n): return np.zeros((n, 1000), bool)


LONG_TEXTS = pd.Series(pd.Categorical.from_codes(np.zeros(10**4, int), ['x'*10**5]), name='a')
BOMBS = {
    'npz': lambda path: np.savez_compressed(path, zeros(10**5)),
    'pictures.npz': lambda path: np.savez_compressed(path, x=zeros(10**5).view('u1').reshape(10**5, 20, 50)),
    'label.npz': lambda path: np.savez_compressed(path, x=np.ones((5, 2)), y=np.array(['x'*10**6, *'abcd'])),
    'csv.gz': lambda path: path.write_bytes(gzip.compress(b'a,b\n' + (b'1,' + b'2'*1000 + b'\n')*10**5)),
    'line.csv.gz': lambda path: path.write_bytes(gzip.compress(b'a,b\n1,' + b' '*10**8 + b'2\n')),
    'parquet': lambda path: pd.DataFrame(dict(a=np.zeros(10**7))).to_parquet(path),
    'text.parquet': lambda path: LONG_TEXTS.to_frame().to_parquet(path),
}


@pytest.mark.parametrize('end', BOMBS)
def test_small_files_that_take_much_memory_are_refused_before_they_do(tmp_path, end):
    path = tmp_path/f't.{end}'
    BOMBS[end](path)
    tracemalloc.start()
    with pytest.raises(DataError) as error:
        for _ in rows_of(path, label='y' if end=='label.npz' else None, max_gb=.01).chunks(): pass
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert error.value.file==path and is_one_line(error) and peak<5e8
    if end!='line.csv.gz': assert '--max-gb' in error.value.mend


def test_no_memory_is_no_damage(tmp_path, monkeypatch):
    def read_csv(*_, **__): raise pd.errors.ParserError('Error tokenizing data. C error: out of memory')
    monkeypatch.setattr(pd, 'read_csv', read_csv)
    with pytest.raises(MemoryError): CSV(write(tmp_path/'t.csv', 'a\n1\n')).all()


@pytest.mark.parametrize('quoted', [False, True])
def test_a_long_value_is_written_or_refused(tmp_path, quoted):
    text = 'x'*140_000
    if not quoted: assert fields_of(f'1\t{text}', '\t')==['1', text]
    else:
        with pytest.raises(DataError) as error: fields_of(f'1\t"{text}"', '\t')
        assert is_one_line(error)


def test_a_misspelt_option_is_an_error(tmp_path):
    path = write(tmp_path/'t.csv', 'a\n1\n')
    with pytest.raises(TypeError, match='lable'): rows_of(path, lable='y')


def npz(path, **arrays):
    np.savez(path, **arrays)
    return path


NAMES_OF_COLUMNS = dict(columns=np.array([*'abc']), names=np.array([b'a', b'b', b'c']),
                        what=np.array([*'abc']))


@pytest.mark.parametrize('name', NAMES_OF_COLUMNS)
def test_columns_of_an_npz_are_known_by_their_names(run, tmp_path, name):
    "In another order they were scored by their places"
    x = np.random.default_rng(0).normal(size=(200, 3))*[1, 10, 100]
    names = NAMES_OF_COLUMNS[name]
    npz(tmp_path/'train.npz', x=x, **{name:names})
    order = [2, 0, 1]
    npz(tmp_path/'other.npz', x=x[:, order], **{name:names[order]})
    npz(tmp_path/'more.npz', x=np.hstack([x, x]), **{name:np.r_[names, names+names]} if name!='names' else
        {name:np.r_[names, [b'd', b'e', b'f']]})
    assert run('fit', tmp_path/'train.npz', '--save', tmp_path/'m', '--method', 'pca')[0]==0
    assert load(tmp_path/'m').prep_.names==[*'abc']
    found = []
    for file in ('train', 'other', 'more'):
        code, out, _ = run('score', tmp_path/f'{file}.npz', '--model', tmp_path/'m', '--quiet')
        found.append(out)
    assert code==0 and found[0]==found[1]==found[2]
    code, _, err = run('score', npz(tmp_path/'bare.npz', x=x), '--model', tmp_path/'m')
    assert code==2 and "no column 'a'" in err
    assert run('fit', tmp_path/'bare.npz', '--save', tmp_path/'n', '--method', 'pca')[0]==0
    by_places = run('score', tmp_path/'train.npz', '--model', tmp_path/'n', '--quiet')
    assert by_places[1]==found[0], 'as before'


def test_names_of_an_npz_that_are_none(tmp_path):
    x = np.zeros((5, 2))
    two = dict(this=np.array(['a', 'b']), that=np.array(['m', 'kg']))
    for arrays, says in ((two, "call that of the names columns"),
                         (dict(names=np.array(['a', 'a'])), "more than one column 'a'"),
                         (dict(names=np.array(['a', ' '])), "column 2 has no name")):
        with pytest.raises(DataError, match=says): NPZ(npz(tmp_path/'t.npz', x=x, **arrays))
    named = NPZ(npz(tmp_path/'t.npz', x=x, units=np.array(['m', 'kg']), columns=np.array(['a', 'b'])))
    assert named.features==['a', 'b']
    assert NPZ(npz(tmp_path/'t.npz', rows=x, columns=np.array(['a', 'b']))).features==['a', 'b']


@pytest.mark.parametrize('end', ['csv', 'parquet', 'npz', 'folder', 'pictures of npz'])
def test_options_that_do_nothing_are_refused(run, tmp_path, end):
    table, grain = np.random.default_rng(0).normal(size=(60, 3)), np.zeros((20, 8, 8), 'u1')
    grain[:] = np.arange(20)[:, None, None]
    frame = pd.DataFrame(table, columns=[*'abc'])
    path = tmp_path/f't.{end.split()[-1]}'
    if end=='csv': frame.to_csv(path, index=False)
    elif end=='parquet': frame.to_parquet(path)
    elif end=='folder':
        path.mkdir()
        for i, x in enumerate(grain): Image.fromarray(x).save(path/f'{i}.png')
    else: np.savez(path, x=table if end=='npz' else grain)
    is_table = end in ('csv', 'parquet', 'npz')
    for_tables, for_pictures = [['--words', 'a'], ['--impute', 'median']], [['--size', '16']]
    idle = for_pictures if is_table else for_tables
    argv = ['--save', tmp_path/'m', '--method', 'pca']
    for option in idle + ([['--strict']] if end!='folder' else []):
        code, _, err = run('fit', path, *argv, *option)
        assert code==2 and f'for which {option[0]} does nothing; leave it out' in err
        assert not (tmp_path/'m').exists()
    assert run('fit', path, *argv, *(for_pictures[0] if not is_table else for_tables[1]))[0]==0
    score = ['score', path, '--model', tmp_path/'m', '--out', tmp_path/'s.csv']
    assert run(*score)[0]==0 and run(*score, '--strict')[0]==(0 if end=='folder' else 2)


def test_a_word_that_is_no_feature_is_named(tmp_path):
    path = write(tmp_path/'t.csv', text_of(PLAIN))
    with pytest.raises(DataError, match=f"'{NAMES[1]}' in --words .*; leave it out of --words") as error:
        rows_of(path, words=[NAMES[1]], drop=[NAMES[1]])
    assert error.value.file==path


def test_a_picture_is_in_a_folder(run, tmp_path):
    Image.fromarray(np.zeros((8, 8), 'u1')).save(tmp_path/'a.png')
    code, _, err = run('fit', tmp_path/'a.png', '--save', tmp_path/'m')
    assert code==2 and f'a.png: this is a picture; give its folder, {tmp_path}' in err


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
        with pytest.raises(DataError, match='UTF-') as error: rows_of(path).all()
        assert error.value.file==path and is_one_line(error)
    (tmp_path/'t.csv.gz').write_bytes(gzip.compress(b'a,b\n' + b'1,2\n'*9000)[:-20])
    with pytest.raises(DataError, match='damaged'): rows_of(tmp_path/'t.csv.gz').all()
    (tmp_path/'t.parquet').write_bytes(b'PAR1junkPAR1')
    with pytest.raises(DataError, match='damaged'): rows_of(tmp_path/'t.parquet')
    with pytest.raises(UnknownName, match='csv'): rows_of(write(tmp_path/'t.xlsx', ''))
    with pytest.raises(DataError) as error: rows_of(tmp_path/'nothing.csv')
    assert error.value.file==tmp_path/'nothing.csv'


def test_a_name_that_only_looks_the_same_is_told(run, tmp_path):
    "An é of one sign and of two, as a Mac writes it; a blank behind a name"
    for name, there in (('caf\u00e9', 'cafe\u0301'), ('heat', 'heat ')):
        for file, title in (('train.csv', name), ('test.csv', there)):
            write(tmp_path/file, f'{title},b\n' + ''.join(f'{i%7}.5,{i%5}\n' for i in range(120)))
        assert run('fit', tmp_path/'train.csv', '--save', tmp_path/'m', '--method', 'pca', '--quiet')[0]==0
        scored = run('score', tmp_path/'test.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv')
        dropped = run('fit', tmp_path/'test.csv', '--save', tmp_path/'n', '--drop', name)
        for code, _, err in (scored, dropped):
            assert code==2 and ascii(there) in err and ascii(name) in err and 'looks like' in err


def test_blanks_at_a_new_word_are_seen(run, tmp_path):
    for file, end in (('train.csv', ''), ('test.csv', ' ')):
        write(tmp_path/file, 'a,k\n' + ''.join(f'{i%7}.5,{"xyz"[i%3]}{end}\n' for i in range(120)))
    assert run('fit', tmp_path/'train.csv', '--save', tmp_path/'m', '--method', 'knn', '--quiet')[0]==0
    code, _, err = run('score', tmp_path/'test.csv', '--model', tmp_path/'m', '--out', tmp_path/'s.csv')
    assert code==0 and "never seen in training ('x ', 'y ', 'z ')" in err


def test_a_flipped_byte_of_a_gzipped_table_is_damage_and_no_mistake_in_a_line(tmp_path):
    "Only the end of such a file says so; what its lines seem to hold is not believed before"
    rng = np.random.default_rng(0)
    text = 'load,heat,mode\n' + ''.join(f'{a:.3f},{b:.2f},eco\n' for a, b in rng.normal(size=(300, 2)))
    whole = gzip.compress(text.encode(), mtime=0)
    path = tmp_path/'t.csv.gz'
    for place in [10, 11, *rng.integers(12, len(whole), 80)]:
        path.write_bytes(whole[:place] + bytes([whole[place]^1<<place%8]) + whole[place+1:])
        with pytest.raises(DataError) as error: rows_of(path).all()
        assert 'damaged' in error.value.what and error.value.line is None, place


@pytest.mark.parametrize('end', ['csv.gz', 'npz'])
def test_damage_is_told_from_a_value_that_cannot_be_used(run, tmp_path, end):
    "The value is refused by the model, long after it was read"
    def write_rows(name, value, is_damaged):
        path = tmp_path/f'{name}.{end}'
        x = np.random.default_rng(0).normal(size=(300, 2))
        x[5, 0] = 7
        if end=='npz':
            np.savez(path, x=x)
            old, new = np.float64(7).tobytes(), np.float64(value).tobytes()
            if not is_damaged: np.savez(path, x=np.where(x==7, value, x))
            else: path.write_bytes(path.read_bytes().replace(old, new))
        else:
            text = 'a,b\n' + ''.join(f'{a},{b}\n' for a, b in x)
            good = gzip.compress(text.encode(), 0)                                   # stored as it is
            bad = gzip.compress(text.replace('7.0', value).encode(), 0)
            path.write_bytes(good.replace(b'7.0', value.encode()) if is_damaged else bad)
        return path
    value = np.inf if end=='npz' else 'inf'
    good = write_rows('good', 7 if end=='npz' else '7.0', False)
    assert run('fit', good, '--save', tmp_path/'m', '--method', 'knn', '--quiet')[0]==0
    for is_damaged, word in ((False, '6' if end=='npz' else 'line 7'), (True, 'damaged')):
        path = write_rows('other', value, is_damaged)
        for command in (['fit', path, '--save', tmp_path/'new', '--method', 'knn'],
                        ['score', path, '--model', tmp_path/'m', '--out', tmp_path/'s.csv']):
            code, _, err = run(*command)
            assert code==2 and word in err and ('damaged' in err)==is_damaged and err.count('\n')==1
        assert not (tmp_path/'s.csv').exists()


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
    for shape in (5,), (5, 0, 8), (5, 8, 0):
        np.savez(path, x=np.zeros(shape))
        with pytest.raises(DataError, match='has shape'): NPZ(path)


def test_arrays_of_another_width_are_refused(tmp_path):
    "Their columns are known by their places only"
    path = tmp_path/'a.npz'
    np.savez(path, x=np.zeros((5, 3)))
    types = dict(x0='number', x1='number')
    with pytest.raises(DataError, match="'x' has 3 columns, the model 2") as error: NPZ(path, types=types)
    assert error.value.file==path and is_one_line(error)
    assert NPZ(path, types=types, drop=['x2']).all().x.shape==(5, 2)
    with pytest.raises(DataError, match="no column 'x3'"): NPZ(path,
                                                               types={f'x{i}':'number' for i in range(4)})


def test_a_page_of_parquet_with_another_check_sum(tmp_path):
    "Files without check sums are read as ever: nobody can tell"
    path = tmp_path/'t.parquet'
    values = np.arange(50.)
    for has_sums in True, False:
        pd.DataFrame(dict(a=values)).to_parquet(path, write_page_checksum=has_sums, compression='none',
                                                use_dictionary=False)
        assert Parquet(path).all().x.a.tolist()==[*values]
        path.write_bytes(path.read_bytes().replace(np.float64(17).tobytes(), np.float64(71).tobytes(), 1))
        if not has_sums: assert Parquet(path).all().x.a[17]==71
        else:
            with pytest.raises(DataError, match='damaged .*CRC') as error: Parquet(path)
            assert is_one_line(error)


@pytest.mark.parametrize('about', ['no JSON', '7', '[1]', '{"index_columns": 7}', '{"index_columns": null}'])
def test_what_pandas_says_of_its_index_may_be_damaged(tmp_path, about):
    path = tmp_path/'t.parquet'
    table = pa.table(dict(a=[1., 2, 3]))
    pq.write_table(table.replace_schema_metadata(dict(pandas=about)), path)
    with pytest.raises(DataError, match='index is damaged; save it again') as error: Parquet(path)
    assert error.value.file==path
    pq.write_table(table.replace_schema_metadata(dict(pandas='{}')), path)             # of other programs
    assert Parquet(path).features==['a']


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


# Files that may not be whole

WHOLE = 'a,b\n1,2.5\n3,4.25\n'


@pytest.mark.parametrize('name', ['t.csv', 't.tsv', 't.csv.gz'])
@pytest.mark.parametrize('end', ['\n', '\r\n', '\n\n', '\n  '])
def test_a_last_line_with_its_end_is_whole(tmp_path, name, end):
    rows = rows_of(written(tmp_path/name, WHOLE[:-1] + end))
    assert len(rows.all())==2 and rows.notes()==[]


@pytest.mark.parametrize('name', ['t.csv', 't.tsv', 't.csv.gz'])
@pytest.mark.parametrize('cut', [1, 2])
@pytest.mark.parametrize('n', [1, None])
def test_a_last_line_without_its_end_is_said(tmp_path, name, cut, n):
    "Nobody can see whether 4.2 was 4.25, so the line and the value are named"
    rows = rows_of(written(tmp_path/name, WHOLE[:-cut]))
    assert len(joined([*rows.chunks(n)], 'f'))==2
    assert rows.notes()==[f"The last line has no end (line 3, {'4.25'[:5-cut]!r}): is the file whole?"]


def test_a_last_line_with_fewer_values_is_refused(tmp_path):
    for text in ('a,b,c\n1,2,3\n4,5', 'a,b,c\n1,2,3\n4'):
        with pytest.raises(DataError, match='line 3') as error: rows_of(write(tmp_path/'t.csv', text)).all()
        assert is_one_line(error)


def written(path, text):
    text = text.replace(',', '\t') if '.tsv' in path.name else text
    data = text.encode()
    path.write_bytes(gzip.compress(data) if path.suffix=='.gz' else data)
    return path


def test_fit_and_score_say_that_a_file_may_be_cut(run, tmp_path):
    rng = np.random.default_rng(0)
    rows = '\n'.join(f'{a:.4f},{b:.4f}' for a, b in rng.normal(size=(300, 2)))
    write(tmp_path/'cut.csv', f'a,b\n{rows}')
    write(tmp_path/'whole.csv', f'a,b\n{rows}\n')
    for name, is_cut in (('cut.csv', True), ('whole.csv', False)):
        fit = ['fit', tmp_path/name, '--save', tmp_path/'m', '--method', 'pca']
        score = ['score', tmp_path/name, '--model', tmp_path/'m', '--out', tmp_path/'s.csv']
        for command in (fit, score):
            code, _, err = run(*command)
            assert code==0 and err.count('is the file whole?')==is_cut, err


def test_a_first_column_of_parquet_without_a_name_is_said_by_fit(run, tmp_path):
    rng = np.random.default_rng(0)
    frame = pd.DataFrame(rng.normal(size=(300, 3)), columns=['', 'a', 'b'])
    frame.to_parquet(tmp_path/'t.parquet')
    rows = rows_of(tmp_path/'t.parquet')
    assert [*rows.all().x]==['a', 'b'] and len(rows.notes())==1 and 'without a name' in rows.notes()[0]
    code, _, err = run('fit', tmp_path/'t.parquet', '--save', tmp_path/'m', '--method', 'pca')
    assert code==0 and err.count('A column without a name is left out')==1
    frame[['a', 'b']].to_parquet(tmp_path/'t.parquet')
    assert rows_of(tmp_path/'t.parquet').notes()==[]
