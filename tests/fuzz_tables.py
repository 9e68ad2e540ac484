"""Damaged and odd tables: CSV, TSV, gzipped CSV, Parquet, NPZ

A forged file is the good one with some bytes changed, or one that was written differently: other texts,
columns, types, lengths. `fit` and `score` refuse it in one line, or give what they give for the rows that
another reader finds in it: Python's `csv` and zlib, PyArrow at one go, NumPy on what `damage.unzipped`
unpacks. These rows go to the estimator as they are: texts of a CSV file as texts, one by one.
"""
import csv
import decimal
import gzip
import io
import json
import re
import tokenize
import zipfile

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from damage import Mistake, damaged, forged_archive, gunzipped, pick, unzipped
from said import run_command

from ganad.core import GanadError
from ganad.estimator import PCADetector, load
from ganad.estimator._columns import read_column

WORDS = 'tea', 'milk, hot', 'say "hi"', 'Łódź', 'x y'
ODD_TEXTS = ['', ' ', 'NA', 'nan', 'NaN', 'None', 'null', 'inf', '-inf', '1e400', '-1e-400', '1e5',
             '1E+2', '0', '-0.0',
             '1,5', '1.234.567', '1,234', '1.050', '0x10', '1_000', '١٢', '½', ' 1 ', '\t1', '+1',
             '--1', '1e', '.',
             '1.', '.5', 'True', 'FALSE', '12:30', '2020-01-01', '1/2/2020', '007', '5 mm', '$5', '5%',
             '(3)', 'x'*200_000,
             '9'*400, '9007199254740993', '123456789012345678901234567890', '\x1b[31m', '=1+1', "'",
             '"', '""', '"""',
             '\\', '\\"', '\ufeff', '\u2028', '\x0b', '\x0c', '\x1c', '\x85', '\0', '1\0', '1\x002',
             'tea\0', '\u202e',
             'a\rb', 'a\nb', '#', 'e\u0301', '\ud7ff', '😀', 'tea ', ' tea', 'TEA']
GAPS = {'NA', 'nan', 'NaN', 'None', 'null'}
ODD_NAMES = ['', ' ', 'a', 'A', 'b', ' a', 'a ', 'bad', 'id', 'score', 'flag', '0', '1.5', 'x'*1000,
             '\x1b[1m', 'a,b',
             '"', '\0', 'a\0', '\ufeffa', 'd\n', '__index_level_0__', 'Unnamed: 0']


def good_rows(n, seed):
    "Rows as they might be anywhere: a number of the row, three columns of numbers, one of words, a label"
    rng = np.random.default_rng(seed)
    return pd.DataFrame(dict(id=np.arange(1, n+1), a=rng.normal(size=n).round(4), b=rng.integers(0, 40, n),
                             c=rng.choice(WORDS, n), d=(rng.normal(size=n)*90).round(2),
                             bad=(rng.random(n)<.1).astype(int)))


FEATURES = [*'abcd']
PCA = '--method', 'pca', '--contamination', '.1', '--set', 'k=2'


def new_estimator(): return PCADetector(k=2, contamination=.1, random_state=0)


class Unreadable(Exception):
    "The other reader does not read it: then nobody should"


def like(found, expected):
    "Are these the same scores, but for rounding?"
    if len(found)!=len(expected): return False
    return np.allclose(found, expected, rtol=1e-6, atol=1e-9*max(1, *np.abs(expected)))


