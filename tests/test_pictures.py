"Pictures of a folder or an archive: as a person sees them, or left out and listed; nothing is unfolded"
import base64
import io
import json
import os
import re
import struct
import tempfile
import warnings
import zipfile
import zlib
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganad.cli import main
from ganad.core import DataError, ShapeError, UnknownName
from ganad.data import load, masked_pictures, masks_among
from ganad.estimator import PCADetector, estimators
from ganad.estimator import load as estimator_load
from ganad.estimator._preprocess import Images
from ganad._files import fit_and_score
from ganad._files.fit_and_score import fit_file, score_file
from ganad._files.scored import open_for
from ganad._files.pictures import Pictures, picture, rows_of, sha256
from ganad._files.report import report_file
from ganad.metrics import pixel_auroc

few = settings(max_examples=60, deadline=None, derandomize=True)


def is_one_line(error): return '\n' not in str(error.value) and len(str(error.value))<400


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
    assert [name for name, _ in rows.skipped]==['good/1.jpg', 'good/2.jpg']
    assert all(why and '\n' not in why and '/pics/' not in why for _, why in rows.skipped)
    with pytest.raises(DataError) as error: Pictures(pictures, strict=True)
    assert (error.value.file, error.value.line)==(pictures, 'good/1.jpg') and is_one_line(error)


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


# What is opened

FOREIGN = ['EPS', 'PDF', 'ICO', 'TGA', 'PCX', 'JPEG2000', 'SGI', 'MSP', 'DDS']


@pytest.mark.parametrize('kind', FOREIGN)
def test_other_formats_are_not_opened_whatever_their_name(pictures, tmp_path, kind, monkeypatch):
    "In a folder, in an archive, and in a data set of the course"
    def started(*args, **kwargs): raise AssertionError('a program was started')
    monkeypatch.setattr('subprocess.check_call', started)
    path = pictures/'good/other.png'
    Image.new('1' if kind=='MSP' else 'RGB', (16, 16)).save(path, kind)
    with zipfile.ZipFile(tmp_path/'a.zip', 'w') as archive:
        for file in pictures.rglob('*.*'): archive.write(file, file.relative_to(pictures))
    for place in (pictures, tmp_path/'a.zip'):
        rows = rows_of(place)
        assert len(rows.all())==4
        (name, why), = rows.skipped
        assert name=='good/other.png' and 'PNG' in why
        with pytest.raises(DataError) as error: rows_of(place, strict=True)
        assert error.value.line=='good/other.png' and is_one_line(error)
    with pytest.raises(DataError) as error: load('folder', root=pictures)
    assert error.value.file==path and is_one_line(error)


@pytest.mark.parametrize('kind', ['BMP', 'GIF', 'JPEG', 'MPO', 'PNG', 'PPM', 'TIFF', 'WEBP'])
def test_formats_that_are_named_are_opened(tmp_path, kind):
    "A phone's JPEG may be an MPO inside"
    path = tmp_path/'a.jpg'
    options = dict(save_all=True, append_images=[BLUE]) if kind=='MPO' else {}
    RED.save(path, kind, **options)
    assert picture(path)[0, 0].tolist()[0]>250


# Archives

def zip_of(path, members, method=zipfile.ZIP_DEFLATED):
    "An archive of (name, bytes), each packed alike; two may have one name"
    with zipfile.ZipFile(path, 'w', method) as archive, warnings.catch_warnings():
        warnings.simplefilter('ignore')                                 # of zipfile, for two of one name
        for name, data in members: archive.writestr(name, data)
    return path


@pytest.fixture
def members(pictures):
    return [(f'good/{i}.jpg', (pictures/f'good/{i}.jpg').read_bytes()) for i in range(4)]


def test_members_of_one_name_are_refused(tmp_path, members):
    path = zip_of(tmp_path/'a.zip', [*members, members[0]])
    with pytest.raises(DataError, match="more than one member 'good/0.jpg'") as error: rows_of(path)
    assert error.value.file==path and is_one_line(error)
    with pytest.raises(DataError): rows_of(zip_of(path, [*members, ('good\\0.jpg', b'')]))
    np.savez(tmp_path/'a.npz', x=np.zeros((3, 2)))
    with zipfile.ZipFile(tmp_path/'a.npz', 'a') as archive, warnings.catch_warnings():
        warnings.simplefilter('ignore')
        archive.writestr('x.npy', archive.read('x.npy'))
    with pytest.raises(DataError, match="more than one array 'x'") as error: rows_of(tmp_path/'a.npz')
    assert is_one_line(error)


def encrypted(data):
    "The bytes of an archive, its last member marked as encrypted"
    here, there = data.rindex(b'PK\3\4') + 6, data.rindex(b'PK\1\2') + 8
    return marked(marked(data, here, 1), there, 1)


def packed_oddly(data):
    here, there = data.rindex(b'PK\3\4') + 8, data.rindex(b'PK\1\2') + 10
    return marked(marked(data, here, 97), there, 97)


def damaged(data):
    middle = (data.rindex(b'PK\3\4') + data.index(b'PK\1\2'))//2
    return marked(data, middle, data[middle]^255)


def marked(data, place, value): return data[:place] + bytes([value]) + data[place+1:]


@pytest.mark.parametrize('harm', [encrypted, packed_oddly, damaged])
@pytest.mark.parametrize('method', [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA])
def test_members_that_cannot_be_unpacked_are_left_out(tmp_path, members, harm, method):
    "From fit to the digest: nothing fails after the work"
    path = zip_of(tmp_path/'a.zip', members, method)
    path.write_bytes(harm(path.read_bytes()))
    rows = rows_of(path)
    assert rows.all().names==['good/0.jpg', 'good/1.jpg', 'good/2.jpg']
    (name, why), = rows.skipped
    assert name=='good/3.jpg' and why and '\n' not in why
    rest = zip_of(tmp_path/'b.zip', members[:3])
    assert sha256(rows)==sha256(rows_of(rest)), 'the digest is that of what was read'
    scored = rows_of(path, size=8, grey=False)
    assert len(scored.all())==3 and sha256(scored)==sha256(rows)
    if harm is not damaged: return
    with pytest.raises(DataError) as error: rows_of(path, strict=True)
    assert error.value.line=='good/3.jpg' and is_one_line(error)


