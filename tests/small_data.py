"Small files in the formats of the real data sets, and a place without data and network for each test"
import gzip
import hashlib
import os
import pickle
import struct
import zipfile
import zlib
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from ganad import _datasets
from ganad.core import DataError
from ganad.data import Source, cache_dir
from PIL import Image

REAL = os.environ.get('GANAD_DATA')                         # before any test changes it


def real(name):
    "Skip unless the real data is there"
    is_there = REAL and (Path(REAL)/name).exists()
    return pytest.mark.skipif(not is_there, reason=f'needs {name} under GANAD_DATA')


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    "Each test has data folder and cache of its own, and no network"
    def offline(*args, **kw): raise URLError('Name or service not known')
    for name in ('GANAD_DATA', 'GANAD_CACHE'):
        (tmp_path/name).mkdir()
        monkeypatch.setenv(name, str(tmp_path/name))
    monkeypatch.setattr(_datasets, 'DEBIAN', tmp_path/'no package')
    monkeypatch.setattr('urllib.request.urlopen', offline)
    monkeypatch.setattr('torch.hub.urlopen', offline)
    return tmp_path/'GANAD_DATA'


@pytest.fixture
def elsewhere(monkeypatch):
    "The real data folder"
    monkeypatch.setenv('GANAD_DATA', str(Path(REAL).resolve()))


@pytest.fixture
def cache(): return cache_dir()


def in_cache(): return list(cache_dir().iterdir())


def put(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def refused(do, *parts, kind=DataError):
    "The error of one line, which holds all `parts`, with which `do` fails"
    with pytest.raises(kind) as caught: do()
    message = str(caught.value)
    assert '\n' not in message
    for part in parts: assert part in message
    return caught.value


def damaged(do, path):
    "It says that `path` is damaged, and leaves it alone"
    error = refused(do, 'damaged', 'replace')
    assert Path(error.file)==path
    return error


# ---- files in the formats of the real ones

def idx(x): return bytes([0, 0, 8, x.ndim]) + np.array(x.shape, '>i4').tobytes() + x.astype('u1').tobytes()


def write_idx(folder, n=40, gz=False):
    "The four files of MNIST: n training rows and half as many for the test"
    rng = np.random.RandomState(0)
    for part, count in (('train', n), ('t10k', n//2)):
        images, labels = rng.randint(0, 256, (count, 28, 28)), np.arange(count)%10
        for kind, content in (('images-idx3', idx(images)), ('labels-idx1', idx(labels))):
            name = f'{part}-{kind}-ubyte'
            if gz: put(folder/f'{name}.gz', gzip.compress(content))
            else: put(folder/name, content)


def kdd_line(i, label):
    fields = [str(i % 7)]*41
    given = {1: ['tcp', 'udp'][i%2], 2: 'http', 3: 'SF', 4: i*1000, 6: 0, 11: i%2, 20: 0, 21: 0}
    for column, value in given.items(): fields[column] = str(value)
    return ','.join(fields + [label])


def write_kdd(path, n=101):
    lines = [kdd_line(i, 'normal.' if i%5==0 else 'smurf.') for i in range(n)]
    lines.append(lines[1])                                              # a copy
    return put(path, gzip.compress('\n'.join(lines).encode() + b'\n'))


def write_pictures(folder, *names):
    for i, name in enumerate(names):
        (folder/name).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (64, 64), (10*i, 0, 200)).save(folder/name)


def deep_png(channels):
    "A PNG of 16 bits a value: grey or colours, with alpha or without, as Pillow cannot write it"
    def block(kind, content):
        size, check = (struct.pack('>I', n) for n in (len(content), zlib.crc32(kind + content)))
        return size + kind + content + check
    head = struct.pack('>IIBBBBB', 6, 4, 16, {1: 0, 2: 4, 3: 2, 4: 6}[channels], 0, 0, 0)
    rows = (b'\0' + struct.pack('>H', 300)*channels*6)*4
    blocks = block(b'IHDR', head) + block(b'IDAT', zlib.compress(rows)) + block(b'IEND', b'')
    return b'\x89PNG\r\n\x1a\n' + blocks


def deep_ppm():
    "Colours of 10 bits, which Pillow makes 8 of"
    return b'P6\n6 4\n1023\n' + np.full((4, 6, 3), 300, '>u2').tobytes()


def deep_tiff(planes):
    "A TIFF of 6×4 pixels and 16 bits a colour: pixel by pixel (one plane), or three planes, one a colour"
    pixels = struct.pack('<H', 300)*3*6*4
    size = len(pixels)//planes
    starts = [8 + size*i for i in range(planes)]
    bits = 8 + len(pixels)                                             # where the lists of more than one are
    first, second = bits + 6, bits + 6 + 4*planes
    lists = struct.pack(f'<3H{2*planes}I', 16, 16, 16, *starts, *[size]*planes)
    tags = [(256, 3, 1, 6), (257, 3, 1, 4), (258, 3, 3, bits), (259, 3, 1, 1), (262, 3, 1, 2),
            (273, 4, planes, 8 if planes==1 else first), (277, 3, 1, 3), (278, 3, 1, 4),
            (279, 4, planes, size if planes==1 else second), (284, 3, 1, 1 if planes==1 else 2)]
    directory = struct.pack('<H', len(tags)) + b''.join(struct.pack('<HHII', *tag) for tag in tags) + bytes(4)
    return b'II*\0' + struct.pack('<I', bits + len(lists)) + pixels + lists + directory


def write_archive(path, folder, *names):
    with zipfile.ZipFile(path, 'w') as file:
        for name in names: file.write(folder/name, name)


CIFAR_FOLDER = 'cifar-10-batches-py'


def cifar10(monkeypatch, **batches):
    "Pickles by file name, known to torchvision by their MD5 sums"
    dataset = _datasets._torchvision().CIFAR10
    files = {name: pickle.dumps(batch) for name, batch in batches.items()}
    meta = files['batches.meta'] = files.pop('meta')
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(dataset, 'train_list', [('data_batch_1', sums['data_batch_1'])])
    monkeypatch.setattr(dataset, 'test_list', [('test_batch', sums['test_batch'])])
    known_meta = dict(filename='batches.meta', key='label_names', md5=hashlib.md5(meta).hexdigest())
    monkeypatch.setattr(dataset, 'meta', known_meta)
    return dataset, files


PICTURES = 'train/cat/1.jpg', 'test/dog/2.jpg'


@pytest.fixture
def archive(here):
    "cifar10-jpeg.zip of two pictures"
    write_pictures(here/'p', *PICTURES)
    write_archive(here/'cifar10-jpeg.zip', here/'p', *PICTURES)
    return here/'cifar10-jpeg.zip'


def table_source():
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    y = (torch.arange(200)%5==0).long()
    x[:, 3] = 4.
    x[y==1, :3] *= 100
    return Source('table', x, y, ['normal', 'anomaly'], columns=[*'abcde'])
