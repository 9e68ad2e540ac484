"Readers: what is odd in a file is named in one line or skipped and listed; how a file is cut makes no difference"
import gzip, io, zipfile
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings, strategies as st
from PIL import Image
from ganad.core import DataError, GanadError, UnknownName
from ganad.files.readers import CSV, NPZ, Pictures, csv_line, joined, picture, records, rows_of, sha256, writing

few = settings(max_examples=60, deadline=None, derandomize=True)
# what a value may be: anything that is text in UTF-8, line ends, quotes and separators among it; NUL is no text
VALUE = st.text(st.characters(exclude_categories=['Cs'], exclude_characters='\0'), max_size=8)
ROWS = st.integers(1, 4).flatmap(lambda n: st.lists(st.lists(VALUE, min_size=n, max_size=n), min_size=1, max_size=8))


def one_line(e): assert '\n' not in str(e.value) and len(str(e.value)) < 400


def write(path, text, **kw): path.write_text(text, encoding='utf-8', **kw); return path


# Rows of a CSV file

@few
@given(rows=ROWS, sep=st.sampled_from(',;\t'))
def test_records_are_the_rows_that_csv_sees(rows, sep):
    text = ''.join(csv_line(r, sep) + '\r\n' for r in rows)
    lines = io.StringIO(text, newline='')
    got = [t for _, t in records(lines, sep, len(rows[0]), 'f')]
    blank = lambda r: len(r) == 1 and not r[0].strip(" ")             # one column, nothing in it: a blank line or ""
    assert [g for g in got if g.strip(' "')] == [csv_line(r, sep) for r in rows if not blank(r)]


@few
@given(rows=ROWS, n=st.integers(1, 5), seed=st.integers(0, 99))
def test_a_file_cut_into_parts_is_the_file(rows, n, seed):
    import tempfile
    from pathlib import Path
    with tempfile.TemporaryDirectory() as d:
        f = Path(d)/'t.csv'
        body = [[i, *r] for i, r in enumerate(rows)]
        f.write_text('\n'.join(csv_line(r) for r in [['i', *(f'c{j}' for j in range(len(rows[0])))], *body]) + '\n', 'utf-8', newline='')
        types = dict(i='number') | {f'c{j}': 'text' for j in range(len(rows[0]))}
        whole = CSV(f, types=types).all()
        assert whole.x.i.tolist() == [*range(len(rows))] and whole.text == [csv_line(r) for r in body]
        parts = [*CSV(f, types=types).parts(n)]
        assert [len(p) for p in parts[:-1]] == [n]*(len(parts)-1)
        assert joined(parts, f).x.equals(whole.x) and joined(parts, f).names == whole.names


@few
@given(blob=st.binary(max_size=200), end=st.sampled_from(['csv', 'tsv', 'csv.gz', 'npz', 'parquet', 'zip']))
def test_any_bytes_are_rows_or_one_line(blob, end):
    import tempfile
    from pathlib import Path
    with tempfile.TemporaryDirectory() as d:
        f = Path(d)/f't.{end}'; f.write_bytes(blob)
        try: rows_of(f).all()
        except GanadError as e: assert '\n' not in str(e), e


NUMBERS = st.floats(allow_nan=False, width=32) | st.none()
@few
@given(t=st.lists(st.tuples(NUMBERS, st.integers(-10**9, 10**9), st.booleans(), st.sampled_from(['a', 'ü', '🌡 x', '7'])), min_size=1, max_size=9))
def test_csv_and_parquet_say_the_same(t):
    import tempfile
    from pathlib import Path
    df = pd.DataFrame(t, columns=['f', 'n', 'b', 'x'])
    df['f'] = df.f.astype(float)
    with tempfile.TemporaryDirectory() as d:
        df.to_csv(Path(d)/'t.csv', index=False); df.to_parquet(Path(d)/'t.parquet')
        types = dict(f='number', n='number', b='text', x='text')
        a, b = (rows_of(Path(d)/n, types=types).all().x for n in ('t.csv', 't.parquet'))
        pd.testing.assert_frame_equal(a, b)


@pytest.mark.parametrize('first', [None, 'a', float('nan')])
def test_parquet_with_gaps_says_the_same_without_types(tmp_path, first):
    df = pd.DataFrame(dict(f=[None, 1.5, 2.], n=[1, 2, 3], x=[first, 'a', 'ü']), index=range(3))
    df.to_csv(tmp_path/'t.csv', index=False); df.to_parquet(tmp_path/'t.parquet')
    a, b = (rows_of(tmp_path/n).all().x for n in ('t.csv', 't.parquet'))
    pd.testing.assert_frame_equal(a, b); assert [*b.dtypes.astype(str)] == ['float64', 'float64', 'object']