class Table:
    "One kind of file: `write` makes a good one, `forge` another, `read` is the other reader"
    name = ''
    label, drop = 'bad', ['id']
    features = FEATURES

    def __init__(self, folder):
        self.folder = folder
        self.path = folder/f'forged.{self.name}'
        self.out = folder/f'scores.{"tsv" if self.name=="tsv" else "csv"}'
        self.good = self.write(good_rows(60, 1))
        train = folder/f'train.{self.name}'
        train.write_bytes(self.write(good_rows(150, 0)))
        said = run_command('fit', train, '--save', folder/'model', *self.options(), '--method', 'knn',
                           '--contamination', '.1')
        if said.is_refused: raise AssertionError(said)
        self.model = folder/f'{self.name}.safetensors'
        (folder/'model').rename(self.model)
        self.est = load(self.model)
        self.scores = self.scores_of(self.read(self.good))
        self.path.write_bytes(self.good)
        if (self.judge_scores(self.good), self.judge_fit(self.good))!=('equal', 'right'):
            raise AssertionError(self.name)

    def options(self): return ['--label', self.label, *(['--drop', ','.join(self.drop)] if self.drop else [])]

    def forge(self, rng): return damaged(rng, self.good)

    def check(self, rng):
        "Verdict on one forged file, and what was forged"
        forged, how = self.forge(rng)
        self.path.write_bytes(forged)
        judge = pick(rng, [self.judge_scores, self.judge_fit])
        try: return judge(forged), how, ''
        except Mistake as mistake: return mistake.verdict, how, mistake.detail

    def judge_scores(self, forged):
        "'refused', or 'equal' to those of the good file, or 'right' for what the forged file holds"
        self.out.unlink(missing_ok=True)
        said = run_command('score', self.path, '--model', self.model, '--out', self.out)
        if said.is_refused: return 'refused'
        try: expected = self.scores_of(self.read(forged))
        except (Unreadable, ValueError, GanadError) as error:
            raise Mistake('other', f'score reads it: {error}') from error
        found = self.scores_in_output()
        if not like(found, expected): raise Mistake('other', f'scores {found[:9]}, not {expected[:9]}')
        return 'equal' if like(found, self.scores) else 'right'

    def judge_fit(self, forged):
        "'refused', or 'right': the model is the one that these rows make"
        save = self.folder/'fitted'
        said = run_command('fit', self.path, '--save', save, *self.options(), *PCA)
        if said.is_refused: return 'refused'
        try:
            x, is_normal = self.rows_to_learn_from(self.read(forged))
            x = x[is_normal]
            expected = new_estimator().fit(x).anomaly_score(x)
            found = load(save).anomaly_score(x)
        except (Unreadable, ValueError, GanadError) as error:
            raise Mistake('other', f'fit reads it: {error}') from error
        save.unlink()
        if not like(found, expected): raise Mistake('other', f'fit: {found[:9]}, not {expected[:9]}')
        return 'right'

    def scores_of(self, rows):
        "What the estimator says of rows of the other reader"
        missing = [name for name in self.features if name not in rows]
        if missing: raise Unreadable(f'no column {missing}')
        return self.est.anomaly_score(rows[self.features])

    def rows_to_learn_from(self, rows):
        "Features as numbers or words, and which rows are normal"
        if not {self.label, *self.drop}<={*rows}: raise Unreadable('no label')
        names = [name for name in rows if name not in ('', self.label, *self.drop)]
        x = pd.DataFrame({name:column_of(rows[name].to_numpy(object)) for name in names})
        return x, rows[self.label].map(is_normal_label).to_numpy(bool)

    def scores_in_output(self):
        with open(self.out, encoding='utf-8', newline='') as file: text = file.read()
        sep = re.search('score(.)p_value', text)[1]                     # as in the file that was read
        return np.array([float(row[-3]) for row in rows_of_text(text, sep)[1:]])


def column_of(values):
    "Numbers, with the gaps that pandas knows, or else words"
    is_gap = [isinstance(value, str) and value in GAPS for value in values]
    found = read_column(np.where(is_gap, None, values))
    return found if found.dtype.kind=='f' else read_column(values)


def is_normal_label(value):
    try: return float(value)==0
    except (TypeError, ValueError): return str(value).strip().lower()=='false'


