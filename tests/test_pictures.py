"Pictures of a folder or an archive: as a person sees them, or left out and listed; nothing is unfolded"
import struct
import tempfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganad.core import DataError
from ganad.files.pictures import Pictures, picture, rows_of, sha256

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
