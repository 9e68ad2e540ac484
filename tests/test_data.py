"Every source on tiny files that the test makes"
import gzip
import hashlib
import io
import lzma
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from ganad import _datasets, _images, data
from ganad.core import UnknownName
from ganad.data import (KDD99, Imbalance, OneClass, OneOut, Pooled, Source, adbench_tables, box, gaussians,
                        load, ring)
from PIL import Image
from scipy.io import savemat
from small_data import (CIFAR_FOLDER, REAL, archive, cifar10, damaged, deep_png, deep_ppm, deep_tiff,
                        elsewhere, here, idx, in_cache, kdd_line, put, real, refused, write_idx, write_kdd,
                        write_pictures)

# ---- sources

def test_digits_need_nothing():
    source = load('digits')
    assert (len(source), source.shape, len(source.classes))==(1797, (1, 8, 8), 10)
    assert (source.x.dtype, source.y.dtype)==(torch.float32, torch.int64)
    assert source.x.min()==-1 and source.x.max()==1 and not source.test.any()
    assert source.sha256==load('digits').sha256!=load('digits', size=16).sha256
    assert load('digits', size=32).shape==(1, 32, 32)


def test_the_sample_of_clothes_needs_nothing():
    sample = load('fashion_sample')
    assert (len(sample), sample.shape, int(sample.test.sum())) == (4000, (1, 28, 28), 1000)
    assert sample.y[~sample.test].bincount().tolist()==[300]*10
    assert _datasets._SAMPLE.stat().st_size<1.5e6


@real('FashionMNIST')
def test_the_sample_of_clothes_is_a_part_of_the_whole(elsewhere):
    whole = load('fashion', root=REAL)
    packed = _datasets._pack_sample(whole)                      # whose bytes depend on the version of xz
    assert lzma.decompress(packed)==lzma.decompress(_datasets._SAMPLE.read_bytes())


def test_the_digest_of_the_digits_is_that_of_the_stored_results():
    assert load('digits').sha256=='59b3ec2baa774fec6e64cbc8f5670a66e7377de6615f8c30711e483a60de23cb'


@pytest.mark.parametrize('label', ['3', 3])
@pytest.mark.parametrize('protocol', [OneClass, OneOut, Imbalance, Pooled])
def test_a_class_is_found_by_its_name_before_its_number(label, protocol):
    "A class called 3 may stand anywhere; a number counts where no class is called so"
    names = ['zero', 'one', 'two', 'three', '4', 'five', 'six', '3', 'eight']
    source = Source('named', torch.zeros(9, 1), torch.arange(9), names)
    assert source.class_index(label)==7
    assert (source.class_index(5), source.class_index('8'), source.class_index('4'))==(5, 8, 4)
    chosen = [index for index in range(9) if index not in protocol(label).anomaly_classes(source)]
    assert ([7] if protocol is not OneOut else [0, 1, 2, 3, 4, 5, 6, 8])==chosen


@pytest.mark.parametrize('name,folder', [('mnist', 'MNIST'), ('fashion', 'FashionMNIST')])
@pytest.mark.parametrize('gz', [False, True])
def test_idx_files_become_bytes_labels_and_an_official_test(here, name, folder, gz):
    write_idx(here/folder/'raw', gz=gz)
    source = load(name)
    assert (source.shape, source.data.dtype)==((1, 28, 28), torch.uint8)
    assert (len(source), source.test.sum())==(60, 20)
    assert source.y.tolist()==[*np.arange(40)%10, *np.arange(20)%10] and source.test[40:].all()
    assert torch.allclose(source.x, source.data.float()/127.5-1) and source.x.min()>=-1 and source.x.max()<=1
    assert load(name, size=32).shape==(1, 32, 32)


def test_fashion_of_the_debian_package(tmp_path, monkeypatch):
    monkeypatch.delenv('GANAD_DATA')
    monkeypatch.setattr(_datasets, 'DEBIAN', tmp_path/'debian')
    write_idx(tmp_path/'debian', gz=True)
    assert len(load('fashion'))==60


HARM = {'torn': lambda content: content[:-5], 'head only': lambda content: content[:40],
        'another magic number': lambda content: b'\1' + content[1:], 'empty': lambda content: b''}


@pytest.mark.parametrize('harm', HARM.values(), ids=HARM)
def test_a_damaged_idx_file_is_named_and_left_alone(here, harm):
    write_idx(here/'MNIST/raw')
    path = here/'MNIST/raw/t10k-images-idx3-ubyte'
    path.write_bytes(harm(path.read_bytes()))
    damaged(lambda: load('mnist'), path)


def test_a_damaged_gzip_file_is_named_and_left_alone(here):
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