def rows_of_text(text, sep):
    "Rows of a text as Python's csv has them, without blank lines"
    usual = csv.field_size_limit(10**9)
    try: rows = [*csv.reader(io.StringIO(text, newline=''), delimiter=sep)]
    except csv.Error as error: raise Unreadable(str(error)) from error
    finally: csv.field_size_limit(usual)
    return [row for row in rows if len(row)>1 or row and row[0].strip(' ')]


class Text(Table):
    "Comma-separated values"
    name = 'csv'
    sep = ','

    def write(self, rows): return rows.to_csv(index=False, sep=self.sep).encode()

    def packed(self, data): return data

    def unpacked(self, data): return data

    def forge(self, rng):
        if rng.random()<.4: return damaged(rng, self.good)
        how = pick(rng, EDITS)
        text = how(rng, self.unpacked(self.good).decode(), self.sep)
        return self.packed(text if isinstance(text, bytes) else text.encode('utf-8')), how.__name__

    def read(self, data):
        try: text = self.unpacked(data).decode('utf-8-sig')
        except ValueError as error: raise Unreadable(str(error)) from error
        lines = re.split('\r\n|\r|\n', text)
        first = next((line for line in lines if line.strip()), '')
        text = text[text.index(first):]
        excel = re.fullmatch('sep=(.) *', first)
        if excel: text = text[text.index(first)+len(first):]
        sep = excel[1] if excel else max(',;\t|', key=first.count)
        rows = rows_of_text(text, sep)
        if not rows: raise Unreadable('no header')
        names = rows.pop(0)
        if any(len(row)!=len(names) for row in rows): raise Unreadable('rows of other lengths')
        named = [i for i, name in enumerate(names) if name.strip()]
        if len({names[i] for i in named})<len(named): raise Unreadable('a column twice')
        return pd.DataFrame({names[i]:pd.Series([row[i] or None for row in rows],
                                                dtype=object) for i in named})


class Tabs(Text):
    "Values between tabs"
    name = 'tsv'
    sep = '\t'


class Gzipped(Text):
    "Comma-separated values, packed"
    name = 'csv.gz'

    def write(self, rows): return gzip.compress(super().write(rows), 1, mtime=0)

    def packed(self, data): return gzip.compress(data, 1, mtime=0)

    def unpacked(self, data): return gunzipped(data)

    def forge(self, rng):
        if rng.random()<.7: return super().forge(rng)
        how = pick(rng, ['two parts', 'zeros behind', 'garbage behind', 'a name', 'wrong length',
                         'wrong sum'])
        text = self.unpacked(self.good)
        half = len(text)//2
        if how=='two parts': return gzip.compress(text[:half]) + gzip.compress(text[half:]), how
        if how=='zeros behind': return self.good + bytes(int(rng.integers(1, 2000))), how
        if how=='garbage behind': return self.good + rng.bytes(int(rng.integers(1, 200))), how
        data = bytearray(self.good)
        if how=='a name': data = data[:3] + bytes([8]) + data[4:10] + b'other.csv\0' + data[10:]
        if how=='wrong length': data[-1] ^= 4
        if how=='wrong sum': data[-5] ^= 4
        return bytes(data), how


# What is done to texts ----------------------------------------------------------------------------------

def cells_of(text, sep): return [*csv.reader(io.StringIO(text, newline=''), delimiter=sep)]


def text_of(cells, sep):
    out = io.StringIO(newline='')
    csv.writer(out, delimiter=sep, lineterminator='\n').writerows(cells)
    return out.getvalue()


def change_cells(rng, text, sep):
    "Some values are others, in quotes where they have to be"
    cells = cells_of(text, sep)
    for _ in range(int(rng.integers(1, 4))):
        row = pick(rng, cells[1:])
        row[int(rng.integers(len(row)))] = pick(rng, ODD_TEXTS)
    return text_of(cells, sep)


def change_raw_cells(rng, text, sep):
    "One value is another, whatever that does to the line"
    lines = text.split('\n')
    i = int(rng.integers(1, len(lines)-1))
    values = lines[i].split(sep)
    values[int(rng.integers(len(values)))] = pick(rng, ODD_TEXTS)
    lines[i] = sep.join(values)
    return '\n'.join(lines)


