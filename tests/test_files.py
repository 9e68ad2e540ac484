"Readers: what is wrong in a file is named or skipped and listed; how a file is cut makes no difference"
import gzip
import io
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganad.core import DataError, GanadError, UnknownName
from ganad.files.readers import (CSV, NPZ, Pictures, csv_line, joined, picture, records, rows_of, sha256,
                                 writing)

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


# Pictures

@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path/'pics'
    rng = np.random.default_rng(0)
    for name in ('good', 'bad'): (folder/name).mkdir(parents=True)
    for i in range(4):
        x = (rng.random((40, 30, 3))*255).astype('u1')
        Image.fromarray(x).save(folder/f'good/{i}.jpg')
    return folder


def test_corrupted_jpeg_in_the_middle(pictures):
    torn = pictures/'good/1.jpg'
    torn.write_bytes(torn.read_bytes()[:-300])
    (pictures/'good/2.jpg').write_bytes(b'')
    rows = Pictures(pictures)
    assert rows.all().names==['good/0.jpg', 'good/3.jpg']
    assert [name for name, _ in rows.skipped]==['good/2.jpg', 'good/1.jpg']
    assert all(why and '\n' not in why and '/pics/' not in why for _, why in rows.skipped)
    with pytest.raises(DataError) as error: Pictures(pictures, strict=True)
    assert (error.value.file, error.value.line)==(pictures, 'good/2.jpg') and is_one_line(error)


def test_links_hidden_files_and_devices(pictures, tmp_path):
    good = pictures/'good'
    secret = tmp_path/'secret.png'
    Image.new('L', (4, 4)).save(secret)
    (good/'out.png').symlink_to(secret)
    (pictures/'away').symlink_to(tmp_path)
    (good/'loop').symlink_to(pictures)
    (good/'in.jpg').symlink_to(good/'0.jpg')                                   # inside: read
    (good/'null.png').symlink_to('/dev/zero')
    (good/'.hidden.jpg').write_bytes((good/'0.jpg').read_bytes())
    (good/'d.png').mkdir()
    rows = Pictures(pictures, size=8)
    assert rows.files==['good/0.jpg', 'good/1.jpg', 'good/2.jpg', 'good/3.jpg', 'good/in.jpg']
    why = dict(rows.skipped)
    assert why['good/out.png']==why['good/null.png']=='a link that leads out of the folder'
    assert why['away']=='a link to a folder'


@pytest.mark.parametrize('name', ['../x.png', '/etc/x.png', 'a/../../x.png', '..\\x.png', 'C:\\x.png'])
def test_zip_that_would_leave_its_folder(tmp_path, name):
    path = tmp_path/'a.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('good/a.png', b'')
        archive.writestr(name, b'')
    with pytest.raises(DataError, match='would leave the folder') as error: rows_of(path)
    assert error.value.file==path and is_one_line(error)


def test_zip_is_read_in_place(pictures, tmp_path):
    with zipfile.ZipFile(tmp_path/'a.zip', 'w') as archive:
        for path in pictures.rglob('*.jpg'): archive.write(path, path.relative_to(pictures))
        archive.writestr('__MACOSX/good/._0.jpg', b'junk')
    before = {*tmp_path.rglob('*')}
    zipped, plain = (rows_of(path, size=8, grey=False).all() for path in (tmp_path/'a.zip', pictures))
    assert zipped.names==plain.names and (zipped.x==plain.x).all()
    assert {*tmp_path.rglob('*')}==before


def bomb(path, side=50_000):
    "A PNG of a few kilobytes that says it has 2.5 billion pixels"
    def block(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    head = struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)
    blocks = block(b'IHDR', head) + block(b'IDAT', zlib.compress(bytes(10**6))) + block(b'IEND', b'')
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + blocks)


def test_image_bombs_are_not_unfolded(pictures):
    bomb(pictures/'good/bomb.png')
    bomb(pictures/'good/small.png', 10_000)                          # 100 million: over the limit too
    rows = Pictures(pictures, size=8)
    assert len(rows.all())==4
    assert {name for name, _ in rows.skipped}=={'good/bomb.png', 'good/small.png'}
    assert 'exceeds limit' in rows.skipped[0][1]