@pytest.mark.parametrize('seed', range(4))
def test_a_damaged_archive_is_refused_or_its_pictures_are_right(tmp_path, members, seed):
    path = zip_of(tmp_path/'a.zip', members)
    data = path.read_bytes()
    whole = rows_of(path, size=8, grey=False).all()
    sound = dict(zip(whole.names, whole.x))
    rng = np.random.default_rng(seed)
    for _ in range(40):
        harmed = bytearray(data)
        start = data.index(b'PK\1\2') if rng.random()<.6 else 0         # the list at its end, or anything
        for place in rng.integers(start, len(data), rng.integers(1, 4)): harmed[place] = rng.integers(256)
        if rng.random()<.2: harmed = harmed[:rng.integers(len(harmed))]
        path.write_bytes(harmed)
        try:
            rows = rows_of(path, size=8, grey=False)
            read = rows.all()
            sha256(rows)
        except DataError as error:
            assert '\n' not in str(error)
            continue
        for name, x in zip(read.names, read.x):
            assert name not in sound or (x==sound[name]).all(), 'other pixels under the same name'


def test_a_directory_that_is_cut_short_is_refused(tmp_path, members):
    "As by a comment that is said to be longer: the members behind it would be left out without a word"
    path = zip_of(tmp_path/'a.zip', members)
    data = bytearray(path.read_bytes())
    third = [place.start() for place in re.finditer(b'PK\1\2', data)][2]
    data[third+32:third+34] = b'\xff\xff'
    path.write_bytes(data)
    with zipfile.ZipFile(path) as archive: assert len(archive.namelist())==3           # and no error
    with pytest.raises(DataError, match='lists 3 members, not 4') as error: rows_of(path)
    assert is_one_line(error)


def test_a_name_that_differs_from_that_of_the_directory(tmp_path, members):
    "No picture by one of them: it would be left out without a word"
    path = zip_of(tmp_path/'a.zip', [*members, ('about.txt', b'')])
    data = path.read_bytes()
    place = data.rindex(b'good/3.jpg')
    path.write_bytes(data[:place] + b'good/3.jqg' + data[place+10:])
    with pytest.raises(DataError, match='good/3.jqg') as error: rows_of(path)
    assert is_one_line(error)
    path.write_bytes(data)
    assert len(rows_of(path).all())==4


def test_archives_of_windows_and_one_folder_down(tmp_path, members):
    "Folders are classes, whatever stands between them, and whatever folder they lie in"
    on_windows = [(name.replace('/', '\\'), data) for name, data in members]
    assert rows_of(zip_of(tmp_path/'a.zip', on_windows)).classes==['good']
    parts = [(f'set/{part}/{kind}/1.jpg', members[0][1])
             for part, kind in (('train', 'good'), ('test', 'good'), ('test', 'bad'))]
    down = zip_of(tmp_path/'b.zip', parts)
    assert rows_of(down, part='train').files==['set/train/good/1.jpg']
    assert rows_of(down, part='test').classes==['bad', 'good']
    others = [(name.replace('set', 'other'), data) for name, data in parts]
    with pytest.raises(DataError, match="each of 'other', 'set'") as error:
        rows_of(zip_of(tmp_path/'c.zip', parts+others), part='train')
    assert is_one_line(error)


def test_an_archive_of_tables_says_what_to_do(tmp_path):
    with pytest.raises(DataError, match="it holds 't.csv' and no picture") as error:
        rows_of(zip_of(tmp_path/'t.csv.zip', [('t.csv', 'a,b\n1,2\n')]))
    assert is_one_line(error)


# What is black and what is white

def deep_png(x, path):
    "A PNG of 16 bits a colour"
    def block(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    height, width, _ = x.shape
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in x)
    head = struct.pack('>IIBBBBB', width, height, 16, 2, 0, 0, 0)
    blocks = block(b'IHDR', head) + block(b'IDAT', zlib.compress(rows)) + block(b'IEND', b'')
    path.write_bytes(b'\x89PNG\r\n\x1a\n' + blocks)


def deep_tiff(x, path, order='<'):
    "A TIFF of 16 bits a colour, the lower byte first or the upper"
    height, width, _ = x.shape
    pixels = x.astype(f'{order}u2').tobytes()
    tags = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 3, 8), (259, 3, 1, 1), (262, 3, 1, 2),
            (273, 4, 1, 14), (277, 3, 1, 3), (278, 3, 1, height), (279, 4, 1, len(pixels))]
    def entry(tag, kind, n, value):
        is_short = kind==3 and n==1
        form, values = ('HH', (value, 0)) if is_short else ('I', (value,))
        return struct.pack(f'{order}HHI{form}', tag, kind, n, *values)
    entries = b''.join(entry(*tag) for tag in tags)
    mark = (b'II*\0' if order=='<' else b'MM\0*') + struct.pack(f'{order}I', 14+len(pixels))
    directory = struct.pack(f'{order}H', len(tags)) + entries + bytes(4)
    path.write_bytes(mark + struct.pack(f'{order}3H', 16, 16, 16) + pixels + directory)


def of_type(kind, ending='png'):
    def save(x, path): Image.fromarray(x.astype(kind)).save(path.with_suffix(f'.{ending}'))
    return save


def in_colour(write, *options):
    def save(x, path): write(np.repeat(x[..., None], 3, 2).astype('u2'), path.with_suffix('.png'), *options)
    return save


# what white is in the file, how it is written, what is read as black and white
DARK = {'truth in bytes': (1, of_type('u1'), [0, 1]), '2 bits': (3, of_type('u1'), [0, 3]),
        '5 bits': (31, of_type('u1'), [0, 31]), '10 bits': (1023, of_type('u2'), [0, 1023]),
        '12 bits': (4095, of_type('u2'), [0, 4095]),
        '14 bits, TIFF': (16383, of_type('u2', 'tif'), [0, 16383]),
        '32 bits, little used': (900, of_type('i4', 'tif'), [0, 1023]),
        '32 bits': (10**6, of_type('i4', 'tif'), [0, 2**20-1]),
        '12 bits of colour': (4095, in_colour(deep_png), [0, 4095]),
        '12 bits of colour, TIFF': (4095, in_colour(deep_tiff), [0, 4095]),
        '10 bits of colour, TIFF, upper byte first': (1023, in_colour(deep_tiff, '>'), [0, 1023])}