def change_a_column(rng, text, sep):
    "All values of a column are odd, or nearly all"
    cells = cells_of(text, sep)
    place = int(rng.integers(len(cells[0])))
    some = [pick(rng, ODD_TEXTS) for _ in range(int(rng.integers(1, 4)))]
    share = pick(rng, [1, .9, .5])
    for row in cells[1:]:
        if rng.random()<share: row[place] = pick(rng, some)
    return text_of(cells, sep)


def change_names(rng, text, sep):
    cells = cells_of(text, sep)
    cells[0][int(rng.integers(len(cells[0])))] = pick(rng, ODD_NAMES)
    return text_of(cells, sep)


def swap_names(rng, text, sep):
    "The names change places, and the values do not"
    cells = cells_of(text, sep)
    cells[0] = [cells[0][i] for i in rng.permutation(len(cells[0]))]
    return text_of(cells, sep)


def swap_columns(rng, text, sep):
    "Columns change places, with their names"
    order = rng.permutation(6)
    return text_of([[row[i] for i in order] for row in cells_of(text, sep)], sep)


def drop_a_column(rng, text, sep):
    place = int(rng.integers(6))
    return text_of([[*row[:place], *row[place+1:]] for row in cells_of(text, sep)], sep)


def add_a_column(rng, text, sep):
    place, name, value = int(rng.integers(7)), pick(rng, ODD_NAMES), pick(rng, ODD_TEXTS)
    head, *rows = cells_of(text, sep)
    return text_of([[*row[:place], value if i else name, *row[place:]] for i, row in enumerate([head,
                                                                                                *rows])], sep)


def drop_values(rng, text, sep):
    "A row that is too short, or too long"
    cells = cells_of(text, sep)
    row = pick(rng, cells)
    if rng.random()<.5: row.insert(int(rng.integers(len(row))), pick(rng, ODD_TEXTS))
    else: del row[int(rng.integers(len(row))):]
    return text_of(cells, sep)


def move_lines(rng, text, sep):
    "Lines are missing, doubled or elsewhere, the first one, too"
    lines = text.splitlines(keepends=True)
    one, other = (int(i) for i in rng.integers(len(lines), size=2))
    how = rng.integers(4)
    if how==0: del lines[min(one, other):max(one, other)]
    elif how==1: lines.insert(one, lines[other])
    elif how==2: lines[one], lines[other] = lines[other], lines[one]
    else: lines.insert(one, lines[0])
    return ''.join(lines)


def other_line_ends(rng, text, sep):
    ends = pick(rng, [['\r'], ['\r\n'], ['\n', '\r\n'], ['\n', '\r'], ['\n', '\n\n'], ['\n', ' \n'],
                      ['\n', '\r\r\n'],
                      ['\n', '\u2028'], ['\n', '\x0b'], ['\n', '\n\r'], ['\n\r'], ['\0\n'], ['\n', '\n\x1a']])
    return ''.join(line + pick(rng, ends) for line in text.splitlines())


def without_last_end(rng, text, sep): return text.rstrip('\n')


def put_in_quotes(rng, text, sep):
    "A quote where none was"
    place = int(rng.integers(len(text)))
    return text[:place] + pick(rng, ['"', '""', '"\n', '\n"', f'"{sep}', f'{sep}"', "'",
                                     '\\"']) + text[place:]


def take_out_quotes(rng, text, sep):
    places = [i for i, letter in enumerate(text) if letter=='"']
    if not places: return text.replace('tea', '"tea"')
    place = pick(rng, places)
    return text[:place] + text[place+1:]


def quote_all(rng, text, sep):
    out = io.StringIO(newline='')
    csv.writer(out, delimiter=sep, quoting=csv.QUOTE_ALL, lineterminator='\n').writerows(cells_of(text, sep))
    return out.getvalue()


