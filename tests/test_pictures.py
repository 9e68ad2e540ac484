"Pictures and archives: what is opened, what is refused, and what is read of each kind"
import re
import struct
import tempfile
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from drawn import few, is_one_line, pictures
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ganad.core import DataError
from ganad.data import load
from ganad._files.pictures import Pictures, picture, rows_of, sha256


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