FULL = {'bytes': (255, of_type('u1'), [0, 255]), '7 bits': (127, of_type('u1'), [0, 255]),
        '16 bits': (65535, of_type('u2'), [0, 65535])}


@pytest.mark.parametrize('white,save,levels', [*DARK.values(), *FULL.values()], ids=[*DARK, *FULL])
def test_the_range_of_the_training_pictures_is_black_to_white(tmp_path, white, save, levels):
    "Whatever they are stored as, the network reads the picture that was taken; the model keeps how"
    rng = np.random.default_rng(0)
    for part, n in (('train', 12), ('test', 4)):
        (tmp_path/'pics'/part).mkdir(parents=True)
        for i in range(n):
            scene = rng.random((16, 16))
            scene[0, :2] = 0, 1
            save((scene*white).round(), tmp_path/f'pics/{part}/{i}')
    rows = rows_of(tmp_path/'pics', part='train', size=16)
    assert [*rows.settings['levels'].values()]==[levels]
    x = rows.all().x
    assert x.min()==0 and x.max()>=.85*255*white/levels[1]
    assert len({*x.ravel()})>=min(white, 100), 'more than the few values that are left of a dark picture'
    is_narrow = levels not in ([0, 255], [0, 65535])
    assert any(f'{levels[1]} for white' in note for note in rows.notes())==is_narrow
    est, about = fit_file(tmp_path/'pics', tmp_path/'m.safetensors', method='pca', size=16)
    test = open_for(estimator_load(tmp_path/'m.safetensors'), tmp_path/'pics')
    assert test.settings==rows.settings and not test.notes()
    assert np.array_equal(test.all().x, rows_of(tmp_path/'pics', part='test', size=16, grey=test.grey,
                                                pictures=rows.settings).all().x)


def test_pictures_that_use_their_type_are_read_as_ever(pictures):
    "Bit for bit as before the range was looked for"
    rows = rows_of(pictures, size=16)
    for name, x in zip(rows.all().names, rows.all().x):
        with Image.open(pictures/name) as image:
            before = np.asarray(image.convert('RGB').resize((16, 16), Image.Resampling.BILINEAR))
        assert np.array_equal(x, before)


def test_a_test_picture_outside_of_the_range_is_said(tmp_path):
    "Brighter than white in training, or of another depth"
    for part in ('train', 'test'): (tmp_path/part).mkdir()
    rng = np.random.default_rng(0)
    for i in range(12): of_type('u2')(rng.integers(0, 1000, (8, 8)), tmp_path/f'train/{i}')
    of_type('u2')(rng.integers(0, 1000, (8, 8)), tmp_path/'test/as-ever')
    of_type('u2')(rng.integers(0, 5000, (8, 8)), tmp_path/'test/brighter')
    of_type('u1')(rng.integers(0, 256, (8, 8)), tmp_path/'test/bytes')
    fit_file(tmp_path, tmp_path/'m.safetensors', method='pca')
    done = score_file(tmp_path/'m.safetensors', tmp_path, tmp_path/'s.csv')
    said = [note for note in done['notes'] if 'outside of the training' in note]
    assert len(said)==1 and said[0].startswith('2 of 3')
    assert 'brighter.png' in said[0] and 'bytes.png' in said[0]


@pytest.mark.parametrize('deep', ['train', 'test'])
def test_pictures_of_another_depth_are_refused_as_in_python(tmp_path, deep):
    rng = np.random.default_rng(0)
    for part in ('train', 'test'):
        (tmp_path/part).mkdir()
        kind, white = ('u2', 1023) if part==deep else ('u1', 250)
        for i in range(12): of_type(kind)(rng.integers(0, white, (8, 8)), tmp_path/part/f'{i}')
    fit_file(tmp_path, tmp_path/'m.safetensors', method='pca')
    for function, out in ((score_file, 's.csv'), (report_file, 'r.html')):
        with pytest.raises(DataError) as error:
            function(tmp_path/'m.safetensors', tmp_path/'test', tmp_path/out)
        assert error.value.file==tmp_path/'test' and 'alike' in error.value.mend and is_one_line(error)
        assert not (tmp_path/out).exists()


@pytest.mark.parametrize('ending', ['tif', 'gif', 'png', 'webp'])
def test_more_pages_than_one_are_said(tmp_path, ending):
    rng = np.random.default_rng(0)
    for part, n in (('train', 12), ('test', 4)):
        (tmp_path/part).mkdir()
        for i in range(n):
            pages = [Image.fromarray(rng.integers(0, 256, (8, 8)).astype('u1')) for _ in range(5)]
            more = dict(save_all=True, append_images=pages[1:]) if i<2 else {}
            pages[0].save(tmp_path/part/f'{i}.{ending}', **more)
    _, about = fit_file(tmp_path, tmp_path/'m.safetensors', method='pca')
    done = score_file(tmp_path/'m.safetensors', tmp_path, tmp_path/'s.csv')
    for notes, part in ((about['notes'], 'train'), (done['notes'], 'test')):
        said = [note for note in notes if 'page' in note]
        assert len(said)==1 and said[0].startswith('2 pictures') and f'{part}/0.{ending}: 5' in said[0]


@pytest.mark.parametrize('train, test', [('train', 'test'), ('Train', 'Test'), ('TRAIN', 'test')])
@pytest.mark.parametrize('top', ['.', 'bottle'])
@pytest.mark.parametrize('third', ['validation', 'Val', ''])
def test_parts_in_any_case_and_what_lies_in_none(tmp_path, train, test, top, third):
    root = tmp_path/'set'
    for part, kind, n in ((train, 'good', 12), (test, 'good', 4), (test, 'crack', 3), (third, 'good', 5)):
        if not part: continue
        (root/top/part/kind).mkdir(parents=True)
        for i in range(n):
            x = np.random.default_rng(i).integers(0, 256, (8, 8)).astype('u1')
            Image.fromarray(x).save(root/top/part/kind/f'{i}.png')
    _, about = fit_file(root, tmp_path/'m.safetensors', method='pca', normal='good')
    assert (about['rows'], about['anomalies'])==(12, 0)
    done = score_file(tmp_path/'m.safetensors', root, tmp_path/'s.csv', normal='good')
    assert (done['labels']['normal'], done['labels']['anomalies'])==(4, 3)
    for notes in (about['notes'], done['notes']):
        said = [note for note in notes if 'neither in train nor in test' in note]
        assert len(said)==bool(third)
        assert all(note.startswith('5 pictures') and third in note for note in said)