def other_encoding(rng, text, sep):
    return text.encode(pick(rng, ['iso8859-2', 'cp1250', 'utf-16', 'utf-16-le', 'utf-16-be', 'utf-32',
                                  'utf-8-sig',
                                  'utf-7']), 'replace')


def other_separator(rng, text, sep):
    new = pick(rng, [*',;\t|: '])
    if rng.random()<.7: return text_of(cells_of(text, sep), new)
    lines = text.split('\n')
    i = int(rng.integers(len(lines)))
    lines[i] = lines[i].replace(sep, new)
    return '\n'.join(lines)


def add_lines(rng, text, sep):
    "A title, a comment, a separator as Excel has it, blanks"
    line = pick(rng, ['# made today', f'sep={sep}', 'sep=;', '', ' ', sep*5, '""', 'Measurements', '\t',
                      '\x0c', '\0',
                      '"', f'Sum{sep*5}', '--', '<html>', '{"a":1}'])
    lines = text.split('\n')
    lines.insert(pick(rng, [0, 0, 1, 30, len(lines)]), line)
    return '\n'.join(lines)


def decimal_commas(rng, text, sep):
    cells = cells_of(text, sep)
    rows = [[value.replace('.', ',') for value in row] for row in cells[1:]]
    return text_of([cells[0], *rows], pick(rng, [sep, ';']))


def add_blanks(rng, text, sep): return text.replace(sep, pick(rng, [f' {sep} ', f'{sep} ', f' {sep}',
                                                                    f'{sep}\t']))


def far_too_long(rng, text, sep):
    how = rng.integers(4)
    if how==0: return text + sep*1_000_000
    if how==1: return text + '7'*1_000_000
    if how==2: return text + '"' + '\n'*300_000
    return text + '\n'*300_000


EDITS = [change_cells, change_cells, change_cells, change_raw_cells, change_raw_cells, change_a_column,
         change_a_column,
         change_names, swap_names, swap_columns, swap_columns, swap_columns, drop_a_column,
         add_a_column, drop_values, move_lines, other_line_ends,
         other_line_ends, without_last_end, put_in_quotes, put_in_quotes, take_out_quotes, quote_all,
         other_encoding,
         other_separator, add_lines, decimal_commas, add_blanks]
EDITS = [*EDITS*3, far_too_long]


# Parquet ------------------------------------------------------------------------------------------------

TYPES = [pa.int8(), pa.int32(), pa.uint64(), pa.float16(), pa.float32(), pa.float64(), pa.decimal128(12,
                                                                                                     4),
         pa.string(),
         pa.large_string(), pa.string_view(), pa.binary(), pa.bool_(), pa.date32(), pa.timestamp('ms'),
         pa.time64('us'),
         pa.duration('s'), pa.null(), pa.dictionary(pa.int8(), pa.string()), pa.list_(pa.float64())]
ODD_VALUES = [None, float('nan'), float('inf'), -float('inf'), 1e300, 1e-320, 0, -1, 2**53+1, 2**63-1,
              True, 'tea', '',
              'NA', '1.5', '1,5', '007', 'tea\0', '\x1b[1m', b'\xff', decimal.Decimal('1.5'), [1.],
              dict(a=1), 1.5, 'x'*99999]


