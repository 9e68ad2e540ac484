"What is black and what is white: bits, ranges, and the same picture written by another program"
import json
import struct
import zlib
from dataclasses import asdict

import numpy as np
import pytest
from drawn import grain, is_one_line, of_type, pictures, save_pictures, zipped
from PIL import Image

from ganad.core import DataError
from ganad.data import load
from ganad.estimator import load as estimator_load
from ganad.estimator._preprocess import Images
from ganad._files.fit_and_score import fit_file, score_file
from ganad._files.scored import open_for
from ganad._files.pictures import Pictures, picture, rows_of
from ganad._files.report import report_file


# What is black and what is white

def deep_png(x, path, clear=None): # One colour that is transparent
    "A PNG of 16 bits a value: grey with alpha, colours, or colours with alpha"
    def block(kind, data):
        return struct.pack('>I', len(data)) + kind + data + struct.pack('>I', zlib.crc32(kind + data))
    height, width, channels = x.shape
    rows = b''.join(b'\0' + row.astype('>u2').tobytes() for row in x)
    head = struct.pack('>IIBBBBB', width, height, 16, {2:4, 3:2, 4:6}[channels], 0, 0, 0)
    see_through = block(b'tRNS', clear.astype('>u2').tobytes()) if clear is not None else b''
    data = block(b'IDAT', zlib.compress(rows))
    blocks = block(b'IHDR', head) + see_through + data + block(b'IEND', b'')
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


def test_pictures_of_8_bits_among_those_of_16_are_not_called_black(tmp_path):
    "Their values are smaller, and no darker"
    rng = np.random.default_rng(0)
    for i in range(12):
        of_type(f'u{1 + i%2}')(rng.integers(0, 65536 if i%2 else 256, (8, 8)), tmp_path/f'{i}')
    assert not [note for note in rows_of(tmp_path).notes() if 'black' in note]
    of_type('u1')(np.full((8, 8), 1) + np.eye(8), tmp_path/'dark')
    notes = rows_of(tmp_path).notes()
    assert any('1 picture of one colour or nearly black (dark.png)' in note for note in notes)


def with_channels(channels, clear=None):
    def save(x, path): deep_png(np.repeat(x[..., None], channels, 2), path, clear)
    return save


def deep_ppm(x, path):
    head = f'P6 {x.shape[1]} {x.shape[0]} 65535\n'.encode()
    path.write_bytes(head + np.repeat(x[..., None], 3, 2).astype('>u2').tobytes())


DROPPED = {'grey with alpha': with_channels(2), 'colours with alpha': with_channels(4), 'PPM': deep_ppm,
           'one clear colour': with_channels(3, np.arange(3))}


@pytest.mark.parametrize('kind', DROPPED)
def test_pictures_of_which_pillow_drops_bits_are_refused_everywhere(run, tmp_path, kind):
    "By one sentence, in folders and archives, by commands and in Python; half a value teaches nothing"
    why = 'more than 8 bits a value; save it with 8'
    rng = np.random.default_rng(0)
    plain = save_pictures(tmp_path/'plain', rng.integers(0, 256, (30, 8, 8)).astype('u1'))
    (tmp_path/'deep').mkdir()
    for i in range(6): DROPPED[kind](rng.integers(0, 65536, (8, 8)), tmp_path/f'deep/{i}.png')
    assert run('fit', plain, '--save', tmp_path/'m', '--method', 'pca', '--quiet')[0]==0
    model = '--model', tmp_path/'m', '--out'
    for data in (tmp_path/'deep', zipped(tmp_path/'deep')):
        for command in (['fit', data, '--save', tmp_path/'new'], ['score', data, *model, tmp_path/'s.csv'],
                        ['report', data, *model, tmp_path/'r.html'],
                        ['compare', data, plain, '--normal', 'plain', '--out', tmp_path/'c.html']):
            code, _, err = run(*command)
            assert code==2 and f'0.png: {why}' in err and err.count('\n')==1
    with pytest.raises(DataError, match=why): load('folder', size=8, root=tmp_path/'deep')
    with pytest.raises(DataError, match=why): picture(tmp_path/'deep/0.png')
    (tmp_path/'deep/0.png').rename(plain/'odd.png')
    code, _, err = run('fit', plain, '--save', tmp_path/'new', '--method', 'pca')
    assert code==0 and f'1 picture skipped; odd.png: {why}' in err                      # as a torn one
    code, _, err = run('fit', plain, '--save', tmp_path/'new', '--method', 'pca', '--strict')
    assert code==2 and 'odd.png' in err and why in err


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
