"Every source and protocol on tiny files that the test makes, and the papers' counts where the real ones are"
import errno
import gzip
import hashlib
import io
import json
import os
import pickle
import tarfile
import zipfile
from email.message import Message
from functools import partial
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
import torch
from ganad import data
from ganad.core import DataError, ShapeError, UnknownName
from ganad.data import (KDD99, Arrhythmia, Halves, Imbalance, Jitter, OneClass, OneOut, Pooled, Source,
                        adbench_tables, box, by_label, cache_dir, clusters, gaussians, load, places, ring,
                        sources)
from PIL import Image
from scipy.io import savemat
from sklearn.model_selection import train_test_split

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
    monkeypatch.setattr(data, 'DEBIAN', tmp_path/'no package')
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


def write_archive(path, folder, *names):
    with zipfile.ZipFile(path, 'w') as file:
        for name in names: file.write(folder/name, name)


# ---- sources

def test_digits_need_nothing():
    source = load('digits')
    assert (len(source), source.shape, len(source.classes))==(1797, (1, 8, 8), 10)
    assert (source.x.dtype, source.y.dtype)==(torch.float32, torch.int64)
    assert source.x.min()==-1 and source.x.max()==1 and not source.test.any()
    assert source.sha256==load('digits').sha256!=load('digits', size=16).sha256
    assert load('digits', size=32).shape==(1, 32, 32)


def test_the_digest_of_the_digits_is_that_of_the_stored_results():
    assert load('digits').sha256=='59b3ec2baa774fec6e64cbc8f5670a66e7377de6615f8c30711e483a60de23cb'


@pytest.mark.parametrize('name,folder', [('mnist', 'MNIST'), ('fashion', 'FashionMNIST')])
@pytest.mark.parametrize('gz', [False, True])
def test_idx(here, name, folder, gz):
    write_idx(here/folder/'raw', gz=gz)
    source = load(name)
    assert (source.shape, source.data.dtype)==((1, 28, 28), torch.uint8)
    assert (len(source), source.test.sum())==(60, 20)
    assert source.y.tolist()==[*np.arange(40)%10, *np.arange(20)%10] and source.test[40:].all()
    assert torch.allclose(source.x, source.data.float()/127.5-1) and source.x.min()>=-1 and source.x.max()<=1
    assert load(name, size=32).shape==(1, 32, 32)


def test_fashion_of_the_debian_package(tmp_path, monkeypatch):
    monkeypatch.delenv('GANAD_DATA')
    monkeypatch.setattr(data, 'DEBIAN', tmp_path/'debian')
    write_idx(tmp_path/'debian', gz=True)
    assert len(load('fashion'))==60


HARM = {'torn': lambda content: content[:-5], 'head only': lambda content: content[:40],
        'another magic number': lambda content: b'\1' + content[1:], 'empty': lambda content: b''}


@pytest.mark.parametrize('harm', HARM.values(), ids=HARM)
def test_damaged_idx(here, harm):
    write_idx(here/'MNIST/raw')
    path = here/'MNIST/raw/t10k-images-idx3-ubyte'
    path.write_bytes(harm(path.read_bytes()))
    damaged(lambda: load('mnist'), path)


def test_damaged_gzip(here):
    write_idx(here/'MNIST/raw', gz=True)
    path = here/'MNIST/raw/train-images-idx3-ubyte.gz'
    whole = path.read_bytes()
    torn, changed = whole[:-400], whole[:200] + b'xxxx' + whole[204:]
    for content in (torn, changed):
        path.write_bytes(content)
        damaged(lambda: load('mnist'), path)


def test_labels_and_images_must_agree(here):
    write_idx(here/'MNIST/raw')
    put(here/'MNIST/raw/train-labels-idx1-ubyte', idx(np.zeros(39)))
    error = refused(lambda: load('mnist'), 'differ in number')
    assert error.file==here/'MNIST/raw'