def test_a_misspelt_option_is_an_error(tmp_path):
    (tmp_path/'t.csv').write_text('a\n1\n')
    with pytest.raises(TypeError, match='lable'): rows_of(tmp_path/'t.csv', lable='y')


@pytest.mark.parametrize('y', [np.zeros(4), np.zeros((5, 2)), np.zeros(())])
def test_labels_of_another_shape_are_said(tmp_path, y):
    np.savez(tmp_path/'t.npz', x=np.ones((5, 2)), y=y)
    with pytest.raises(DataError, match="'y' has shape .*; give one label for each of 5 rows"): rows_of(tmp_path/'t.npz', label='y')


# What is odd in a table

ODD = {
    'empty file': ('', 'is empty'),
    'no rows': ('a,b\n', 'has no rows'),
    'only blank lines': ('a,b\n\n \n', 'has no rows'),
    'torn last line': ('a,b\n1,2\n3', 'line 3: 1 values, but 2 columns'),
    'one value too many': ('a,b\n1,2\n1,2,3\n', 'line 3: 3 values, but 2 columns'),
    'quote left open': ('a,b\n1,"2\n3,4\n', 'quote'),
    'two columns of one name': ('a,b,a\n1,2,3\n', "more than one column 'a'"),
    'no header': ('.5,1.5\n1,2\n', 'first line holds numbers only'),
    'only the label': ('y\n1\n', 'no columns left'),
}


@pytest.mark.parametrize('text,why', ODD.values(), ids=ODD)
def test_odd_table_is_one_line(tmp_path, text, why):
    f = write(tmp_path/'t.csv', text)
    with pytest.raises(DataError, match=why) as e: CSV(f, label='y' if text[0:1] == 'y' else None).all()
    one_line(e); assert 't.csv' in str(e.value)


def test_other_encodings_and_files(tmp_path):
    (tmp_path/'l.csv').write_bytes('a,b\nü,1\n'.encode('latin1'))
    with pytest.raises(DataError, match='not text in UTF-8') as e: rows_of(tmp_path/'l.csv').all()
    one_line(e)
    (tmp_path/'u.csv').write_bytes('a,b\nü,1\n'.encode('utf-16'))
    with pytest.raises(DataError, match='not text in UTF-8'): rows_of(tmp_path/'u.csv').all()
    (tmp_path/'t.csv.gz').write_bytes(gzip.compress(b'a,b\n' + b'1,2\n'*9000)[:-20])
    with pytest.raises(DataError, match='damaged'): rows_of(tmp_path/'t.csv.gz').all()
    (tmp_path/'t.parquet').write_bytes(b'PAR1junkPAR1')
    with pytest.raises(DataError, match='damaged'): rows_of(tmp_path/'t.parquet')
    with pytest.raises(UnknownName, match='csv'): rows_of(write(tmp_path/'t.xlsx', ''))
    with pytest.raises(DataError, match='give one that is there'): rows_of(tmp_path/'nothing.csv')


def test_names_may_be_anything(tmp_path):
    f = write(tmp_path/'t.csv', ',🌡 °C,"a,b","two\nlines",=1+1\n0,1,2,3,4\n1,2,3,4,5\n')
    r = CSV(f); p = r.all()
    assert [*p.x.columns] == ['🌡 °C', 'a,b', 'two\nlines', '=1+1'] and r.ignored == [''] and p.names == ['3', '4']


def test_a_value_of_another_type_is_named(tmp_path):
    f = write(tmp_path/'t.csv', 'a,b\n' + '1,2\n'*5 + '1,n/k\n')
    with pytest.raises(DataError, match=r"line 7, column 'b': 'n/k' is no number") as e: CSV(f, types=dict(a='number', b='number')).all()
    one_line(e)
    assert CSV(f, types=dict(b='text', a='number')).all().x.b.tolist() == ['2']*5 + ['n/k']
    inf = write(tmp_path/'i.csv', 'a\n1\ninf\n-inf\nNA\n')
    assert np.isinf(CSV(inf).all().x.a).sum() == 2 and CSV(inf).all().x.a.isna().sum() == 1