class Parquet(Table):
    "Parquet files"
    name = 'parquet'

    def write(self, rows): return written(pa.Table.from_pandas(rows, preserve_index=False),
                                          write_page_checksum=True)

    def forge(self, rng):
        if rng.random()<.5:
            options = dict(write_page_checksum=rng.random()<.7, compression=pick(rng, ['snappy', 'none',
                                                                                       'gzip', 'zstd']),
                           use_dictionary=rng.random()<.5, row_group_size=pick(rng, [7, 60]))
            forged, how = damaged(rng, written(pa.Table.from_pandas(good_rows(60, 1)), **options))
            return forged, f'{how}, {options}'
        table = pa.Table.from_pandas(good_rows(60, 1), preserve_index=False)
        how = pick(rng, [self.other_type, self.odd_values, self.other_names, self.other_order,
                         self.other_index])
        try: changed = how(rng, table)
        except (pa.ArrowException, TypeError,
                OverflowError): changed = table        # nothing that Arrow can hold
        options = dict(row_group_size=pick(rng, [1, 7, 60]), data_page_size=pick(rng, [64, 10**6]),
                       version=pick(rng, ['1.0', '2.6']), data_page_version=pick(rng, ['1.0', '2.0']),
                       use_dictionary=rng.random()<.5, compression=pick(rng, ['snappy', 'none',
                                                                              'brotli', 'lz4']))
        try: return written(changed, **options), how.__name__
        except (pa.ArrowException, TypeError): return written(table), 'nothing'

    def other_type(self, rng, table):
        place = int(rng.integers(table.num_columns))
        kind = pick(rng, TYPES)
        column = table.column(place)
        changed = pa.nulls(len(column)) if pa.types.is_null(kind) else column.cast(kind, safe=False)
        return table.set_column(place, table.column_names[place], changed)

    def odd_values(self, rng, table):
        place = int(rng.integers(table.num_columns))
        values = table.column(place).to_pylist()
        value = pick(rng, ODD_VALUES)
        share = pick(rng, [.02, .5, 1])
        values = [value if rng.random()<share else old for old in values]
        return table.set_column(place, table.column_names[place], pa.array(values))

    def other_names(self, rng, table):
        names = table.column_names
        names[int(rng.integers(len(names)))] = pick(rng, [*ODD_NAMES, 'c', 'd'])
        return table.rename_columns(names)

    def other_order(self, rng, table):
        if rng.random()<.3: return table.select([int(i) for i in rng.permutation(6)[:5]])
        return table.select([int(i) for i in rng.permutation(6)])

    def other_index(self, rng, table):
        "What pandas says of the index is something else"
        text = pick(rng, ['{"index_columns": ["a"]}', '{"index_columns": ["nobody"]}',
                          '{"index_columns": [{"kind": "range"}]}',
                          '{"index_columns": 7}', '[]', '7', 'null', 'no JSON', '{}',
                          '{"index_columns": ["a", "a"]}',
                          '{"index_columns": ["bad"]}', '{"index_columns": ["id"]}',
                          '{"index_columns": null}'])
        return table.replace_schema_metadata({'pandas': text})

    def read(self, data):
        try:
            with pq.ParquetFile(io.BytesIO(data), page_checksum_verification=True) as file:
                table, schema = file.read(), file.schema_arrow
            table.validate(full=True)
        except (pa.ArrowException, OSError, ValueError) as error: raise Unreadable(str(error)) from error
        names = table.column_names
        if len({*names})<len(names): raise Unreadable('a column twice')
        self.index = index_of(schema)
        return pd.DataFrame({name:pd.Series(values_of(table.column(name)), dtype=object) for name in names})

    def rows_to_learn_from(self, rows):
        x, is_normal = super().rows_to_learn_from(rows)
        return x.drop(columns=self.index, errors='ignore'), is_normal


def index_of(schema): # Of Arrow
    "Columns that pandas takes for its index"
    try:
        about = json.loads((schema.metadata or {}).get(b'pandas', b'{}')) or {}
        columns = about.get('index_columns', [])
    except (AttributeError, ValueError) as error: raise Unreadable(f'what pandas says: {error}') from error
    if not isinstance(columns, list): raise Unreadable('index_columns is no list')
    return [name for name in columns if isinstance(name, str)]


def values_of(column):
    "As Python has them: numbers, texts, None"
    if pa.types.is_decimal(column.type): return [None if x is None else float(x) for x in column.to_pylist()]
    return column.to_pylist()


def written(table, **options):
    out = io.BytesIO()
    pq.write_table(table, out, **options)
    return out.getvalue()


# NPZ ----------------------------------------------------------------------------------------------------