ARRAYS = [(1, 'u1'), (15, 'u1'), (1023, 'u2'), (4095, 'u2'), (4095, 'i4'), (1/16, 'f4')]


@pytest.mark.parametrize('white,kind', ARRAYS)
def test_arrays_have_the_range_of_the_training_too(white, kind):
    x = (np.random.default_rng(0).random((30, 8, 8))*white)
    x = x.round().astype(kind) if kind!='f4' else x.astype(kind)
    with pytest.warns(UserWarning, match='taken for black'): images = Images().fit(x)
    read = images.rows(x)
    assert read.min()<-.9 and read.max()>.8
    assert Images(**json.loads(json.dumps(asdict(images))))==images
    if kind[0]!='u': return
    with pytest.warns(UserWarning, match='1 of 30 images have values outside'):
        x[3, 0, 0] = 2*white + 1
        images.rows(x)
    with pytest.raises(DataError, match='scale them alike'): images.rows(x.astype('u4'))


def test_arrays_that_use_their_type_are_read_as_ever():
    for kind, white in dict(u1=255, u2=65535).items():
        x = np.random.default_rng(0).integers(0, white, (9, 8, 8), dtype=kind)
        images = Images().fit(x)
        of_old = Images(shape=images.shape, range=[0, white], seen=images.seen)
        assert (images.rows(x)==of_old.rows(x)).all()
        assert (images.rows(x)==(x[:, None].astype('f4')*np.float32(2/white) - 1)).all()


# Folders as they come

def test_masks_are_left_out_and_counted(tmp_path):
    "By their name and by their folder, before the training and in scoring"
    rng = np.random.default_rng(0)
    (tmp_path/'a/ground_truth').mkdir(parents=True)
    for i in range(4):
        of_type('u1')(rng.integers(0, 256, (8, 8)), tmp_path/f'a/{i}')
        of_type('u1')(np.zeros((8, 8)), tmp_path/f'a/{i}{["_mask", "_GT", "-label", ".seg"][i]}.x')
        of_type('u1')(np.zeros((8, 8)), tmp_path/f'a/ground_truth/{i}')
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob('*.png')}
    rows = rows_of(tmp_path/'a')
    assert rows.files==[f'{i}.png' for i in range(4)], names
    assert any('8 masks left out' in note for note in rows.notes())
    scored = rows_of(tmp_path/'a', size=8, grey=True, pictures=rows.settings)
    assert scored.files==rows.files and any('8 masks left out' in note for note in scored.notes())
    assert len(rows_of(tmp_path/'a/ground_truth').files)==4, 'masks alone were asked for'


def draw(folder, names, two_valued=False, size=12):
    "Grey pictures of noise, or black ones with a white patch"
    for i, name in enumerate(names):
        x = np.random.default_rng(i).integers(20, 240, (size, size)).astype('u1')
        if two_valued:
            x[:] = 0
            x[2:4+i%5, 3:6] = 255
        path = folder/name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x).save(path)


@pytest.mark.parametrize('mask', ['{}_defect.png', '{}-annot.png', '{}.png'])
def test_pictures_of_two_values_among_others_are_said(tmp_path, mask):
    draw(tmp_path, [f'{i:03}.jpg' for i in range(20)])
    draw(tmp_path, [mask.format(f'{i:03}') for i in range(6)], two_valued=True)
    note, = [note for note in Pictures(tmp_path).notes() if 'of two values' in note]
    assert note.startswith('6 pictures') and mask.format('000') in note
    draw(tmp_path/'all', [f'{i}.png' for i in range(9)], two_valued=True)
    assert not any('of two values' in note for note in Pictures(tmp_path/'all').notes())


def test_thumbnails_of_a_disk_are_hidden_and_labels_beside_images_are_masks(tmp_path):
    draw(tmp_path, [f'images/{i}.png' for i in range(9)])
    draw(tmp_path, [f'images/@eaDir/{i}/thumb.jpg' for i in range(9)], size=20)
    draw(tmp_path, [f'labels/{i}.png' for i in range(9)], two_valued=True)
    rows = Pictures(tmp_path)
    assert rows.files==[f'images/{i}.png' for i in range(9)] and len(rows.masks)==9
    draw(tmp_path/'classes', [f'{kind}/{i}.png' for kind in ('good', 'labels') for i in range(3)])
    assert Pictures(tmp_path/'classes').classes==['good', 'labels']


def test_parts_may_lie_in_the_classes(tmp_path):
    draw(tmp_path, [f'good/train/{i}.png' for i in range(30)])
    draw(tmp_path, [f'{kind}/test/{i}.png' for kind in ('good', 'crack') for i in range(5)])
    save = tmp_path/'m'
    _, about = fit_file(tmp_path, save, 'pca', normal='good')
    assert (about['normal'], about['anomalies'])==(30, 0)
    rows = open_for(estimator_load(save), tmp_path)
    assert [rows.all().label.tolist().count(kind) for kind in ('good', 'crack')]==[5, 5]


def test_a_normal_folder_that_lies_deeper_is_found(tmp_path):
    draw(tmp_path, [f'plant/line/{kind}/{i}.png' for kind in ('good', 'crack') for i in range(3)])
    with pytest.raises(UnknownName) as error: fit_file(tmp_path, tmp_path/'m', 'pca', normal='good')
    assert error.value.mend.endswith(f"'good' lies deeper: give {tmp_path/'plant'/'line'}")


def test_a_folder_of_tables_says_what_to_do(tmp_path):
    (tmp_path/'part-0.parquet').write_bytes(b'PAR1')
    with pytest.raises(DataError, match="no pictures") as error: rows_of(tmp_path)
    assert "'part-0.parquet'" in error.value.mend and 'join them' in error.value.mend