def test_npz_that_lies_or_holds_code(tmp_path):
    f = tmp_path/'a.npz'
    np.savez(f, x=np.array([{}], dtype=object))
    with pytest.raises(DataError, match='could run code') as e: NPZ(f)
    one_line(e)
    head = io.BytesIO(); np.lib.format.write_array_header_1_0(head, dict(descr='<f8', fortran_order=False, shape=(10**12, 10)))
    with zipfile.ZipFile(f, 'w') as z: z.writestr('x.npy', head.getvalue() + bytes(80))
    with pytest.raises(DataError, match='shorter or longer'): NPZ(f)                       # 80 TB are not asked for
    np.savez(f, a=np.zeros((2, 2)), b=np.zeros((2, 2)))
    with pytest.raises(DataError, match="arrays 'a', 'b'; call that of the rows x"): NPZ(f)
    np.savez(f, x=np.zeros(5))
    with pytest.raises(DataError, match='has shape'): NPZ(f)
    np.savez(f, x=np.zeros((2, 2)))
    with pytest.raises(UnknownName, match="no array 'y'"): NPZ(f, label='y')


# Pictures

@pytest.fixture
def pics(tmp_path):
    d = tmp_path/'pics'
    rng = np.random.default_rng(0)
    for c in ('good', 'bad'): (d/c).mkdir(parents=True)
    for i in range(4): Image.fromarray((rng.random((40, 30, 3))*255).astype('u1')).save(d/f'good/{i}.jpg')
    return d


def test_corrupted_jpeg_in_the_middle(pics):
    f = pics/'good/1.jpg'; f.write_bytes(f.read_bytes()[:-300])
    (pics/'good/2.jpg').write_bytes(b'')
    r = Pictures(pics); p = r.all()
    assert p.names == ['good/0.jpg', 'good/3.jpg'] and [n for n, _ in r.skipped] == ['good/2.jpg', 'good/1.jpg']
    assert all(why and '\n' not in why and '/pics/' not in why for _, why in r.skipped)
    with pytest.raises(DataError, match='good/2.jpg cannot be read') as e: Pictures(pics, strict=True)
    one_line(e)


def test_links_hidden_files_and_devices(pics, tmp_path):
    secret = tmp_path/'secret.png'; Image.new('L', (4, 4)).save(secret)
    (pics/'good/out.png').symlink_to(secret)
    (pics/'away').symlink_to(tmp_path)
    (pics/'good/loop').symlink_to(pics)
    (pics/'good/in.jpg').symlink_to(pics/'good/0.jpg')                         # inside: read
    (pics/'good/null.png').symlink_to('/dev/zero')
    (pics/'good/.hidden.jpg').write_bytes((pics/'good/0.jpg').read_bytes())
    (pics/'good/d.png').mkdir()
    r = Pictures(pics, size=8)
    assert r.files == ['good/0.jpg', 'good/1.jpg', 'good/2.jpg', 'good/3.jpg', 'good/in.jpg']
    why = dict(r.skipped)
    assert why['good/out.png'] == why['good/null.png'] == 'a link that leads out of the folder' and why['away'] == 'a link to a folder'


@pytest.mark.parametrize('name', ['../x.png', '/etc/x.png', 'a/../../x.png', '..\\x.png', 'C:\\x.png'])
def test_zip_that_would_leave_its_folder(tmp_path, name):
    with zipfile.ZipFile(tmp_path/'a.zip', 'w') as z: z.writestr('good/a.png', b''); z.writestr(name, b'')
    with pytest.raises(DataError, match='would leave the folder') as e: rows_of(tmp_path/'a.zip')
    one_line(e)


def test_zip_is_read_in_place(pics, tmp_path):
    with zipfile.ZipFile(tmp_path/'a.zip', 'w') as z:
        for f in pics.rglob('*.jpg'): z.write(f, f.relative_to(pics))
        z.writestr('__MACOSX/good/._0.jpg', b'junk')
    before = {*tmp_path.rglob('*')}
    a, b = rows_of(tmp_path/'a.zip', size=8, grey=False).all(), rows_of(pics, size=8, grey=False).all()
    assert a.names == b.names and (a.x == b.x).all() and {*tmp_path.rglob('*')} == before


def bomb(path, side=50_000):
    "A PNG of a few kilobytes that says it has 2.5 billion pixels"
    import struct, zlib
    chunk = lambda k, d: struct.pack('>I', len(d)) + k + d + struct.pack('>I', zlib.crc32(k + d))
    head = struct.pack('>IIBBBBB', side, side, 1, 0, 0, 0, 0)
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', zlib.compress(bytes(10**6))) + chunk(b'IEND', b''))


def test_image_bombs_are_not_unfolded(pics):
    bomb(pics/'good/bomb.png'); bomb(pics/'good/small.png', 10_000)               # 100 million: over the limit too
    r = Pictures(pics, size=8); assert len(r.all()) == 4
    assert {n for n, _ in r.skipped} == {'good/bomb.png', 'good/small.png'} and 'exceeds limit' in r.skipped[0][1]