def test_svhn(here, monkeypatch):
    x = np.random.RandomState(0).randint(0, 256, (32, 32, 3, 6)).astype('u1')
    y = np.array([[10], [1], [2], [3], [10], [9]], 'u1')                        # 10 means 0
    known_files = {}
    (here/'svhn').mkdir()
    for part in ('train', 'test'):
        path = here/'svhn'/f'{part}_32x32.mat'
        savemat(path, dict(X=x, y=y))
        known_files[part] = ['', path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(data._torchvision().SVHN, 'split_list', known_files)
    source = load('svhn')
    assert (source.shape, source.y.tolist(), source.test.sum())==((3, 32, 32), [0, 1, 2, 3, 0, 9]*2, 6)
    assert np.array_equal(source.data[2].permute(1, 2, 0).numpy(), x[..., 2])
    path.write_bytes(path.read_bytes()[:-1])
    damaged(lambda: load('svhn'), path)


CIFAR_FOLDER = 'cifar-10-batches-py'


def cifar10(monkeypatch, **batches):
    "Pickles by file name, known to torchvision by their MD5 sums"
    dataset = data._torchvision().CIFAR10
    files = {name: pickle.dumps(batch) for name, batch in batches.items()}
    meta = files['batches.meta'] = files.pop('meta')
    sums = {name: hashlib.md5(content).hexdigest() for name, content in files.items()}
    monkeypatch.setattr(dataset, 'train_list', [('data_batch_1', sums['data_batch_1'])])
    monkeypatch.setattr(dataset, 'test_list', [('test_batch', sums['test_batch'])])
    known_meta = dict(filename='batches.meta', key='label_names', md5=hashlib.md5(meta).hexdigest())
    monkeypatch.setattr(dataset, 'meta', known_meta)
    return dataset, files


def test_cifar10(here, monkeypatch):
    x = np.random.RandomState(0).randint(0, 256, (4, 3072)).astype('u1')
    names = [f'c{i}' for i in range(10)]
    _, files = cifar10(monkeypatch, data_batch_1=dict(data=x, labels=[0, 1, 2, 9]),
                       test_batch=dict(data=x[:1], labels=[3]), meta=dict(label_names=names))
    for name, content in files.items(): put(here/CIFAR_FOLDER/name, content)
    source = load('cifar10')
    assert (source.shape, source.y.tolist(), source.classes)==((3, 32, 32), [0, 1, 2, 9, 3], names)
    assert source.test.tolist()==[False]*4 + [True]
    assert np.array_equal(source.data[1].numpy().ravel(), x[1])
    path = put(here/CIFAR_FOLDER/'test_batch', b'?')
    damaged(lambda: load('cifar10'), path)


def test_linnaeus5(here):
    names = ['berry', 'bird', 'dog', 'flower', 'other']
    pictures = [f'{part}/{name}/{i}_64.jpg' for part in ('train', 'test') for name in names for i in range(3)]
    write_pictures(here/'Linnaeus 5 64X64', *pictures)
    source = load('linnaeus5')
    assert (source.classes, source.shape, source.title)==(names, (3, 64, 64), 'LINNAEUS-5')
    assert (len(source), source.test.sum())==(30, 15)
    split = OneClass('dog', val=.3).split(source)
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(2, 1, 15, 12)


def test_folder_layouts(here):
    folder = here/'a'
    write_pictures(folder, 'train/ok/1.png', 'test/ok/2.png', 'test/hole/3.PNG', 'test/hole/deep/4.jpg',
                   'train/readme.txt.png')
    source = load('folder', root=folder, size=16)
    assert (source.classes, source.shape)==(['hole', 'ok'], (3, 16, 16))  # class `hole` only in test
    assert source.test.tolist()==[False] + [True]*3
    assert load('folder', root=folder/'test').classes==['hole', 'ok']
    assert load('folder', root=folder/'test/ok').shape==(3, 64, 64)
    Image.new('L', (9, 5), 7).save(folder/'test/ok/grey.png')
    grey = load('folder', root=folder/'test/ok', size=8).data[-1]            # becomes RGB, squeezed
    assert grey.unique().tolist()==[7]


def test_bad_folders(here):
    (here/'empty/train').mkdir(parents=True)
    error = refused(lambda: load('folder', root=here/'empty'), 'no pictures', 'train/CLASS')
    assert error.file==here/'empty'
    refused(lambda: load('folder', root=here/'nowhere'), 'no folder', 'nowhere')
    assert refused(lambda: load('folder'), 'root=').option=='root'
    write_pictures(here/'p', 'a/1.png')
    whole = (here/'p/a/1.png').read_bytes()
    for content in (whole[:60], b'text', b''):
        path = put(here/'p/a/2.png', content)
        damaged(lambda: load('folder', root=here/'p'), path)


PICTURES = 'train/cat/1.jpg', 'test/dog/2.jpg'


@pytest.fixture
def archive(here):
    "cifar10-jpeg.zip of two pictures"
    write_pictures(here/'p', *PICTURES)
    write_archive(here/'cifar10-jpeg.zip', here/'p', *PICTURES)
    return here/'cifar10-jpeg.zip'


def test_archive(archive):
    source = load('cifar10-jpeg')
    again = load('cifar10-jpeg')
    assert source.title=='CIFAR-10 (JPEG copy)' and source.shape==(3, 32, 32)
    assert source.classes==['cat', 'dog']==again.classes and source.sha256==again.sha256
    assert [path.suffix for path in in_cache()]==['.npz']                 # nothing unpacked is left


@pytest.mark.parametrize('member', ['../x.jpg', 'a/../../x.jpg', '/etc/x.jpg', '..\\x.jpg'])
def test_archive_that_escapes(here, member):
    archive = here/'cifar10-jpeg.zip'
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('ok.jpg', 'x')
        file.writestr(member, 'x')
    error = refused(lambda: load('cifar10-jpeg'), 'refused', 'x.jpg')
    assert error.file==archive
    assert not in_cache() and list(here.iterdir())==[archive]


def test_damaged_archive(here):
    archive = here/'cifar10-jpeg.zip'
    with zipfile.ZipFile(archive, 'w') as file: file.writestr('train/a/1.jpg', 'whole')
    whole = archive.read_bytes()
    for content in (whole.replace(b'whole', b'whale'), whole[:30], b''):
        put(archive, content)
        damaged(lambda: load('cifar10-jpeg'), archive)
    assert not in_cache()


def test_kdd(here, monkeypatch):
    path = write_kdd(here/'kddcup99/kddcup.data_10_percent.gz')
    assert 'SHA-256' in damaged(lambda: load('kdd99'), path).what
    monkeypatch.setattr(data, '_KDD_SHA', hashlib.sha256(path.read_bytes()).hexdigest())
    source = load('kdd99')
    n_columns = 34+2+1+1+1+2+1+1
    assert (len(source), source.shape, source.classes)==(102, (n_columns,), ['normal.', 'smurf.'])
    pd = pytest.importorskip('pandas')
    frame = pd.read_csv(path, header=None, names=data._KDD_COLUMNS+['label'])
    categories = data._KDD_CATEGORIES
    one_hot = pd.get_dummies(frame[categories].astype(str), prefix_sep='=')
    expected = pd.concat([frame.drop(columns=categories+['label']), one_hot], axis=1)
    assert source.columns==[*expected] and np.array_equal(source.x.numpy(), expected.to_numpy('f4'))
    split = KDD99(raw=True).split(source)
    half = frame.sample(frac=.5, random_state=42)
    assert split.rows['train'].tolist()==sorted(half[half.label!='normal.'].index)
    assert split.rows['test'].tolist()==sorted(set(frame.index)-set(half.index))
    is_anomaly = frame.label[split.rows['test'].numpy()]=='normal.'
    assert split.y.tolist()==is_anomaly.astype(int).tolist()


def test_bad_kdd(here):
    path = here/'k.gz'
    def read(*lines): return data._read_kdd(put(path, gzip.compress('\n'.join(lines).encode())))
    good = kdd_line(1, 'smurf.')
    damaged(lambda: read(good, good[:-20]), path)
    assert 'many' in damaged(lambda: read(good, good.replace('1000', 'many')), path).what
    for bad in ('nan', 'inf'):
        error = refused(partial(read, good, good, good.replace('1000', bad)), bad)
        assert (error.file, error.row, error.line, error.column)==(path, 2, 3, 'src_bytes')
    torn = gzip.compress(good.encode()*99)[:-9]
    damaged(lambda: data._read_kdd(put(path, torn)), path)


def test_arrhythmia(here):
    path = here/'arrhythmia/arrhythmia.mat'
    path.parent.mkdir()
    x = np.random.RandomState(0).randn(20, 3)
    savemat(path, dict(X=x, y=np.arange(20)[:, None]%4==0))
    source = load('arrhythmia')
    assert (source.shape, source.classes, source.y.sum())==((3,), ['normal', 'anomaly'], 5)
    assert np.allclose(source.x, x)
    x[3, 1] = np.nan
    savemat(path, dict(X=x, y=np.zeros(20)))
    error = refused(lambda: load('arrhythmia'), 'nan')
    assert (error.file, error.row, error.column)==(path, 3, 'x1')
    savemat(path, dict(Z=x))
    damaged(lambda: load('arrhythmia'), path)


def save_table(path, **arrays):
    "An NPZ file as ADBench has them"
    path.parent.mkdir(exist_ok=True)
    np.savez(path, **arrays)
    return path


def test_a_table_of_adbench(here):
    x, y = np.arange(60.).reshape(20, 3), np.arange(20)%4==0
    path = save_table(here/'adbench/31_satimage-2.npz', X=x, y=y.astype('i4'))
    source = load('adbench/satimage-2')
    assert (source.name, source.shape, source.classes)==('adbench/satimage-2', (3,), ['normal', 'anomaly'])
    assert np.array_equal(source.x, x) and np.array_equal(source.y, y)
    assert data.place_of('adbench')==str(here/'adbench')
    error = refused(lambda: load('adbench/wine'), 'is not here', 'datasets/Classical')
    assert str(here) in error.what and '45_wine.npz' in error.mend
    refused(lambda: load('adbench/satimage-2', size=8), 'is a table')
    with pytest.raises(UnknownName, match="no table of ADBench 'w'; there are: ALOI, "): load('adbench/w')
    x[3, 1] = np.nan
    save_table(path, X=x, y=y)
    error = refused(lambda: load('adbench/satimage-2'), 'nan')
    assert (error.file, error.row, error.column)==(path, 3, 'x1')


NO_TABLES = {'no labels': dict(X=np.eye(3)), 'a label too few': dict(X=np.eye(3), y=[0, 1]),
             'words': dict(X=np.array([['a'], ['b']]), y=[0, 1]),
             'a program': dict(X=np.eye(2), y=np.array([print, 1], object))}


@pytest.mark.parametrize('kind', NO_TABLES)
def test_a_file_that_is_no_table_of_adbench(here, kind):
    path = save_table(here/'adbench/45_wine.npz', **NO_TABLES[kind])
    damaged(lambda: load('adbench/wine'), path)


def xrays(parts, labels=None):
    "Pictures and labels of PneumoniaMNIST, as its file has them: `parts` is the number of each"
    arrays = {f'{part}_images': np.full((n, 28, 28), n, 'u1') for part, n in parts.items()}
    return arrays | {f'{part}_labels': np.arange(labels or n)[:, None]%2 for part, n in parts.items()}


def test_xrays(here):
    path = here/'pneumoniamnist.npz'
    np.savez(path, **xrays(dict(train=6, val=4, test=2)))
    source = load('pneumonia')
    assert (source.shape, source.classes)==((1, 28, 28), ['healthy', 'pneumonia'])
    assert source.y.tolist()==[0, 1]*6 and source.test.tolist()==[False]*10 + [True]*2
    split = OneClass('healthy', val=0).split(source)
    assert split.rows['train'].tolist()==[0, 2, 4, 6, 8] and split.rows['test'].tolist()==[10, 11]
    np.savez(path, **xrays(dict(train=6, val=4, test=2), labels=3))
    damaged(lambda: load('pneumonia'), path)


# ---- a cache that was interrupted, a disk that is full, a folder that is forbidden

class Web:
    "Answers with `files` (name → bytes), and breaks off after `most` bytes of each"
    def __init__(self, monkeypatch, files):
        self.files = files
        self.most = None
        self.asked = []
        monkeypatch.setattr('urllib.request.urlopen', self.open)
        monkeypatch.setattr('torch.hub.urlopen', self.open)

    def open(self, request, *args, **kw):
        name = request.full_url.split('/')[-1]
        if request.get_method()!='HEAD': self.asked.append(name)
        if self.most==0: raise URLError('Name or service not known')
        answer = io.BytesIO(self.files[name][:self.most])
        answer.url = request.full_url
        answer.length = len(self.files[name])
        answer.info = Message
        return answer


def download_fails(do, *parts): return refused(do, 'download failed', 'set GANAD_DATA', *parts)


def svhn(monkeypatch):
    "Two small files, known to torchvision by their MD5 sums"
    files, known_files = {}, {}
    for part in ('train', 'test'):
        file = io.BytesIO()
        savemat(file, dict(X=np.full((32, 32, 3, 6), len(part), 'u1'), y=np.zeros((6, 1), 'u1')))
        name, content = f'{part}_32x32.mat', file.getvalue()
        files[name] = content
        known_files[part] = [f'http://svhn/{name}', name, hashlib.md5(content).hexdigest()]
    monkeypatch.setattr(data._torchvision().SVHN, 'split_list', known_files)
    return Web(monkeypatch, files)


def test_svhn_goes_on_after_half_a_download(cache, monkeypatch):
    web = svhn(monkeypatch)
    web.most = 500
    download_fails(lambda: load('svhn'), 'SVHN')
    assert (cache/'svhn/train_32x32.mat').stat().st_size==500            # what blocked the next try
    web.most = 0
    download_fails(lambda: load('svhn'), 'train_32x32.mat is damaged', 'Name or service not known')
    web.most = None
    assert len(load('svhn'))==12 and len(web.asked)>=3
    web.asked.clear()
    load('svhn')
    assert not web.asked                                                 # whole: nothing is fetched


def test_cifar10_goes_on_after_half_an_unpacking(cache, monkeypatch):
    dataset, files = cifar10(monkeypatch, data_batch_1=dict(data=np.zeros((2, 3072), 'u1'), labels=[0, 1]),
                             test_batch=dict(data=np.ones((1, 3072), 'u1'), labels=[1]),
                             meta=dict(label_names=['a', 'b']))
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode='w:gz') as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f'{CIFAR_FOLDER}/{name}')
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    monkeypatch.setattr(dataset, 'tgz_md5', hashlib.md5(packed.getvalue()).hexdigest())
    web = Web(monkeypatch, {dataset.filename: packed.getvalue()})
    put(cache/CIFAR_FOLDER/'data_batch_1', files['data_batch_1'][:99])      # killed while unpacking
    assert load('cifar10').y.tolist()==[0, 1, 1] and {*web.asked}=={dataset.filename}