def test_doubled_and_empty_pictures_are_said(pictures):
    (pictures/'bad/again.jpg').write_bytes((pictures/'good/0.jpg').read_bytes())
    Image.new('RGB', (30, 40)).save(pictures/'good/black.png')
    notes = rows_of(pictures).notes()
    assert any(note.startswith('1 picture there twice') and '0.jpg' in note for note in notes)
    assert any('nearly black (good/black.png)' in note for note in notes)
    said = [note for note in rows_of(pictures/'good').notes() if 'twice' in note]
    assert not said


@pytest.mark.parametrize('shapes,pad', [([(40, 30)]*3, False), ([(40, 30), (80, 60), (20, 15)], False),
                                        ([(40, 30), (30, 40), (90, 30)], True)])
def test_pictures_of_many_shapes_keep_their_proportions(tmp_path, shapes, pad):
    "A disc stays as wide as high; what was done is said, and kept in the model"
    (tmp_path/'pics').mkdir()
    for i, (width, height) in enumerate(shapes*4):
        x = np.full((height, width), 200, 'u1')
        y, z = np.ogrid[:height, :width]
        x[(y-height/2)**2 + (z-width/2)**2<(min(width, height)/3)**2] = 0
        of_type('u1')(x, tmp_path/f'pics/{i:02}')
    rows = rows_of(tmp_path/'pics')
    assert rows.settings['pad']==pad and rows.size==32
    disc = rows.all().x[0, :, :, 0]<80
    assert (abs(disc.any(0).sum() - disc.any(1).sum())<=1)==pad
    assert any(('proportions' if pad else 'squeezed') in note and '32×32' in note for note in rows.notes())
    _, about = fit_file(tmp_path/'pics', tmp_path/'m.safetensors', method='pca')
    assert about['pictures']==rows.settings
    done = score_file(tmp_path/'m.safetensors', tmp_path/'pics', tmp_path/'s.csv')
    assert not any('another size' in note for note in done['notes'])


def test_a_test_of_another_size_is_said(tmp_path, pictures):
    fit_file(pictures, tmp_path/'m.safetensors', method='pca')
    (tmp_path/'new').mkdir()
    Image.new('RGB', (300, 400), 'red').save(tmp_path/'new/large.png')
    Image.new('RGB', (40, 30), 'red').save(tmp_path/'new/lying.png')
    Image.new('RGB', (30, 40), 'red').save(tmp_path/'new/alike.png')
    notes = score_file(tmp_path/'m.safetensors', tmp_path/'new', tmp_path/'s.csv')['notes']
    said = [note for note in notes if 'another size or shape' in note]
    assert len(said)==1 and said[0].startswith('2 of 3') and 'alike' not in said[0]


def test_a_name_that_is_no_text(pictures, tmp_path):
    "Its bytes are shown with a mark for what is none, in the scores and on the list"
    for kind, data in ((b'good', (pictures/'good/0.jpg').read_bytes()), (b'bad', b'torn')):
        (pictures/os.fsdecode(kind)/os.fsdecode(b'b\xff.jpg')).write_bytes(data)
    fit_file(pictures/'good', tmp_path/'m.safetensors', method='pca')
    done = score_file(tmp_path/'m.safetensors', pictures, tmp_path/'s.csv')
    assert 'b�.jpg' in (tmp_path/'s.csv').read_text('utf-8')
    assert done['skipped'][0][0]=='bad/b�.jpg'


# What is said and shown

@pytest.fixture
def plates(tmp_path):
    "Grey plates of many shapes, a bright spot on one of the test; a mask and a black picture are among them"
    rng = np.random.default_rng(0)
    for part, n in (('train', 30), ('test', 6)):
        (tmp_path/'plates'/part).mkdir(parents=True)
        for i in range(n):
            x = rng.integers(80, 120, (200, 140 + 40*(i%3)))
            if (part, i)==('test', 4): x[20:60, 20:60] = 255
            of_type('u1')(x, tmp_path/f'plates/{part}/{i:02}')
    of_type('u1')(np.zeros((200, 140)), tmp_path/'plates/train/00_mask.x')
    of_type('u1')(np.zeros((200, 140)), tmp_path/'plates/train/black')
    return tmp_path/'plates'


def test_what_is_odd_is_said_before_the_training(plates, tmp_path, capsys, monkeypatch):
    "And once"
    def train(*args, **kwargs):
        assert 'nearly black (train/black.png)' in capsys.readouterr().err
        raise KeyboardInterrupt
    command = ['fit', str(plates), '--save', str(tmp_path/'m'), '--method', 'pca']
    with monkeypatch.context() as patch:
        patch.setattr(PCADetector, 'fit', train)
        with pytest.raises(SystemExit) as stop: main(command)
    assert stop.value.code==130
    with pytest.raises(SystemExit): main(command)
    lines = capsys.readouterr().err.splitlines()
    assert sum('1 mask left out' in line for line in lines)==1
    assert sum('140×200 to 220×200 pixels become 64×64' in line for line in lines)==1


def test_what_is_said_before_the_training_is_fit_for_a_terminal(plates, tmp_path, capsys):
    "Whatever a picture is called: a line end, or what steers a terminal"
    one = plates/'train'/'00.png'
    for name in ('new\nline.png', '\x1b[31m.png'): (one.parent/name).write_bytes(one.read_bytes())
    with pytest.raises(SystemExit): main(['fit', str(plates), '--save', str(tmp_path/'m'), '--method', 'pca'])
    said = capsys.readouterr().err
    assert 'there twice' in said and 'new\\nline.png' in said and '\x1b' not in said
    assert all(line.startswith('ganad: ') for line in said.split('\n')[:-1])