RED, BLUE = (Image.new('RGB', (8, 8), color) for color in ('red', 'blue'))
PALETTE = Image.new('RGB', (8, 8), (10, 20, 30)).convert('P', palette=Image.Palette.ADAPTIVE)
ANIMATED = dict(save_all=True, append_images=[BLUE])
MODES = {                                              # picture, ending, how to save it, colour as read
    '16 bit': (Image.fromarray(np.full((8, 8), 257*100, 'u2')), 'png', {}, (100, 100, 100)),
    '32 bit': (Image.fromarray(np.full((8, 8), 257*100, 'i4')), 'tif', {}, (100, 100, 100)),
    'CMYK': (Image.new('CMYK', (8, 8), (255, 0, 255, 0)), 'jpg', {}, (0, 255, 0)),
    'palette': (PALETTE, 'png', {}, (10, 20, 30)),
    'transparent': (Image.new('RGBA', (8, 8), (200, 0, 0, 0)), 'png', {}, (255, 255, 255)),
    'grey and alpha': (Image.new('LA', (8, 8), (40, 255)), 'png', {}, (40, 40, 40)),
    'truth': (Image.new('1', (8, 8), 1), 'png', {}, (255, 255, 255)),
    'animated': (RED, 'gif', ANIMATED, (255, 0, 0)),
    'animated webp': (RED, 'webp', ANIMATED | dict(lossless=True), (255, 0, 0)),
}


@pytest.mark.parametrize('image,end,options,rgb', MODES.values(), ids=MODES)
def test_every_kind_of_picture(tmp_path, image, end, options, rgb):
    path = tmp_path/f'a.{end}'
    image.save(path, **options)
    x = picture(path)
    assert x.shape==(8, 8, 3) and x.dtype==np.uint8
    assert np.abs(x.astype(int).reshape(-1, 3).mean(0) - rgb).max()<=2


@pytest.mark.parametrize('tag,shape,corner', [(1, (4, 8, 3), (0, 0)), (3, (4, 8, 3), (0, -1)),
                                              (6, (8, 4, 3), (0, 0)), (8, (8, 4, 3), (-1, 0))])
def test_exif_orientation(tmp_path, tag, shape, corner):
    x = np.zeros((4, 8, 3), 'u1')
    x[:, :4] = 255                                                              # the left half is white
    image = Image.fromarray(x)
    exif = image.getexif()
    exif[0x112] = tag
    image.save(tmp_path/'a.png', exif=exif)
    upright = picture(tmp_path/'a.png')
    assert upright.shape==shape and upright[corner].tolist()==[255]*3


MAGIC = [b'', b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff\xe0', b'GIF89a', b'II*\0', b'RIFF', b'BM']


@few
@given(blob=st.binary(max_size=300), head=st.sampled_from(MAGIC))
def test_any_bytes_are_a_picture_or_skipped(blob, head):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder)/'a.png').write_bytes(head + blob)
        Image.new('L', (8, 8)).save(Path(folder)/'b.png')
        rows = Pictures(Path(folder))
        assert 'b.png' in rows.all().names
        assert len(rows.all()) + len({name for name, _ in rows.skipped})==2


def test_layouts(pictures, tmp_path):
    flat = Pictures(pictures/'good', size=8)
    assert flat.classes==[''] and flat.header=='file'
    for part in ('train', 'test'):
        (pictures/part/'good').mkdir(parents=True)
        Image.new('L', (8, 8)).save(pictures/part/'good/a.png')
        assert Pictures(pictures, part=part).files==[f'{part}/good/a.png']
    assert len(Pictures(pictures).files)==6 and Pictures(pictures).classes==['good']
    assert sha256(Pictures(pictures, part='train'))!=sha256(Pictures(pictures, part='test'))
    (tmp_path/'none').mkdir()
    with pytest.raises(DataError, match='no pictures') as error: Pictures(tmp_path/'none')
    assert error.value.file==tmp_path/'none' and is_one_line(error)


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