def test_svhn_has_its_digit_0_put_right_and_its_sums_checked(here, monkeypatch):
    x = np.random.RandomState(0).randint(0, 256, (32, 32, 3, 6)).astype('u1')
    y = np.array([[10], [1], [2], [3], [10], [9]], 'u1')                        # 10 means 0
    known_files = {}
    (here/'svhn').mkdir()
    for part in ('train', 'test'):
        path = here/'svhn'/f'{part}_32x32.mat'
        savemat(path, dict(X=x, y=y))
        known_files[part] = ['', path.name, hashlib.md5(path.read_bytes()).hexdigest()]
    monkeypatch.setattr(_datasets._torchvision().SVHN, 'split_list', known_files)
    source = load('svhn')
    assert (source.shape, source.y.tolist(), source.test.sum())==((3, 32, 32), [0, 1, 2, 3, 0, 9]*2, 6)
    assert np.array_equal(source.data[2].permute(1, 2, 0).numpy(), x[..., 2])
    path.write_bytes(path.read_bytes()[:-1])
    damaged(lambda: load('svhn'), path)


def test_cifar10_keeps_labels_names_and_official_test(here, monkeypatch):
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


def test_linnaeus5_is_a_folder_with_train_and_test(here):
    names = ['berry', 'bird', 'dog', 'flower', 'other']
    pictures = [f'{part}/{name}/{i}_64.jpg' for part in ('train', 'test') for name in names for i in range(3)]
    write_pictures(here/'Linnaeus 5 64X64', *pictures)
    source = load('linnaeus5')
    assert (source.classes, source.shape, source.title)==(names, (3, 64, 64), 'LINNAEUS-5')
    assert (len(source), source.test.sum())==(30, 15)
    split = OneClass('dog', val=.3).split(source)
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(2, 1, 15, 12)


def test_three_layouts_of_a_folder_are_read(here):
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


def test_a_folder_without_readable_pictures_is_refused(here):
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


DEEP = {'grey': (deep_png(1), True), 'colours': (deep_png(3), True), 'colours, TIFF': (deep_tiff(1), True),
        'grey with alpha': (deep_png(2), False), 'colours with alpha': (deep_png(4), False),
        'colours, PPM': (deep_ppm(), False), 'planes, TIFF': (deep_tiff(3), False)}


@pytest.mark.parametrize('kind', DEEP)
def test_more_than_8_bits_a_value_are_refused_and_not_cut_off(here, kind):
    content, can_be_fitted = DEEP[kind]
    path = put(here/'p/a/deep.png', content)
    error = refused(lambda: load('folder', root=here/'p'), 'more than 8 bits a value; save it with 8')
    assert error.file==path and ('ganad fit' in error.mend)==can_be_fitted


def test_a_mask_of_more_than_8_bits_a_colour_is_refused_and_not_black(here):
    write_pictures(here/'p', 'test/a/1.png')
    path = put(here/'p/masks/a/1.png', deep_png(3))
    error = refused(lambda: [*data.masked_pictures(here/'p')], 'more than 8 bits')
    assert error.file==path


def test_a_picture_of_too_many_pixels_is_refused_before_it_unfolds(here, monkeypatch):
    monkeypatch.setattr(Image, 'MAX_IMAGE_PIXELS', 4_000_000)
    path = here/'p/a/large.png'
    path.parent.mkdir(parents=True)
    for side in (2100, 3000):
        Image.new('1', (side, side)).save(path)
        error = refused(lambda: load('folder', root=here/'p'), 'more than 4 million pixels; make it smaller')
        assert error.file==path


@pytest.mark.parametrize('planes', [1, 3])
def test_the_two_bytes_of_a_value_are_never_two_values(planes):
    "Pillow takes them so where each colour has a plane of its own; `ganad fit` reads by the same function"
    def values():
        with _images.opened(io.BytesIO(deep_tiff(planes))) as image: return _images.unfolded(image)[1]
    if planes==1: assert np.unique(values()).tolist()==[300]
    else: refused(values, 'a plane for each', 'pixel by pixel')


def test_an_archive_is_decoded_once_and_leaves_nothing_unpacked(archive):
    source = load('cifar10-jpeg')
    again = load('cifar10-jpeg')
    assert source.title=='CIFAR-10 (JPEG copy)' and source.shape==(3, 32, 32)
    assert source.classes==['cat', 'dog']==again.classes and source.sha256==again.sha256
    assert [path.suffix for path in in_cache()]==['.npz']                 # nothing unpacked is left


def test_cifar10_is_read_from_an_archive_without_loss_where_its_own_files_are_not(here, archive):
    archive.rename(here/'cifar10-lossless.zip')
    source = load('cifar10')
    assert (source.name, source.title) == ('cifar10', 'CIFAR-10')
    assert source.classes==['cat', 'dog'] and data.place_of('cifar10')
    put(here/'cifar-10-batches-py/data_batch_1', b'torn')                  # its own files go first
    damaged(lambda: load('cifar10'), here/'cifar-10-batches-py/data_batch_1')


@pytest.mark.parametrize('member', ['../x.jpg', 'a/../../x.jpg', '/etc/x.jpg', '..\\x.jpg'])
def test_an_archive_that_would_leave_its_folder_is_refused(here, member):
    archive = here/'cifar10-jpeg.zip'
    with zipfile.ZipFile(archive, 'w') as file:
        file.writestr('ok.jpg', 'x')
        file.writestr(member, 'x')
    error = refused(lambda: load('cifar10-jpeg'), 'refused', 'x.jpg')
    assert error.file==archive
    assert not in_cache() and list(here.iterdir())==[archive]