def test_report_and_info_say_how_pictures_were_read(plates, tmp_path, capsys):
    "The report shows them at their own size, with the map over it"
    model, page = tmp_path/'m', tmp_path/'r.html'
    fit_file(plates, model, method='pca', size=16)
    report_file(model, plates, page, top=1)
    html = page.read_text('utf-8')
    images = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    shown, over = (Image.open(io.BytesIO(base64.b64decode(image))) for image in images)
    assert shown.size==over.size==(180, 200) and 'test/04.png' in html
    red = np.asarray(over).astype(int)
    excess = (red[..., 0] - red[..., 1]).clip(0)
    assert excess[20:60, 20:60].mean()>2*excess[100:, 100:].mean(), 'the map lies where the spot is'
    about = '140×200 to 220×200 pixels; proportions kept'
    assert about in html
    with pytest.raises(SystemExit): main(['info', str(model)])
    assert about in capsys.readouterr().out


def test_a_very_large_original_is_shown_smaller(tmp_path):
    Image.new('L', (2000, 500), 90).save(tmp_path/'a.png')
    rows = rows_of(tmp_path)
    assert rows.original('a.png').shape==(160, 640, 3)
    assert rows.on_original(np.eye(8), 160, 640).shape==(160, 640)


def test_labels_in_a_column_are_read(tmp_path):
    "As MedMNIST has them: (N,1)"
    x = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype='u1')
    y = (np.arange(40)%4==0).astype('u1')[:, None]
    np.savez(tmp_path/'a.npz', x=x, y=y)
    assert rows_of(tmp_path/'a.npz', label='y').all().label.tolist()==[str(int(value)) for value in y[:, 0]]
    _, about = fit_file(tmp_path/'a.npz', tmp_path/'m', method='pca', label='y')
    assert (about['normal'], about['anomalies'])==(30, 10)
    np.savez(tmp_path/'b.npz', x=x, y=np.zeros((40, 2)))
    with pytest.raises(DataError, match='one label for each'): rows_of(tmp_path/'b.npz', label='y')


def test_parts_in_one_file_of_arrays(tmp_path):
    "As MedMNIST has them: fit learns from train_images, score looks at test_images, with or without labels"
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in dict(train=40, test=9).items():
        arrays[f'{part}_images'] = rng.integers(0, 256, (n, 28, 28), dtype='u1')
        arrays[f'{part}_labels'] = (np.arange(n)%3==0).astype('u1')[:, None]
    np.savez(tmp_path/'a.npz', **arrays)
    _, about = fit_file(tmp_path/'a.npz', tmp_path/'m', method='pca', label='train_labels')
    assert (about['normal'], about['anomalies'])==(26, 14)
    done = score_file(tmp_path/'m', tmp_path/'a.npz', tmp_path/'s.csv')
    assert done['rows']==9 and not any('very rows of the training' in note for note in done['notes'])
    np.savez(tmp_path/'new.npz', x=arrays['test_images'])
    assert score_file(tmp_path/'m', tmp_path/'new.npz', tmp_path/'s.csv')['rows']==9


@pytest.mark.filterwarnings('ignore:.*images')
def test_what_is_said_of_arrays_is_a_note_of_the_command_line(tmp_path):
    "12 bits in a type of 16, made smaller; one brighter in the test"
    x = np.random.default_rng(0).integers(0, 4000, (40, 30, 50)).astype('u2')
    np.savez(tmp_path/'a.npz', x=x)
    _, about = fit_file(tmp_path/'a.npz', tmp_path/'m', method='pca')
    assert any('4095 for white' in note for note in about['notes'])
    assert any('30×50' in note and '--size' in note for note in about['notes'])
    x[3, 0, 0] = 60000
    np.savez(tmp_path/'b.npz', x=x)
    notes = score_file(tmp_path/'m', tmp_path/'b.npz', tmp_path/'s.csv')['notes']
    assert sum(note.startswith('1 of 40 pictures have values outside') for note in notes)==1


# ---- grey pictures that are saved in colour

def grain(*shape, seed=0): return np.random.default_rng(seed).integers(0, 256, shape).astype('u1')


def save_pictures(folder, pictures):
    "0.png, 1.png, …"
    folder.mkdir(parents=True, exist_ok=True)
    for i, x in enumerate(pictures): Image.fromarray(x).save(folder/f'{i}.png')
    return folder


def zipped(folder):
    path = folder.with_suffix('.zip')
    with zipfile.ZipFile(path, 'w') as archive:
        for file in sorted(folder.rglob('*.png')): archive.write(file, file.relative_to(folder))
    return path


@pytest.mark.parametrize('pack', [Path, zipped])
def test_grey_in_three_channels_is_read_as_one(tmp_path, pack):
    grey = grain(30, 8, 8)
    in_three = pack(save_pictures(tmp_path/'three', np.stack([grey]*3, 3)))
    est, about = fit_file(in_three, tmp_path/'three.safetensors', method='pca')
    said = [note for note in about['notes'] if 'saved in colour' in note]
    assert len(said)==1 and said[0].startswith('30 pictures saved in colour, but grey (0.png')
    of_one, plain = fit_file(save_pictures(tmp_path/'one', grey), tmp_path/'one.safetensors', method='pca')
    assert est.prep_.shape==of_one.prep_.shape==[1, 8, 8]
    assert not [note for note in plain['notes'] if 'colour' in note]
    new = grain(5, 8, 8, seed=1)
    again = estimator_load(tmp_path/'three.safetensors')
    assert np.array_equal(again.anomaly_score(np.stack([new]*3, 3)), of_one.anomaly_score(new))
    scores = {}
    for name, x in dict(one=new, three=np.stack([new]*3, 3)).items():
        rows = pack(save_pictures(tmp_path/f'new-{name}', x))
        done = score_file(tmp_path/'three.safetensors', rows, tmp_path/'s.csv')
        assert not [note for note in done['notes'] if 'in colour' in note]
        scores[name] = (tmp_path/'s.csv').read_text()
    assert scores['one']==scores['three']


@pytest.mark.parametrize('pack', [Path, zipped])
def test_a_colour_picture_among_grey_ones_is_said_or_refused(tmp_path, pack):
    fit_file(save_pictures(tmp_path/'grey', grain(30, 8, 8)), tmp_path/'m.safetensors', method='pca')
    new = np.stack([grain(4, 8, 8, seed=1)]*3, 3)
    new[2, 3, 3, 0] ^= 255                                                          # one pixel
    done = score_file(tmp_path/'m.safetensors', pack(save_pictures(tmp_path/'new', new)), tmp_path/'s.csv')
    said = [note for note in done['notes'] if 'in colour' in note]
    assert said==['1 of 4 pictures are in colour, all in training grey (2.png); looked at in grey.']
    model = estimator_load(tmp_path/'m.safetensors')
    with pytest.raises(ShapeError) as error: model.anomaly_score(new)
    assert is_one_line(error) and 'in colour, in training they were grey' in str(error.value)