def head(shape='(60, 4)', kind="'<f8'", by_columns='False'):
    "What stands before an array"
    return f"{{'descr': {kind}, 'fortran_order': {by_columns}, 'shape': {shape}, }}".encode()


SHAPES = ['(10**9, 4)', '(999999999999, 4)', '(-60, -4)', '(0, 4)', '(240,)', '(40, 6)', '[60, 4]',
          '(60, 4.)',
          '(60, 4, 1)', '(True, 240)', '()', '7', '(60, 4', '(4, 60)', '(2, 2, 60)']
ITEMS = {'>f8':4, '<i8':4, '<f4':8, '|V8':4, '|O':4, '<M8[s]':4, '<c16':2, '<U4':2, '|b1':32, '<f2':16,
         '|S8':4, '?':32}
HEADS = [*map(head, SHAPES), *(head(f'(60, {n})', f"'{kind}'") for kind, n in ITEMS.items()),
         head(by_columns='True'), head(by_columns='7'), head(kind='7'), head(kind="[('a', '<f8')]"),
         b"{'descr': '<f8', 'shape': (60, 4)}", b'()', b'', b'['*5000, b'\xff\xfe']


class Arrays(Table):
    "Arrays of numbers, rows and labels"
    name = 'npz'
    label, drop = 'y', []

    def rows(self, table): return table[['a', 'b', 'd']].to_numpy(float).repeat(2, 1)[:, :4]

    def write(self, table): return packed(dict(x=self.rows(table), y=table.bad.to_numpy()))

    def forge(self, rng):
        if rng.random()<.5: return forged_archive(rng, self.good if rng.random()<.5 else self.stored())
        rows = good_rows(60, 1)
        x, y = self.rows(rows), rows.bad.to_numpy()
        how = pick(rng, [self.other_type, self.odd_values, self.other_shape, self.other_names,
                         self.other_head, self.other_labels])
        return how(rng, x, y), how.__name__

    def stored(self):
        out = io.BytesIO()
        rows = good_rows(60, 1)
        np.savez(out, x=self.rows(rows), y=rows.bad.to_numpy())
        return out.getvalue()

    def other_type(self, rng, x, y):
        kind = pick(rng, ['f2', 'f4', '>f8', '>f4', 'i1', 'u1', 'i8', 'u8', '?', 'c16', 'O', 'U9', 'S9',
                          'M8[s]', 'm8[s]', 'g'])
        with np.errstate(all='ignore'): return packed(dict(x=x.astype(kind), y=y))

    def odd_values(self, rng, x, y):
        x = x.astype(float)
        x[rng.random(x.shape)<pick(rng, [.01, .5, 1])] = pick(rng, [np.nan, np.inf, -np.inf, 1e300,
                                                                    1e-320, 0, -0., 2**60, 1e99])
        return packed(dict(x=x, y=y))

    def other_shape(self, rng, x, y):
        shapes = [x[:0], x[:1], x[:, :0], x[:, :3], x[:, [3, 2, 1, 0]], x.T, x[0], x[:, :, None], x[None],
                  x[..., None, None, None], np.asfortranarray(x), x[::-2], np.hstack([x, x]), np.float64(3),
                  np.zeros((60, 0)), np.zeros((0, 0))]
        return packed(dict(x=pick(rng, shapes), y=y))

    def other_names(self, rng, x, y):
        choices = [dict(X=x, y=y), dict(x=x), dict(rows=x, y=y), dict(x=x, X=x+1, y=y),
                   dict(train_images=x, train_labels=y),
                   dict(x=x, y=y, z=y), dict(y=y), {}, {'x\0':x, 'y':y}, {'../x':x, 'y':y}, {'':x,
                                                                                             'y':y},
                   {'x.npy':x, 'y':y},
                   dict(train_images=x, train_labels=y, test_images=x+1, test_labels=y, y=y), {'x\n':x,
                                                                                               'y':y}]
        return packed(pick(rng, choices))

    def other_labels(self, rng, x, y):
        choices = [y[:, None], y[:30], y.astype(str), y.astype(float), y.astype(bool), y*2, y*np.nan,
                   y.astype(object),
                   y[None], y==2, y+1, np.where(y, 'bad', 'ok'), y.astype('S3'), np.float64(0),
                   y.astype('f2'), y.astype('u8')]
        return packed(dict(x=x, y=pick(rng, choices)))

    def other_head(self, rng, x, y):
        "An array whose head says something else, or is longer or shorter than it says"
        said = pick(rng, HEADS)
        version, length = pick(rng, [1, 1, 1, 2, 3, 9]), len(said)
        if rng.random()<.2: length = int(rng.integers(0, 70_000))
        packed_length = length.to_bytes(2 if version==1 else 4, 'little')
        data = b'\x93NUMPY' + bytes([version, 0]) + packed_length + said + x.tobytes()
        out = io.BytesIO()
        with zipfile.ZipFile(out, 'w') as archive:
            archive.writestr('x.npy', data)
            with archive.open('y.npy', 'w') as file: np.lib.format.write_array(file, y)
        return out.getvalue()

    def read(self, data):
        try: arrays = {name.removesuffix('.npy'):array_of(content) for name,
                       content in unzipped(data).items()}
        except (OSError, ValueError, SyntaxError, EOFError, tokenize.TokenError) as error:
            raise Unreadable(str(error)) from error
        if {'train_images',
            'test_images'}<={*arrays}: return arrays['test_images'], None        # no label `y`
        others = [name for name in arrays if name!='y']
        name = next((name for name in ('x', 'X', *others) if name in others), None)
        if name is None: raise Unreadable('no rows')
        return arrays[name], arrays.get('y')

    def scores_of(self, rows): return self.est.anomaly_score(rows[0])

    def rows_to_learn_from(self, rows):
        x, y = rows
        if y is None: raise Unreadable('no labels')
        if np.ndim(x) not in (2, 3, 4) or x.dtype.kind not in 'biuf': raise Unreadable('no rows')
        return x, np.array([is_normal_label(value) for value in np.reshape(y, -1).astype(str)])