MODES = {
    '16 bit': (lambda f: Image.fromarray(np.full((8, 8), 257*100, 'u2')).save(f), 'png', (100, 100, 100)),
    '32 bit': (lambda f: Image.fromarray(np.full((8, 8), 257*100, 'i4')).save(f), 'tif', (100, 100, 100)),
    'CMYK': (lambda f: Image.new('CMYK', (8, 8), (255, 0, 255, 0)).save(f), 'jpg', (0, 255, 0)),
    'palette': (lambda f: Image.new('RGB', (8, 8), (10, 20, 30)).convert('P', palette=Image.Palette.ADAPTIVE).save(f), 'png', (10, 20, 30)),
    'transparent': (lambda f: Image.new('RGBA', (8, 8), (200, 0, 0, 0)).save(f), 'png', (255, 255, 255)),
    'grey and alpha': (lambda f: Image.new('LA', (8, 8), (40, 255)).save(f), 'png', (40, 40, 40)),
    'truth': (lambda f: Image.new('1', (8, 8), 1).save(f), 'png', (255, 255, 255)),
    'animated': (lambda f: Image.new('RGB', (8, 8), 'red').save(f, save_all=True, append_images=[Image.new('RGB', (8, 8), 'blue')]), 'gif', (255, 0, 0)),
    'animated webp': (lambda f: Image.new('RGB', (8, 8), 'red').save(f, save_all=True, lossless=True,
                                                                     append_images=[Image.new('RGB', (8, 8), 'blue')]), 'webp', (255, 0, 0)),
}


@pytest.mark.parametrize('save,end,rgb', MODES.values(), ids=MODES)
def test_every_kind_of_picture(tmp_path, save, end, rgb):
    f = tmp_path/f'a.{end}'; save(f); x = picture(f)
    assert x.shape == (8, 8, 3) and x.dtype == np.uint8 and np.abs(x.astype(int).reshape(-1, 3).mean(0) - rgb).max() <= 2


def test_exif_orientation(tmp_path):
    x = np.zeros((4, 8, 3), 'u1'); x[:, :4] = 255                            # the left half is white
    for tag, corner in ((1, (0, 0)), (3, (0, -1)), (6, (0, 0)), (8, (-1, 0))):
        im = Image.fromarray(x); exif = im.getexif(); exif[0x112] = tag; im.save(tmp_path/'a.png', exif=exif)
        y = picture(tmp_path/'a.png')
        assert y.shape == ((8, 4, 3) if tag in (6, 8) else (4, 8, 3)) and y[corner].tolist() == [255]*3


@few
@given(blob=st.binary(max_size=300), head=st.sampled_from([b'', b'\x89PNG\r\n\x1a\n', b'\xff\xd8\xff\xe0', b'GIF89a', b'II*\0', b'RIFF', b'BM']))
def test_any_bytes_are_a_picture_or_skipped(blob, head):
    import tempfile
    from pathlib import Path
    with tempfile.TemporaryDirectory() as d:
        (Path(d)/'a.png').write_bytes(head + blob); Image.new('L', (8, 8)).save(Path(d)/'b.png')
        r = Pictures(Path(d)); assert 'b.png' in r.all().names and len(r.all()) + len({n for n, _ in r.skipped}) == 2


def test_layouts(pics, tmp_path):
    flat = Pictures(pics/'good', size=8); assert flat.classes == [''] and flat.head == 'file'
    for part in ('train', 'test'):
        (pics/part/'good').mkdir(parents=True); Image.new('L', (8, 8)).save(pics/part/'good/a.png')
    assert Pictures(pics, part='train').files == ['train/good/a.png'] and Pictures(pics, part='test').files == ['test/good/a.png']
    assert len(Pictures(pics).files) == 6 and Pictures(pics).classes == ['good']
    assert sha256(Pictures(pics, part='train')) != sha256(Pictures(pics, part='test'))
    (tmp_path/'none').mkdir()
    with pytest.raises(DataError, match='no pictures') as e: Pictures(tmp_path/'none')
    one_line(e)


def test_writing_leaves_what_was_there(tmp_path):
    f = write(tmp_path/'a', 'old')
    for e in (OSError(28, 'No space left on device'), OSError(27, 'File too large'), RuntimeError('unexpected pos'), KeyboardInterrupt()):
        with pytest.raises((DataError, KeyboardInterrupt)) as got:
            with writing(f) as t: t.write_text('half'); raise e
        assert f.read_text() == 'old' and [*tmp_path.iterdir()] == [f]
        if got.type is DataError: one_line(got)