def mnist(monkeypatch, folder):
    "Four small gzipped files in `folder`, known to torchvision by their MD5 sums"
    write_idx(folder, gz=True)
    files = {path.name: path.read_bytes() for path in folder.iterdir()}
    sums = [(name, hashlib.md5(content).hexdigest()) for name, content in files.items()]
    monkeypatch.setattr(data._torchvision().MNIST, 'resources', sums)
    unpacked = {name: gzip.decompress(content) for name, content in files.items()}
    shas = [hashlib.sha256(unpacked[f'{name}.gz']).hexdigest() for name in data._IDX_FILES]
    monkeypatch.setitem(data._IDX_SHA, 'MNIST', shas)
    return Web(monkeypatch, files)


@pytest.mark.parametrize('gz', [False, True])
def test_mnist_goes_on_after_half_a_file(cache, monkeypatch, gz):
    folder = cache/'MNIST/raw'
    web = mnist(monkeypatch, folder)
    torn = folder/'train-images-idx3-ubyte'
    if gz: torn = torn.with_name(f'{torn.name}.gz')
    else:
        for path in list(folder.glob('*.gz')): put(folder/path.stem, gzip.decompress(path.read_bytes()))
    torn.write_bytes(torn.read_bytes()[:999])
    assert len(load('mnist'))==60
    assert {*web.asked}==({torn.name} if gz else set())                 # fetched, or unpacked again


@pytest.mark.parametrize('gz', [False, True])
def test_what_was_changed_in_the_cache_is_fetched_again(cache, monkeypatch, gz):
    folder = cache/'MNIST/raw'
    web = mnist(monkeypatch, folder)
    if not gz: load('mnist')
    changed = folder/'t10k-labels-idx1-ubyte'
    if gz: changed = changed.with_name(f'{changed.name}.gz')
    else:
        for path in folder.glob('*.gz'): put(path.with_suffix(''), gzip.decompress(path.read_bytes()))
    content = gzip.decompress(changed.read_bytes()) if gz else changed.read_bytes()
    forged = content[:-1] + bytes([content[-1]^1])                      # as long as before, another label
    changed.write_bytes(gzip.compress(forged) if gz else forged)
    assert len(load('mnist'))==60 and {*web.asked}==({changed.name} if gz else set())
    unpacked = changed.with_suffix('') if gz else changed
    assert unpacked.read_bytes()==content


def test_every_download_is_https_and_has_a_sum(cache, monkeypatch):
    asked = []
    def answer(url, path, **_):
        asked.append(url)
        Path(path).write_bytes(b'forged')
    monkeypatch.setattr('torch.hub.download_url_to_file', answer)
    for name in ('mnist', 'fashion', 'cifar10', 'svhn'):
        refused(partial(load, name), 'another check sum')
    with pytest.raises(DataError): load('kdd99')
    assert len(asked)==5 and all(url.startswith('https://') for url in asked)