def test_one_colour_picture_makes_a_training_in_colour(tmp_path):
    x = np.stack([grain(30, 8, 8)]*3, 3)
    x[29, 0, 0, 0] ^= 255
    est, about = fit_file(save_pictures(tmp_path/'mixed', x), tmp_path/'m.safetensors', method='pca')
    assert est.prep_.shape==[3, 8, 8] and not [note for note in about['notes'] if 'saved in colour' in note]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert Images().fit(x).shape==[3, 8, 8]


@pytest.mark.parametrize('dtype', ['u1', 'f4'])
@pytest.mark.parametrize('axis', [1, 3])
def test_arrays_of_three_equal_channels_are_grey(dtype, axis):
    grey = (grain(20, 8, 8)/(255 if dtype=='f4' else 1)).astype(dtype)
    with pytest.warns(UserWarning, match='three equal channels are read as one'):
        est = PCADetector(random_state=0).fit(np.stack([grey]*3, axis))
    assert est.prep_.shape==[1, 8, 8]
    assert np.array_equal(est.anomaly_score(grey), PCADetector(random_state=0).fit(grey).anomaly_score(grey))


def test_arrays_of_a_file_say_it_too(tmp_path):
    np.savez(tmp_path/'a.npz', x=np.stack([grain(30, 8, 8)]*3, 3))
    _, about = fit_file(tmp_path/'a.npz', tmp_path/'m.safetensors', method='pca')
    assert 'Images of three equal channels are read as one, grey.' in about['notes']


# ---- parts of a data set

PART_NAMES = [('train', 'val'), ('Train', 'VALID'), ('TRAIN', 'validation'), ('training', 'testing')]


@pytest.mark.parametrize('train, test', PART_NAMES)
@pytest.mark.parametrize('top', ['.', 'bottle'])
@pytest.mark.parametrize('pack', [Path, zipped])
def test_validation_is_the_test_where_there_is_none(tmp_path, train, test, top, pack):
    root = tmp_path/'set'
    for part, kind, n in ((train, 'good', 12), (test, 'good', 4), (test, 'crack', 3)):
        save_pictures(root/top/part/kind, grain(n, 8, 8))
    path = pack(root)
    _, about = fit_file(path, tmp_path/'m.safetensors', method='pca', normal='good')
    assert (about['rows'], about['anomalies'])==(12, 0)
    done = score_file(tmp_path/'m.safetensors', path, tmp_path/'s.csv', normal='good')
    assert (done['labels']['normal'], done['labels']['anomalies'])==(4, 3)
    is_said = test!='testing'
    for notes in (about['notes'], done['notes']):
        said = [note for note in notes if note.startswith('No folder test')]
        assert said==[f"No folder test: the pictures in {test!r} take its place."]*is_said
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        source = load('folder', size=8, root=root/top)
    said = [str(warning.message).partition(': ')[2] for warning in warned]
    assert said==[f"the pictures in {test!r} are taken for the test"]*is_said
    assert (source.classes, int(source.test.sum()), len(source))==(['crack', 'good'], 7, 19)


def test_valid_and_invalid_are_classes(tmp_path):
    for kind in ('valid', 'invalid'): save_pictures(tmp_path/'set'/kind, grain(20, 8, 8))
    _, about = fit_file(tmp_path/'set', tmp_path/'m.safetensors', method='pca', normal='valid')
    assert (about['rows'], about['normal'], about['anomalies'])==(40, 20, 20)
    assert load('folder', size=8, root=tmp_path/'set').classes==['invalid', 'valid']


def test_validation_beside_a_test_is_not_read(tmp_path):
    for part in ('train', 'val', 'TEST'): save_pictures(tmp_path/'set'/part/'good', grain(3, 8, 8))
    with pytest.warns(UserWarning, match="the pictures in 'val' are not read"):
        source = load('folder', size=8, root=tmp_path/'set')
    assert (len(source), int(source.test.sum()))==(6, 3)


# ---- what cameras and editors write, side by side