class ArraysForPython(Arrays):
    "The same, scored by a model that was made in Python, and knows no names of columns"
    name = 'unnamed.npz'

    def __init__(self, folder):
        super().__init__(folder)
        self.est = new_estimator().fit(self.rows(good_rows(150, 0)))
        self.est.save(self.model)
        self.scores = self.scores_of(self.read(self.good))


class PicturesInArrays(Arrays):
    "Arrays of pictures, and labels"
    name = 'pictures.npz'

    def rows(self, table):
        rng = np.random.default_rng(int(table.a.sum()*1e4) % 2**32)
        return rng.integers(0, 200, (len(table), 8, 8)).astype('u1')

    def other_shape(self, rng, x, y):
        deep = x[..., None]
        shapes = [x[:0], x[:1], x[:, :0], x[:, :3], deep, deep.repeat(2, 3), deep.repeat(3, 3),
                  deep[..., None], x[:, None], x.reshape(60, -1), x[0], np.asfortranarray(x), x[::-2],
                  x.repeat(2, 1).repeat(2, 2), np.zeros((60, 0, 0))]
        return packed(dict(x=pick(rng, shapes), y=y))


def array_of(content):
    "The array in a NumPy file; ValueError if there is less in it, or more, than it says"
    file = io.BytesIO(content)
    array = np.lib.format.read_array(file, allow_pickle=False)
    if file.read(): raise ValueError('longer than it says')
    return array


def packed(arrays):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            with archive.open(f'{name}.npy', 'w') as file: np.lib.format.write_array(file,
                                                                                     np.asanyarray(array))
    return out.getvalue()


TABLES = [Text, Tabs, Gzipped, Parquet, Arrays, ArraysForPython, PicturesInArrays]