def test_kdd_goes_on_after_half_a_file(cache, monkeypatch):
    path = write_kdd(cache/'kddcup99/kddcup.data_10_percent.gz')
    whole = path.read_bytes()
    monkeypatch.setattr(data, '_KDD_SHA', hashlib.sha256(whole).hexdigest())
    web = Web(monkeypatch, {data._KDD_URL.split('/')[-1]: whole})
    path.write_bytes(whole[:-9])
    web.most = 20
    download_fails(lambda: load('kdd99'), f'{path} is damaged', 'invalid hash value')
    web.most = None
    assert len(load('kdd99'))==102 and path.read_bytes()==whole and list(path.parent.iterdir())==[path]


def test_what_is_yours_is_never_fetched_over(here, monkeypatch):
    web = svhn(monkeypatch)
    for name, content in web.files.items(): put(here/'svhn'/name, content[:-1])
    damaged(lambda: load('svhn'), here/'svhn/train_32x32.mat')
    damaged(lambda: load('kdd99'), write_kdd(here/'kddcup99/kddcup.data_10_percent.gz'))
    write_idx(here/'MNIST/raw')
    half = put(here/'MNIST/raw/train-images-idx3-ubyte', b'half')
    damaged(lambda: load('mnist'), half)
    assert not web.asked and half.read_bytes()==b'half' and (here/'svhn/test_32x32.mat').exists()


FULL = errno.ENOSPC, 'no space left on device', 'free some'
BARRED = errno.EACCES, 'permission denied', 'make it accessible'
full_or_barred = pytest.mark.parametrize('number,what,mend', [FULL, BARRED], ids=['full', 'barred'])


def failing(number, name=None):
    def fail(*args, **kw): raise OSError(number, os.strerror(number), name)
    return fail


@pytest.mark.parametrize('function', ['zipfile.ZipFile.extractall', 'numpy.savez'])
@full_or_barred
def test_no_place_to_unpack(archive, monkeypatch, function, number, what, mend):
    "The archive is whole, and the message does not say otherwise"
    monkeypatch.setattr(function, failing(number))
    error = refused(lambda: load('cifar10-jpeg'), what, mend)
    assert error.what==what and error.mend.startswith(mend)
    assert not in_cache()


@full_or_barred
def test_no_place_to_download_to(cache, monkeypatch, number, what, mend):
    svhn(monkeypatch)
    path = str(cache/'svhn/train_32x32.mat')
    monkeypatch.setattr('torch.hub.download_url_to_file', failing(number, path))
    error = refused(lambda: load('svhn'))
    assert (error.file, error.what)==(path, what)
    assert error.mend.startswith(mend)                             # and not: connect to the network


@pytest.mark.parametrize('name,where', [('mnist', 'MNIST/raw/t10k-images-idx3-ubyte'),
                                        ('kdd99', 'kddcup99/kddcup.data_10_percent.gz'),
                                        ('arrhythmia', 'arrhythmia/arrhythmia.mat'),
                                        ('cifar10-jpeg', 'cifar10-jpeg.zip')])
def test_a_file_that_may_not_be_read(here, monkeypatch, name, where):
    write_idx(here/'MNIST/raw')
    barred = put(here/where, b'?')
    opened = io.open
    def guarded(file, *args, **kw):
        if str(file)==str(barred): failing(errno.EACCES, str(file))()
        return opened(file, *args, **kw)
    monkeypatch.setattr('builtins.open', guarded)
    monkeypatch.setattr('io.open', guarded)
    error = refused(lambda: load(name), *BARRED[1:])
    assert Path(error.file)==barred and error.what==BARRED[1]


# ---- what is not there

WAYS = dict.fromkeys(('mnist', 'fashion', 'cifar10', 'svhn', 'kdd99'), 'connect to the network')
WAYS |= {'linnaeus5': 'chaladze.com/l5', 'cifar10-jpeg': "use 'cifar10'",
         'arrhythmia': 'odds.cs.stonybrook.edu',
         'adbench/wine': 'github.com/Minqi824/ADBench', 'pneumonia': 'medmnist.com'}


def test_every_source_says_how_to_get_it():
    assert {name.partition('/')[0] for name in WAYS}=={*sources()} - {'digits', 'folder'}


@pytest.mark.parametrize('name', WAYS)
def test_no_data_and_no_network(name):
    error = refused(lambda: load(name), 'is not here', 'set GANAD_DATA to', WAYS[name])
    for folder in places(): assert str(folder) in error.what.partition('looked in')[2]
    assert not [path for path in cache_dir().rglob('*') if path.is_file()]    # nothing half-written


def test_fashion_names_the_package():
    refused(lambda: load('fashion'), "Debian's package dataset-fashion-mnist", str(data.DEBIAN))


def test_unknown_names(here, monkeypatch):
    refused(lambda: load('minst'), "no data set 'minst'", 'digits, mnist, fashion', kind=UnknownName)
    digits = load('digits')
    protocols = [OneClass('cat'), OneClass(10), OneClass(-1), OneOut('cat'), Pooled('cat'), KDD99(),
                 Arrhythmia()]
    for protocol in protocols:
        refused(partial(protocol.split, digits), 'no class of digits', '0, 1, 2', kind=UnknownName)
    monkeypatch.setenv('GANAD_DATA', str(here/'nowhere'))
    refused(lambda: load('mnist'), 'no folder', 'nowhere')


def test_size_is_for_images(here):
    (here/'arrhythmia').mkdir()
    savemat(here/'arrhythmia/arrhythmia.mat', dict(X=np.eye(3), y=np.zeros(3)))
    assert refused(lambda: load('arrhythmia', size=8), 'is a table').option=='size'


# ---- protocols

def image_source(official):
    "10 classes of 30 pictures; row i is filled with i/300"
    x = (torch.arange(300)/300).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    is_test = torch.arange(300)>=200 if official else None
    return Source('ten', x, torch.arange(300)%10, [*'abcdefghij'], is_test)


def table_source():
    x = torch.randn(200, 5, generator=torch.Generator().manual_seed(0))
    y = (torch.arange(200)%5==0).long()
    x[:, 3] = 4.
    x[y==1, :3] *= 100
    return Source('table', x, y, ['normal', 'anomaly'], columns=[*'abcde'])


def kdd_source():
    source = table_source()
    source.classes = ['smurf.', 'normal.']
    return source


CASES = [(OneClass('c'), image_source(True)), (OneClass(2), image_source(False)),
         (OneOut('c'), image_source(True)), (OneOut(2, val=0), image_source(False)),
         (Pooled('c'), image_source(True)), (KDD99(), kdd_source()),
         (KDD99(val=.2), kdd_source()), (Arrhythmia(), table_source()), (Arrhythmia(val=.2), table_source()),
         (Arrhythmia(clean=False, val=.2), table_source()), (OneClass('normal'), table_source()),
         (Halves(), table_source()), (Halves(val=.2), table_source())]
IDS = [f'{type(protocol).__name__}{i}' for i, (protocol, _) in enumerate(CASES)]
cases = pytest.mark.parametrize('protocol,source', CASES, ids=IDS)