def test_kinds_of_pictures_in_one_folder(tmp_path):
    "Each is read as the grey or coloured picture that it shows"
    grey = np.linspace(0, 255, 64).round().astype('u1').reshape(8, 8)
    red = np.stack([grey, grey//2, grey//4], 2)
    alpha = np.dstack([red, np.full((8, 8), 255, 'u1')])
    alpha[:2, :, 3] = 0                                                             # shows white
    on_white = red.copy()
    on_white[:2] = 255
    turned = Image.fromarray(np.rot90(red))
    exif = turned.getexif()
    exif[0x112] = 6                                                                 # turn it back
    few = red//64*64
    folder = tmp_path/'mixed'
    folder.mkdir()
    in_three = np.stack([grey]*3, 2)
    kept = {'rgb.png':(Image.fromarray(red), red), 'grey.png':(Image.fromarray(grey), in_three),
            'deep.png':(Image.fromarray(grey.astype('u2')*257), in_three),
            'alpha.png':(Image.fromarray(alpha), on_white), 'turned.png':(turned, red),
            'grey-alpha.png':(Image.fromarray(np.dstack([grey, alpha[..., 3]]), 'LA'),
                              np.stack([np.where(alpha[..., 3], grey, 255)]*3, 2)),
            'palette.png':(Image.fromarray(few).convert('P', palette=Image.Palette.ADAPTIVE), few)}
    for name, (image, _) in kept.items(): image.save(folder/name, exif=exif if image is turned else b'')
    chunk = Pictures(folder, size=8).all()
    assert chunk.names==sorted(kept)
    for name, x in zip(chunk.names, chunk.x):
        assert np.abs(x.astype(int) - kept[name][1]).max()<=1, name
    (folder/'deep.png').unlink()                                # of one picture nobody knows what is white
    source = load('folder', size=8, root=folder)
    for name, x in zip(sorted({*kept} - {'deep.png'}), source.data):
        assert np.abs(x.permute(1, 2, 0).numpy().astype(int) - kept[name][1]).max()<=1, name


def test_load_refuses_what_has_no_known_white(tmp_path):
    for mode, why in {'I;16':'more than 8 bits', 'F':'floating-point'}.items():
        Image.new(mode, (8, 8)).save(tmp_path/'x.tif')
        with pytest.raises(DataError) as error: load('folder', size=8, root=tmp_path)
        assert is_one_line(error) and why in str(error.value) and error.value.file==tmp_path/'x.tif'


def test_only_grey_with_alpha_is_grey(tmp_path):
    shades = np.dstack([grain(8, 8), grain(8, 8, seed=1)])
    (tmp_path/'la').mkdir()
    for i in range(5): Image.fromarray(shades, 'LA').save(tmp_path/f'la/{i}.png')
    assert Pictures(tmp_path/'la').all().x.shape==(5, 8, 8, 1)


# ---- masks, and maps as large as pictures

PLACES = ['ground_truth/crack/0_mask.png', 'test/crack/0_mask.png', 'masks/crack/0.png',
          'test/crack/mask/0.png']


@pytest.mark.parametrize('mask', PLACES)
@pytest.mark.parametrize('white', [1, 255])
def test_masks_are_paired_with_their_pictures(tmp_path, mask, white):
    for folder, n in {'train/good':3, 'test/good':2, 'test/crack':1, 'test/hole':2}.items():
        save_pictures(tmp_path/folder, grain(n, 6, 9))
    hole = np.zeros((6, 9), 'u1')
    hole[2, 5] = white
    (tmp_path/mask).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(hole).save(tmp_path/mask)
    found = {name:where for name, _, where in masked_pictures(tmp_path)}
    assert [*found]==[f'test/{name}.png' for name in ('crack/0', 'good/0', 'good/1', 'hole/0', 'hole/1')]
    assert np.array_equal(found.pop('test/crack/0.png'), hole>0) and not any(m.any() for m in found.values())


def test_a_mask_belongs_to_the_test_rather_than_to_the_training():
    names = ['train/good/0.png', 'test/good/0.png', 'ground_truth/good/0.png']
    assert masks_among(names)=={'ground_truth/good/0.png':'test/good/0.png'}
    assert masks_among(['train/good/0.png', 'masks/good/0.png'])=={'masks/good/0.png':'train/good/0.png'}


def test_several_masks_of_a_picture_are_one(tmp_path):
    save_pictures(tmp_path, grain(1, 6, 9))
    for i in (1, 2): Image.fromarray(np.eye(6, 9, i, dtype='u1')*255).save(tmp_path/f'0_mask_{i}.png')
    (_, _, mask), = masked_pictures(tmp_path)
    assert np.array_equal(mask, np.eye(6, 9, 1) + np.eye(6, 9, 2)>0)


def test_maps_are_as_large_as_their_pictures(tmp_path):
    plain = [np.full((12, 16), value, 'u1') for value in range(100, 130)]
    est, _ = fit_file(save_pictures(tmp_path/'good', plain), tmp_path/'m.safetensors', 'pca', size=8, k=1)
    odd = np.full((12, 16), 110, 'u1')
    odd[:3, 12:] = 255
    one = est.anomaly_map(odd[None])
    assert one.shape==(1, 12, 16) and pixel_auroc(one, [odd==255])>.95
    small, large = est.anomaly_map([odd, np.kron(odd, np.ones((3, 3), 'u1'))])
    assert small.shape==(12, 16) and large.shape==(36, 48) and np.array_equal(small, one[0])


def test_arrays_keep_their_proportions_where_files_did(tmp_path):
    shapes = [(8, 16), (16, 8), (16, 16)]
    save_pictures(tmp_path/'good', [grain(*shapes[i%3], seed=i)//2 + 60 for i in range(30)])
    fit_file(tmp_path/'good', tmp_path/'m.safetensors', 'pca', size=16, k=1)
    model = estimator_load(tmp_path/'m.safetensors')
    for shape in shapes:
        new = grain(5, *shape, seed=99)//2 + 60
        new[:, 1:3, 1:3] = 255
        score_file(tmp_path/'m.safetensors', save_pictures(tmp_path/f'new{shape}', new), tmp_path/'s.csv')
        of_files = np.loadtxt(tmp_path/'s.csv', delimiter=',', skiprows=1, usecols=1)
        assert np.allclose(model.anomaly_score(new), of_files, rtol=5e-3)
        maps = model.anomaly_map(new)
        assert maps.shape==new.shape
        assert pixel_auroc(maps, new==255)>.9


# ---- how long a training will take

def test_a_long_training_is_said_before_it_begins(tmp_path, monkeypatch):
    folder, said = save_pictures(tmp_path/'good', grain(40, 8, 8)), []

    def no_training(*_): raise KeyboardInterrupt
    monkeypatch.setattr(fit_and_score, 'fit_rows', no_training)
    for seconds in (.2, .001):
        monkeypatch.setattr(fit_and_score, '_seconds_of_step', lambda *_, of_step=seconds: of_step)
        with pytest.raises(KeyboardInterrupt):
            fit_file(folder, tmp_path/'m.safetensors', 'alad', say=said.append)
    assert [note for note in said if 'minute' in note]==[
        "The training will take about 7 min: 2,000 passes over 40 pictures. "
        "--epochs 300 (300 passes) takes a minute, and may be worse."]


LABELLED = [name for name, cls in estimators().items() if cls.method.labelled]


@pytest.mark.parametrize('method', ['gan', LABELLED[0]])
def test_to_try_a_step_changes_nothing_of_the_training(tmp_path, method):
    for kind in ('good', 'bad'): save_pictures(tmp_path/'set'/kind, grain(30, 8, 8))
    def weights(say):
        est, _ = fit_file(tmp_path/'set', tmp_path/'m.safetensors', method, normal='good', epochs=1, say=say)
        return est.model_.state_dict()
    one, other = weights(None), weights(print)
    assert all(bool((one[name]==other[name]).all()) for name in one)