def test_a_damaged_archive_is_refused_before_anything_is_written(here):
    archive = here/'cifar10-jpeg.zip'
    with zipfile.ZipFile(archive, 'w') as file: file.writestr('train/a/1.jpg', 'whole')
    whole = archive.read_bytes()
    for content in (whole.replace(b'whole', b'whale'), whole[:30], b''):
        put(archive, content)
        damaged(lambda: load('cifar10-jpeg'), archive)
    assert not in_cache()


def test_kdd_is_encoded_and_split_as_pandas_does_it(here, monkeypatch):
    path = write_kdd(here/'kddcup99/kddcup.data_10_percent.gz')
    assert 'SHA-256' in damaged(lambda: load('kdd99'), path).what
    monkeypatch.setattr(_datasets, '_KDD_SHA', hashlib.sha256(path.read_bytes()).hexdigest())
    source = load('kdd99')
    n_columns = 34+2+1+1+1+2+1+1
    assert (len(source), source.shape, source.classes)==(102, (n_columns,), ['normal.', 'smurf.'])
    pd = pytest.importorskip('pandas')
    frame = pd.read_csv(path, header=None, names=_datasets._KDD_COLUMNS+['label'])
    categories = _datasets._KDD_CATEGORIES
    one_hot = pd.get_dummies(frame[categories].astype(str), prefix_sep='=')
    expected = pd.concat([frame.drop(columns=categories+['label']), one_hot], axis=1)
    assert source.columns==[*expected] and np.array_equal(source.x.numpy(), expected.to_numpy('f4'))
    split = KDD99(raw=True).split(source)
    half = frame.sample(frac=.5, random_state=42)
    assert split.rows['train'].tolist()==sorted(half[half.label!='normal.'].index)
    assert split.rows['test'].tolist()==sorted(set(frame.index)-set(half.index))
    is_anomaly = frame.label[split.rows['test'].numpy()]=='normal.'
    assert split.y.tolist()==is_anomaly.astype(int).tolist()


def test_a_bad_line_of_kdd_is_named(here):
    path = here/'k.gz'
    def read(*lines): return _datasets._read_kdd(put(path, gzip.compress('\n'.join(lines).encode())))
    good = kdd_line(1, 'smurf.')
    damaged(lambda: read(good, good[:-20]), path)
    assert 'many' in damaged(lambda: read(good, good.replace('1000', 'many')), path).what
    for bad in ('nan', 'inf'):
        error = refused(partial(read, good, good, good.replace('1000', bad)), bad)
        assert (error.file, error.row, error.line, error.column)==(path, 2, 3, 'src_bytes')
    torn = gzip.compress(good.encode()*99)[:-9]
    damaged(lambda: _datasets._read_kdd(put(path, torn)), path)


def test_a_matlab_table_is_read_and_its_bad_value_named(here):
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


def test_a_table_of_adbench_is_read_by_its_name(here):
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
def test_a_file_that_is_no_table_of_adbench_is_refused(here, kind):
    path = save_table(here/'adbench/45_wine.npz', **NO_TABLES[kind])
    damaged(lambda: load('adbench/wine'), path)


def xrays(parts, labels=None):
    "Pictures and labels of PneumoniaMNIST, as its file has them: `parts` is the number of each"
    arrays = {f'{part}_images': np.full((n, 28, 28), n, 'u1') for part, n in parts.items()}
    return arrays | {f'{part}_labels': np.arange(labels or n)[:, None]%2 for part, n in parts.items()}


def test_xrays_train_on_the_official_validation_too(here):
    path = here/'pneumoniamnist.npz'
    np.savez(path, **xrays(dict(train=6, val=4, test=2)))
    source = load('pneumonia')
    assert (source.shape, source.classes)==((1, 28, 28), ['healthy', 'pneumonia'])
    assert source.y.tolist()==[0, 1]*6 and source.test.tolist()==[False]*10 + [True]*2
    split = OneClass('healthy', val=0).split(source)
    assert split.rows['train'].tolist()==[0, 2, 4, 6, 8] and split.rows['test'].tolist()==[10, 11]
    np.savez(path, **xrays(dict(train=6, val=4, test=2), labels=3))
    damaged(lambda: load('pneumonia'), path)


# ---- toys

@pytest.mark.parametrize('toy', [ring, gaussians, box])
def test_toys_follow_their_seed_and_no_shared_generator(toy):
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


@real('adbench')
def test_every_real_table_of_adbench_is_numbers_and_two_labels(elsewhere):
    assert len(adbench_tables())==28
    for table in adbench_tables():
        number = adbench_tables().index(table)
        with np.load(Path(REAL)/f'adbench/{_datasets._ADBENCH[number]}.npz') as file:
            assert np.isfinite(file['X']).all() and {*np.unique(file['y'])}=={0, 1}, table
