"A data set that is half there, not there, or of which nothing may be read or written"
import errno
import gzip
import hashlib
import io
import os
import tarfile
from email.message import Message
from functools import partial
from pathlib import Path
from urllib.error import URLError

import numpy as np
import pytest
from ganad import _datasets
from ganad.core import DataError, UnknownName
from ganad.data import KDD99, Arrhythmia, OneClass, OneOut, Pooled, cache_dir, load, places, sources
from scipy.io import savemat
from small_data import (CIFAR_FOLDER, archive, cache, cifar10, damaged, here, in_cache, put, refused,
                        write_idx, write_kdd)

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
    monkeypatch.setattr(_datasets._torchvision().SVHN, 'split_list', known_files)
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
    monkeypatch.setattr(_datasets._torchvision().MNIST, 'resources', sums)
    unpacked = {name: gzip.decompress(content) for name, content in files.items()}
    shas = [hashlib.sha256(unpacked[f'{name}.gz']).hexdigest() for name in _datasets._IDX_FILES]
    monkeypatch.setitem(_datasets._IDX_SHA, 'MNIST', shas)
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
    monkeypatch.setattr(_datasets, '_KDD_SHA', hashlib.sha256(whole).hexdigest())
    web = Web(monkeypatch, {_datasets._KDD_URL.split('/')[-1]: whole})
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
def test_a_disk_without_place_to_unpack_is_no_damaged_archive(archive, monkeypatch, function, number, what,
                                                              mend):
    "The archive is whole, and the message does not say otherwise"
    monkeypatch.setattr(function, failing(number))
    error = refused(lambda: load('cifar10-jpeg'), what, mend)
    assert error.what==what and error.mend.startswith(mend)
    assert not in_cache()


@full_or_barred
def test_a_disk_without_place_is_no_missing_network(cache, monkeypatch, number, what, mend):
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
def test_a_file_that_may_not_be_read_is_no_damaged_file(here, monkeypatch, name, where):
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
    assert {name.partition('/')[0] for name in WAYS}=={*sources()} - {'digits', 'fashion_sample', 'folder'}


@pytest.mark.parametrize('name', WAYS)
def test_without_data_and_network_it_says_where_it_looked(name):
    error = refused(lambda: load(name), 'is not here', 'set GANAD_DATA to', WAYS[name])
    for folder in places(): assert str(folder) in error.what.partition('looked in')[2]
    assert not [path for path in cache_dir().rglob('*') if path.is_file()]    # nothing half-written


def test_fashion_that_is_not_here_names_the_package_of_debian():
    refused(lambda: load('fashion'), "Debian's package dataset-fashion-mnist", str(_datasets.DEBIAN))


def test_an_unknown_name_lists_those_that_there_are(here, monkeypatch):
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