def with_fields(protocol, **fields): return type(protocol)(**protocol.__dict__ | fields)


def anomalies(protocol, source):
    "Which rows are anomalous, worked out here"
    if isinstance(protocol, OneOut): return source.y==source.class_index(protocol.anomaly)
    if isinstance(protocol, KDD99): return source.y==source.class_index('normal.')
    return source.y!=source.class_index(protocol.normal)


@cases
def test_rows_are_disjoint_pure_and_seeded(protocol, source):
    split, again = protocol.split(source), protocol.split(source)
    every = torch.cat([*split.rows.values()])
    assert len(every.unique())==len(every)
    for part in ('train', 'val', 'test', 'y'): assert torch.equal(getattr(split, part), getattr(again, part))
    other = with_fields(protocol, seed=7).split(source)
    assert not torch.equal(split.rows['train'], other.rows['train'])


@cases
def test_labels_are_those_of_the_rows(protocol, source):
    split = protocol.split(source)
    train, val, test = split.rows.values()
    assert [len(split.train), len(split.val), len(split.test)]==[len(train), len(val), len(test)]
    assert len(split.y)==len(test)
    assert (split.train.dtype, split.test.dtype, split.y.dtype)==(torch.float32, torch.float32, torch.int64)
    is_anomaly = anomalies(protocol, source)
    assert torch.equal(split.y, is_anomaly[test].long()) and not is_anomaly[val].any()
    if getattr(protocol, 'clean', True): assert not is_anomaly[train].any()
    assert 0<split.base_rate<1 and split.base_rate==split.y.float().mean()


@cases
def test_a_protocol_can_be_written_down(protocol, source):
    fields = protocol.to_dict()
    assert isinstance(hash(protocol), int) and json.loads(json.dumps(fields))==fields and fields['normal']


@cases
def test_limits(protocol, source):
    full, few = protocol.split(source), with_fields(protocol, n_train=9, n_test=20).split(source)
    assert len(few.train)<=9 and abs(len(few.test)-20)<=1 and abs(few.base_rate-full.base_rate)<.06
    for part in ('train', 'test'): assert {*few.rows[part].tolist()} <= {*full.rows[part].tolist()}


def test_official_split_is_kept():
    split = OneClass('c').split(image_source(True))
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(18, 2, 100, 90)
    assert split.rows['test'].tolist()==[*range(200, 300)]
    assert max(split.rows['train'].max(), split.rows['val'].max())<200


def test_shares():
    source = image_source(False)
    split = OneClass('c').split(source)
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(13, 2, 15+270, 270)
    split = OneOut('c').split(source)
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(194, 22, 54+30, 30)
    rest, test = train_test_split(np.arange(300), test_size=.2, random_state=42)
    train, _ = train_test_split(rest, test_size=.25, random_state=42)
    split = Pooled('c').split(source)
    assert split.rows['test'].tolist()==sorted(test)
    assert split.rows['train'].tolist()==sorted(row for row in train if row%10==2)


def test_halves_leave_anomalies_to_choose_by():
    source = table_source()
    split, chosen = Halves().split(source), Halves(choose=True).split(source)
    assert (len(split.train), len(split.test), split.y.sum())==(80, 80+20, 20)
    assert (len(chosen.train), len(chosen.test), chosen.y.sum())==(64, 16+4, 4)
    assert {*chosen.rows['train'].tolist()} < {*split.rows['train'].tolist()}
    assert not {*chosen.rows['test'].tolist()} & {*split.rows['test'].tolist()}
    assert split.test.abs().max()>100                                   # far out stays far out


@pytest.mark.parametrize('protocol,source', [case for case in CASES if not case[1].is_image])
def test_scaler_sees_training_rows_only(protocol, source):
    split = protocol.split(source)
    changed = Source(source.name, source.data.clone(), source.y, source.classes)
    unseen = torch.cat([split.rows['val'], split.rows['test']])
    changed.data[unseen] = changed.data[unseen]*3+5
    other = protocol.split(changed)
    assert torch.equal(other.train, split.train)
    assert split.train[:, 3].unique().tolist()==[0]                     # a constant …
    assert not other.test[:, 3].eq(0).any()                             # … that changes
    assert split.test.abs().max() <= {Arrhythmia: 10, Halves: 1e6}.get(type(protocol), 3)
    raw = with_fields(protocol, raw=True).split(source)
    assert torch.equal(raw.train, source.x[split.rows['train']])


def test_bad_protocols():
    source = image_source(False)
    for option, value in dict(val=1., test_size=-.1, n_train=0, n_test=1).items():
        protocol = OneClass('c', **{option: value})
        error = refused(partial(protocol.split, source), f'{option}={value}')
        assert error.option==option
    source.y[:] = 3
    refused(lambda: OneClass('c').split(source), 'ten has no rows of c to train on')
    refused(lambda: OneClass('d').split(source), 'test rows must be normal and anomalous')


# ---- some anomalies are known

def spotted(official, n=40):
    "5 classes of n pictures, each of 4 forms that differ by far and in number; and the form of each row"
    y, place = torch.arange(5*n)%5, torch.arange(5*n)//5
    form = torch.tensor([0, 0, 0, 0, 1, 1, 2, 3])[place%8]
    x = torch.zeros(5*n, 1, 4, 4) - 1
    x[torch.arange(5*n), 0, form, y%4] = 1.
    x += .001*torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return Source('spots', x.clamp(-1, 1), y, [*'abcde'], place>=n//2 if official else None), form


def known_of_class(source, split):
    "How many known anomalies of each class"
    return source.y[split.rows['known']].bincount(minlength=len(source.classes)).tolist()


def classes_in(source, split, part): return {*source.y[split.rows[part]].tolist()}


both = pytest.mark.parametrize('official', [True, False])


@both
@pytest.mark.parametrize('sampling', data.SAMPLING)
@pytest.mark.parametrize('choose', [False, True])
def test_imbalance_promises(official, sampling, choose):
    "Disjoint, pure, seeded; labels and rows agree; known are anomalies, never of a class that is held out"
    source, _ = spotted(official, 80)
    fields = dict(sampling=sampling, k=3, held=('b',), choose=choose)
    protocol = Imbalance('c', **fields)
    split = protocol.split(source)
    again = Imbalance(2, **fields).split(source)
    other = Imbalance('c', seed=7, **fields).split(source)
    every = torch.cat([*split.rows.values()])
    assert [*split.rows]==['train', 'val', 'test', 'known'] and len(every.unique())==len(every)
    for part in ('train', 'known'):
        assert torch.equal(split.rows[part], again.rows[part])
        assert not torch.equal(split.rows[part], other.rows[part])
    for part, rows in split.rows.items(): assert torch.equal(getattr(split, part), source.x[rows])
    assert torch.equal(split.y, (source.y[split.rows['test']]!=2).long())
    assert classes_in(source, split, 'test')=={0, 1, 2, 3, 4} and classes_in(source, split, 'train')=={2}
    assert classes_in(source, split, 'known')=={0, 3, 4} and len(split.known)==len(split.train)
    if official and not choose: assert source.test[split.rows['test']].all()
    if official and choose: assert not source.test[every].any()
    fields = protocol.to_dict()
    assert json.loads(json.dumps(fields))==fields and fields['held']==['b']
    assert isinstance(hash(protocol), int)


@both
def test_imbalance_shares_the_normals_and_the_test_of_oneclass(official):
    source, _ = spotted(official)
    split, of_oneclass = Imbalance('c', k=3).split(source), OneClass('c').split(source)
    assert torch.equal(split.rows['train'], of_oneclass.rows['train'])
    assert torch.equal(split.rows['val'], of_oneclass.rows['val'])
    if official: assert torch.equal(split.test, of_oneclass.test) and torch.equal(split.y, of_oneclass.y)
    else: assert source.y[split.rows['test']].bincount().tolist()==[20]*5       # half of each class
    few_known = Imbalance('c', known=3, k=3).split(source)
    assert few_known.rows['test'].tolist()==split.rows['test'].tolist()          # whatever is known


@both
@pytest.mark.parametrize('n', [1, 2, 4, 7, 10, 16, 33, None])
@pytest.mark.parametrize('sampling', ['kmeans', 'random'])
def test_known_are_equally_many_of_each_class(official, n, sampling):
    source, _ = spotted(official)
    for seed in range(3):
        split = Imbalance('c', known=n, k=3, sampling=sampling, seed=seed).split(source)
        counts = known_of_class(source, split)
        assert sum(counts)==(n or len(split.train))
        assert counts.pop(2)==0 and max(counts)-min(counts)<=1


@both
def test_what_is_left_over_is_dealt_out_by_seed(official):
    source, _ = spotted(official)
    splits = [Imbalance('c', known=1, k=3, seed=seed).split(source) for seed in range(30)]
    assert set.union(*(classes_in(source, split, 'known') for split in splits))=={0, 1, 3, 4}


def test_a_class_with_few_rows_gives_what_it_has():
    source, _ = spotted(False)
    few = Source('few', source.data, source.y, source.classes, (source.y==0) & (torch.arange(len(source))>10))
    few.test[source.y==2] = torch.arange(40)>=20
    split = Imbalance('c', known=18, sampling='random').split(few)      # 3 training rows of class a
    assert known_of_class(few, split)==[3, 5, 0, 5, 5]


@pytest.mark.parametrize('seed', range(3))
def test_clusters_keep_their_share(seed):
    "A quarter of each class is form 1, an eighth is 2, an eighth 3: so are the known"
    source, form = spotted(True, 128)                                  # 64 training rows of a class
    def forms(n):
        split = Imbalance('c', known=n, k=4, seed=seed).split(source)
        known_form, label = form[split.rows['known']], source.y[split.rows['known']]
        return [known_form[label==i].bincount().tolist() for i in (0, 1, 3, 4)]
    assert forms(4*16)==[[8, 4, 2, 2]]*4
    assert forms(4*9)==[[5, 2, 1, 1]]*4                                    # 4.5, 2.25, 1.125, 1.125


def test_random_draws_do_not_keep_the_share():
    source, form = spotted(True, 128)
    splits = [Imbalance('c', known=64, sampling='random', seed=seed).split(source) for seed in range(5)]
    assert any(form[split.rows['known']].bincount().tolist()!=[32, 16, 8, 8] for split in splits)


@pytest.mark.parametrize('seed', [0, 3])
@pytest.mark.parametrize('label', [0, 5, 9])
def test_clusters_keep_their_share_on_digits(label, seed):
    source = load('digits')
    split = Imbalance(8, seed=seed).split(source)
    rows = np.setdiff1d(np.flatnonzero(source.y==label), split.rows['test'].numpy())
    known = split.rows['known'][source.y[split.rows['known']]==label].numpy()
    k = min(10, len(known))
    cluster = clusters(source.rows(rows), k, seed)
    sizes = np.bincount(cluster, minlength=k)
    drawn = np.bincount(cluster[np.searchsorted(rows, known)], minlength=k)
    assert np.abs(drawn-len(known)*sizes/len(rows)).max()<1
    assert drawn.tolist()==data._by_share(len(known), sizes).tolist()


@pytest.mark.parametrize('n', [20, 23])
def test_pooled_is_equal_per_cluster(n):
    source, _ = spotted(True, 128)
    rows = np.flatnonzero((source.y!=2).numpy() & ~source.test.numpy())
    cluster = clusters(source.rows(rows), 5, 0)
    known = Imbalance('c', known=n, k=5, sampling='pooled').split(source).rows['known'].numpy()
    counts = np.bincount(cluster[np.searchsorted(rows, known)], minlength=5)
    assert counts.sum()==n and counts.max()-counts.min()<=1


def whole_numbers():
    "200 times sizes of groups, and how many to draw of all"
    rng = np.random.RandomState(0)
    for _ in range(200):
        sizes = rng.randint(0, 30, rng.randint(1, 8))
        sizes[0] += 1
        yield rng.randint(0, sizes.sum()+1), sizes


def test_shares_are_rounded_by_the_largest_remainder():
    for n, sizes in whole_numbers():
        exact, counts = n*sizes/sizes.sum(), data._by_share(n, sizes)
        assert counts.sum()==n and (np.abs(counts-exact)<1).all() and (counts<=sizes).all()
        remainder, is_up = exact - np.floor(exact), counts>np.floor(exact+1e-9)
        if is_up.any() and not is_up.all(): assert remainder[is_up].min()>=remainder[~is_up].max()-1e-9


def test_turns_give_to_each_group_until_it_has_no_more():
    rng = np.random.RandomState(0)
    for n, sizes in whole_numbers():
        counts = data._deal(n, sizes, rng)
        assert counts.sum()==n and (counts<=sizes).all()
        assert (counts>=np.minimum(sizes, counts.max()-1)).all()


def test_clusters():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    x[25:, 1] += 60
    x[:, 0] *= 1e6                                                                    # another unit
    assert clusters(x, 2).tolist() in ([0]*25+[1]*25, [1]*25+[0]*25)
    assert clusters(x[:1], 1).tolist()==[0]
    assert len(clusters(x.repeat(200, 1), 5))==10_000                         # more than it fits on


def test_imbalance_takes_tables_and_limits():
    source = table_source()
    split = Imbalance('normal', known=7, k=4).split(source)
    assert split.known.shape==(7, 5)
    assert split.known.abs().max()<=3 and split.train.abs().max()<=1+1e-6    # scaled as training is
    raw = Imbalance('normal', known=7, k=4, raw=True).split(source)
    assert torch.equal(raw.known, source.x[split.rows['known']])
    few = Imbalance('normal', k=4, n_train=9, n_test=20).split(source)
    assert (len(few.train), len(few.known))==(9, 9) and abs(len(few.test)-20)<=1


@cases
def test_other_protocols_know_no_anomalies(protocol, source):
    split = protocol.split(source)
    assert split.known.shape==(0, *source.shape) and [*split.rows]==['train', 'val', 'test']
    assert 'known' not in repr(split) and 'known' not in protocol.to_dict()


def test_a_split_says_how_many_anomalies_are_known():
    source, _ = spotted(True)
    assert ', 2 known anomalies; normal: c' in repr(Imbalance('c', known=2, k=2).split(source))
    assert ', 1 known anomaly; normal: c' in repr(Imbalance('c', known=1, k=2).split(source))


BAD_IMBALANCE = [
    (dict(k=21), 'k', 'k=21 is more than the 20 rows of class a; give a smaller k'),
    (dict(k=81, sampling='pooled'), 'k', 'k=81 is more than the 80 rows of all anomaly classes'),
    (dict(known=0), 'known', 'known=0 is too few; give 1 or more'), (dict(k=0), 'k', 'k=0 is too few'),
    (dict(known=81, k=5), 'known', 'known=80 or less'),
    (dict(known=41, k=5, held=[*'ab']), 'known', 'known=40 or less'),
    (dict(held='c'), 'held', 'held= names c, the normal class'),
    (dict(held=('a', 2)), 'held', 'held= names c'),
    (dict(held=[*'abde']), 'held', 'leave one in training')]


@both
@pytest.mark.parametrize('fields,option,says', BAD_IMBALANCE, ids=[str(bad[0]) for bad in BAD_IMBALANCE])
def test_bad_imbalance(official, fields, option, says):
    source, _ = spotted(official)
    assert refused(lambda: Imbalance('c', **fields).split(source), says).option==option


@both
def test_unknown_names_of_an_imbalance(official):
    source, _ = spotted(official)
    says = "no class of spots 'z'; there are: a, b"
    refused(lambda: Imbalance('c', held=('a', 'z')).split(source), says, kind=UnknownName)
    says = "no sampling 'means'; there are: kmeans, random, pooled"
    refused(lambda: Imbalance('c', sampling='means').split(source), says, kind=UnknownName)


@both
def test_random_draws_need_no_clusters(official):
    source, _ = spotted(official)
    assert len(Imbalance('c', k=21, sampling='random').split(source).known)==18


@both
def test_choices_need_anomalies_that_nobody_uses(official):
    source, _ = spotted(official)
    protocol = Imbalance('c', choose=True, known=80, k=5)
    error = refused(lambda: protocol.split(source), 'choose=True needs anomalies')
    assert error.option=='choose'


def test_a_class_without_training_rows_must_be_held_out():
    source, _ = spotted(True)
    source.test = source.test | (source.y==3)
    refused(lambda: Imbalance('c', k=5).split(source), 'spots has no training rows of class d', 'held=')
    assert len(Imbalance('c', k=5, held='d').split(source).known)==18


@pytest.mark.parametrize('held', [['a', 'b'], (0, 1), ('a', 1), np.array(['a', 'b'])], ids=str)
def test_held_may_be_written_in_many_ways(held):
    source, _ = spotted(True)
    expected = Imbalance('c', k=5, held=('a', 'b')).split(source)
    assert torch.equal(Imbalance('c', k=5, held=held).split(source).rows['known'], expected.rows['known'])


def test_one_held_class_needs_no_list():
    assert Imbalance('c', held=3)==Imbalance('c', held=(3,)) and Imbalance('c', held='ab').held==('ab',)


# ---- labels of one's own

LABELS = [[0, 1, 1, 0], (False, True, True, False), [0., 1., 1., 0.], np.array([0, 1, 1, 0], 'u1'),
          np.array([0., 1., 1., 0.]), np.array([False, True, True, False]), torch.tensor([0, 1, 1, 0]),
          torch.tensor([0., 1., 1., 0.]), torch.tensor([False, True, True, False])]


@pytest.mark.parametrize('y', LABELS)
@pytest.mark.parametrize('kind', [torch.as_tensor, np.asarray, list])
def test_by_label(y, kind):
    normal, anomalous = by_label(kind([[0., 1.], [2., 3.], [4., 5.], [6., 7.]]), y)
    assert (normal.tolist(), anomalous.tolist())==([[0, 1], [6, 7]], [[2, 3], [4, 5]])
    assert normal.dtype==anomalous.dtype==torch.float32


def test_by_label_takes_images():
    source = load('digits')
    normal, anomalous = by_label(source.x, source.y==3)
    assert torch.equal(normal, source.x[source.y!=3]) and torch.equal(anomalous, source.x[source.y==3])


@pytest.mark.parametrize('y,says,row', [
    ([0, 1, 2], 'label 2 ', 2), ([0, -1, -2], 'label -1 ', 1), ([.5, 1, 0], 'label 0.5 ', 0),
    ([0, 1, float('nan')], 'label nan ', 2), (['ok', 'bad', 'ok'], "label 'ok' ", 0),
    ([0, None, 1], 'label None ', 1),
    (np.array([[0], [1], [0]]), 'label [0] ', 0), ([0, 1], '3 rows and 2 labels', None),
    ([0, 1, 0, 1], '3 rows and 4 labels', None), ([0, 0, 0], 'no labelled anomalies', None),
    ([1, 1, 1], 'no normal rows', None)])
def test_bad_labels(y, says, row): assert refused(lambda: by_label(torch.eye(3), y), says).row==row


# ---- augmentation

def pictures(n=40):
    return torch.rand(n, 1, 9, 9, generator=torch.Generator().manual_seed(0))*2 - 1


def turned(x): return [x.rot90(k, (2, 3)) for k in range(4)]


def which(y, ways):
    "(ways, N): is a row of `y` that of one of the ways?"
    return torch.stack([(y==way).flatten(1).all(1) for way in ways])


@pytest.mark.parametrize('shape', [(40, 1, 9, 9), (7, 3, 32, 32), (1, 1, 8, 8)])
def test_jitter_keeps_what_a_batch_is(shape):
    x = torch.rand(*shape)*2-1
    before = x.clone()
    y = Jitter()(x)
    assert (y.shape, y.dtype)==(x.shape, x.dtype) and torch.equal(x, before)
    assert y.abs().max()<=1 and torch.isfinite(y).all()
    assert torch.equal(Jitter(False, False, 0)(x), x)


def test_jitter_of_no_rows_and_of_the_darkest_and_brightest():
    assert Jitter()(pictures()[:0]).shape==(0, 1, 9, 9)
    assert Jitter()(torch.where(pictures()>0, 1., -1.)).abs().max()<=1


def test_jitter_flips():
    x = pictures(400)
    found = which(Jitter(turn=False, crop=0)(x), [x, x.flip(2), x.flip(3), x.flip(2, 3)])
    assert (found.sum(0)==1).all() and (found.sum(1)>60).all()       # each of four, about 100 times


def test_jitter_turns():
    x = pictures(400)
    found = which(Jitter(flip=False, crop=0)(x), turned(x))
    assert (found.sum(0)==1).all() and (found.sum(1)>60).all()
    eight = turned(x) + [way.flip(3) for way in turned(x)]
    found = which(Jitter(crop=0)(x), eight)
    assert (found.sum(0)==1).all() and (found.sum(1)>20).all()


def test_jitter_crops_as_interpolate_does():
    "Each image is one of the 81 crops of itself, stretched by torch's own bilinear resize"
    x = pictures(200)
    y = Jitter(flip=False, turn=False, crop=2)(x)
    crops = [(slice(top, 9-bottom), slice(left, 9-right)) for top in range(3) for bottom in range(3)
             for left in range(3) for right in range(3)]
    stretched = [torch.nn.functional.interpolate(x[:, :, down, across], (9, 9), mode='bilinear')
                 for down, across in crops]
    found = torch.stack([((way-y).abs()<1e-5).flatten(1).all(1) for way in stretched])
    assert (found.sum(0)==1).all() and found.any(1).sum()>60


def test_jitter_treats_each_image_alone_and_anew():
    same = pictures(1).expand(200, -1, -1, -1)
    assert len(Jitter()(same).flatten(1).unique(dim=0))>150
    torch.manual_seed(5)
    first, second = Jitter()(same), Jitter()(same)
    torch.manual_seed(5)
    assert torch.equal(first, Jitter()(same)) and not torch.equal(first, second)  # torch's generator moves on


def test_bad_jitter():
    for x in (torch.rand(8, 8), torch.rand(1, 8, 8), torch.rand(5, 3)):
        refused(partial(Jitter(), x), 'N×C×H×W', kind=ShapeError)
    wide = torch.rand(2, 1, 8, 6)
    assert refused(lambda: Jitter()(wide), '8×6', 'turn=False', kind=ShapeError).option=='turn'
    assert Jitter(turn=False)(wide).shape==wide.shape
    for crop in (4, -1):
        jitter = Jitter(crop=crop)
        error = refused(partial(jitter, torch.rand(2, 1, 8, 8)), f'crop={crop}', '8×8', kind=ShapeError)
        assert error.option=='crop'


# ---- toys

@pytest.mark.parametrize('toy', [ring, gaussians, box])
def test_toys(toy):
    assert toy(50).shape==(50, 2) and toy(50).dtype==torch.float32
    assert torch.equal(toy(50), toy(50)) and not torch.equal(toy(50), toy(50, 1))
    torch.manual_seed(0)
    expected = torch.rand(1)
    torch.manual_seed(0)
    toy(9)
    assert torch.equal(expected, torch.rand(1)), 'no shared generator is used'


def test_box_keeps_its_distance():
    x = ring(500)
    outside = box(200, away=x)
    assert len(outside)==200 and torch.cdist(outside, x).min()>.5


# ---- the papers' counts on the real files

@real('kddcup99/kddcup.data_10_percent.gz')
def test_real_kdd(elsewhere):
    source = load('kdd99')
    split = KDD99().split(source)
    assert source.shape==(121,) and len(source)==494_021 and len(source.classes)==23
    assert len(split.train)==198_361 and split.y.bincount().tolist()==[198_382, 48_629]
    pd = pytest.importorskip('pandas')
    half = pd.DataFrame(index=range(len(source))).sample(frac=.5, random_state=42).index.to_numpy()
    is_attack = (source.y!=source.class_index('normal.')).numpy()[half]
    assert split.rows['train'].tolist()==sorted(half[is_attack])
    assert torch.isfinite(split.test).all() and split.train.abs().max()<=1+1e-6


@real('arrhythmia/arrhythmia.mat')
def test_real_arrhythmia(elsewhere):
    source = load('arrhythmia')
    split, dirty = Arrhythmia().split(source), Arrhythmia(clean=False, raw=True).split(source)
    assert (source.shape, len(source), source.y.sum())==((274,), 452, 66)
    assert (len(split.train), len(split.test), split.y.sum())==(192, 226, 32)
    assert (len(dirty.train), source.y[dirty.rows['train']].sum())==(226, 34)


ADBENCH = {'Hepatitis': (80, 19, 13), 'wine': (129, 13, 10), 'magic.gamma': (19_020, 10, 6_688),
           'InternetAds': (1_966, 1_555, 368), 'donors': (619_326, 10, 36_710)}    # rows, features, anomalies


@real('adbench')
@pytest.mark.parametrize('table', ADBENCH)
def test_real_adbench(elsewhere, table):
    source = load(f'adbench/{table}')
    rows, features, anomalies = ADBENCH[table]
    assert (len(source), *source.shape, int(source.y.sum()))==(rows, features, anomalies)
    split = Halves().split(source)
    normals = rows - anomalies
    assert (len(split.train), int((split.y==0).sum()), int(split.y.sum()))==(
        normals//2, (normals+1)//2, (anomalies+1)//2)


@real('adbench')
def test_real_adbench_is_whole(elsewhere):
    assert len(adbench_tables())==28
    for table in adbench_tables():
        number = adbench_tables().index(table)
        with np.load(Path(REAL)/f'adbench/{data._ADBENCH[number]}.npz') as file:
            assert np.isfinite(file['X']).all() and {*np.unique(file['y'])}=={0, 1}, table


@real('pneumoniamnist.npz')
def test_real_xrays(elsewhere):
    split = OneClass('healthy', val=0).split(load('pneumonia'))
    assert (len(split.train), split.y.bincount().tolist())==(1214+135, [234, 390])


@real('MNIST/raw')
def test_real_mnist(elsewhere):
    split = OneOut(anomaly=0, val=0).split(load('mnist'))
    assert abs(split.base_rate-.354)<.001                            # EGBAD's base rate for digit 0
    assert len(split.train)==int(.8*(70_000-6_903))


@real('FashionMNIST/raw')
def test_real_fashion(elsewhere):
    split = OneClass('Trouser').split(load('fashion'))
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(5400, 600, 10_000, 9000)


@pytest.fixture
def fashion(elsewhere): return load('fashion')


@real('FashionMNIST')
@pytest.mark.parametrize('sampling', ['kmeans', 'random'])
def test_real_imbalance(fashion, sampling):
    split = Imbalance('Shirt', sampling=sampling).split(fashion)
    assert (len(split.train), len(split.val), len(split.known), len(split.test))==(5400, 600, 5400, 10_000)
    assert known_of_class(fashion, split)==[600]*6 + [0] + [600]*3
    assert fashion.test[split.rows['test']].all() and not fashion.test[split.rows['known']].any()


@real('FashionMNIST')
def test_real_clusters_keep_their_share(fashion):
    rows = np.flatnonzero((fashion.y==8).numpy() & ~fashion.test.numpy())
    cluster = clusters(fashion.rows(rows))
    split = Imbalance('Shirt').split(fashion)
    known = split.rows['known'][fashion.y[split.rows['known']]==8].numpy()
    drawn = np.bincount(cluster[np.searchsorted(rows, known)])
    assert drawn.tolist()==data._by_share(600, np.bincount(cluster)).tolist()


@real('FashionMNIST')
@pytest.mark.parametrize('n,most', [(1, 1), (10, 2), (100, 12)])
def test_real_few_known(fashion, n, most):
    counts = known_of_class(fashion, Imbalance('Shirt', known=n).split(fashion))
    assert sum(counts)==n and max(counts)==most and counts[6]==0


@real('FashionMNIST')
def test_real_classes_that_are_held_out(fashion):
    split = Imbalance('Shirt', known=100, held=('Bag', 'Coat', 'Sandal')).split(fashion)
    counts = known_of_class(fashion, split)
    assert sorted(counts)==[0]*4 + [16]*2 + [17]*4
    assert all(counts[fashion.class_index(name)]==0 for name in ('Bag', 'Coat', 'Sandal', 'Shirt'))
    assert split.y.sum()==9000


@real('FashionMNIST')
def test_real_rows_for_choices(fashion):
    split = Imbalance('Shirt', choose=True, n_train=500, n_test=1000).split(fashion)
    every = torch.cat([*split.rows.values()])
    assert len(every.unique())==len(every) and not fashion.test[every].any()
    assert (len(split.train), len(split.known), len(split.test))==(500, 500, 1000)
