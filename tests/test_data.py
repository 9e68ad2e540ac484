"Every data source and protocol on tiny files that the test makes, and the papers' counts where `GANAD_DATA` has the real ones"
import errno,gzip,hashlib,io,json,os,pickle,tarfile,zipfile
from email.message import Message
from pathlib import Path
from urllib.error import URLError
import numpy as np, pytest, torch
from PIL import Image
from scipy.io import savemat
from sklearn.model_selection import train_test_split
from ganad import data
from ganad.core import DataError,ShapeError,UnknownName
from ganad.data import *

REAL = os.environ.get('GANAD_DATA')                         # before any test changes it

def real(name): # Skip unless the real data is there
    return pytest.mark.skipif(not (REAL and (Path(REAL)/name).exists()), reason=f'needs {name} under GANAD_DATA')

@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    "Each test has data folder and cache of its own, and no network"
    def offline(*a, **k): raise URLError('Name or service not known')
    for m in ('GANAD_DATA','GANAD_CACHE'): (tmp_path/m).mkdir(); monkeypatch.setenv(m, str(tmp_path/m))
    monkeypatch.setattr(data, 'DEBIAN', tmp_path/'no package')
    monkeypatch.setattr('urllib.request.urlopen', offline)
    monkeypatch.setattr('torch.hub.urlopen', offline)
    return tmp_path/'GANAD_DATA'

@pytest.fixture
def elsewhere(monkeypatch):
    "The real data folder"
    monkeypatch.setenv('GANAD_DATA', str(Path(REAL).resolve()))

def put(path, raw):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return path

def one_line(f, *parts, error=DataError):
    "`f` fails with one line that holds all `parts`"
    with pytest.raises(error) as e: f()
    m = str(e.value)
    assert '\n' not in m and all(p in m for p in parts), m

# ---- files in the formats of the real ones

def idx(x): return bytes([0,0,8,x.ndim]) + np.array(x.shape, '>i4').tobytes() + x.astype('u1').tobytes()

def write_idx(d, n=40, gz=False):
    r = np.random.RandomState(0)
    for part,k in (('train',n),('t10k',n//2)):
        for kind,x in (('images-idx3', r.randint(0, 256, (k,28,28))), ('labels-idx1', np.arange(k)%10)):
            put(d/f'{part}-{kind}-ubyte{".gz"*gz}', gzip.compress(idx(x)) if gz else idx(x))

def kdd_line(i, label):
    r = [str(i % 7)]*41
    for k,v in zip((1,2,3,4,6,11,20,21), (['tcp','udp'][i%2],'http','SF',i*1000,0,i%2,0,0)): r[k] = str(v)
    return ','.join(r + [label])

def write_kdd(path, n=101):
    lines = [kdd_line(i, 'normal.' if i%5==0 else 'smurf.') for i in range(n)]
    return put(path, gzip.compress('\n'.join(lines + [lines[1]]).encode() + b'\n'))         # the last row is a copy

def write_pictures(d, *files):
    for i,f in enumerate(files):
        (d/f).parent.mkdir(parents=True, exist_ok=True)
        Image.new('RGB', (64,64), (10*i,0,200)).save(d/f)

# ---- sources

def test_digits_need_nothing():
    s = load('digits')
    assert (len(s), s.shape, len(s.classes), s.x.dtype, s.y.dtype) == (1797, (1,8,8), 10, torch.float32, torch.int64)
    assert s.x.min()==-1 and s.x.max()==1 and not s.test.any()
    assert s.sha256 == load('digits').sha256 != load('digits', size=16).sha256
    assert load('digits', size=32).shape == (1,32,32)

@pytest.mark.parametrize('name,folder', [('mnist','MNIST'), ('fashion','FashionMNIST')])
@pytest.mark.parametrize('gz', [False,True])
def test_idx(here, name, folder, gz):
    write_idx(here/folder/'raw', gz=gz)
    s = load(name)
    assert (s.shape, len(s), s.test.sum(), s.data.dtype) == ((1,28,28), 60, 20, torch.uint8)
    assert s.y.tolist() == [*np.arange(40)%10, *np.arange(20)%10] and s.test[40:].all()
    assert torch.allclose(s.x, s.data.float()/127.5-1) and s.x.min()>=-1 and s.x.max()<=1
    assert load(name, size=32).shape == (1,32,32)

def test_fashion_of_the_debian_package(tmp_path, monkeypatch):
    monkeypatch.delenv('GANAD_DATA')
    monkeypatch.setattr(data, 'DEBIAN', tmp_path/'debian')
    write_idx(tmp_path/'debian', gz=True)
    assert len(load('fashion')) == 60

@pytest.mark.parametrize('harm', [lambda b: b[:-5], lambda b: b[:40], lambda b: b'\1'+b[1:], lambda b: b''])
def test_damaged_idx(here, harm):
    write_idx(here/'MNIST/raw')
    p = here/'MNIST/raw/t10k-images-idx3-ubyte'
    p.write_bytes(harm(p.read_bytes()))
    one_line(lambda: load('mnist'), str(p), 'damaged')

def test_damaged_gzip(here):
    write_idx(here/'MNIST/raw', gz=True)
    p = here/'MNIST/raw/train-images-idx3-ubyte.gz'
    for b in (p.read_bytes()[:-400], p.read_bytes()[:200]+b'xxxx'+p.read_bytes()[204:]):
        p.write_bytes(b)
        one_line(lambda: load('mnist'), str(p), 'damaged')

def test_labels_and_images_must_agree(here):
    write_idx(here/'MNIST/raw')
    put(here/'MNIST/raw/train-labels-idx1-ubyte', idx(np.zeros(39)))
    one_line(lambda: load('mnist'), 'differ in number')

def test_svhn(here, monkeypatch):
    x,lists = np.random.RandomState(0).randint(0, 256, (32,32,3,6)).astype('u1'),{}
    for part in ('train','test'):
        p = here/'svhn'/f'{part}_32x32.mat'
        p.parent.mkdir(exist_ok=True)
        savemat(p, dict(X=x, y=np.array([[10],[1],[2],[3],[10],[9]], 'u1')))
        lists[part] = ['', p.name, hashlib.md5(p.read_bytes()).hexdigest()]
    monkeypatch.setattr(data._tv().SVHN, 'split_list', lists)
    s = load('svhn')
    assert (s.shape, s.y.tolist(), s.test.sum()) == ((3,32,32), [0,1,2,3,0,9]*2, 6)         # 10 means 0
    assert np.array_equal(s.data[2].permute(1,2,0).numpy(), x[...,2])
    p.write_bytes(p.read_bytes()[:-1])
    one_line(lambda: load('svhn'), str(p), 'damaged')

def test_cifar10(here, monkeypatch):
    C,d,r = data._tv().CIFAR10,here/'cifar-10-batches-py',np.random.RandomState(0)
    x = r.randint(0, 256, (4,3072)).astype('u1')
    def batch(n, **k): raw = pickle.dumps(k); put(d/n, raw); return n,hashlib.md5(raw).hexdigest()
    names = [f'c{i}' for i in range(10)]
    monkeypatch.setattr(C, 'train_list', [batch('data_batch_1', data=x, labels=[0,1,2,9])])
    monkeypatch.setattr(C, 'test_list', [batch('test_batch', data=x[:1], labels=[3])])
    meta = batch('batches.meta', label_names=names)
    monkeypatch.setattr(C, 'meta', dict(filename=meta[0], key='label_names', md5=meta[1]))
    s = load('cifar10')
    assert (s.shape, s.y.tolist(), s.classes, s.test.tolist()) == ((3,32,32), [0,1,2,9,3], names, [False]*4+[True])
    assert np.array_equal(s.data[1].numpy().ravel(), x[1])
    (d/'test_batch').write_bytes(b'?')
    one_line(lambda: load('cifar10'), str(d/'test_batch'), 'damaged')

def test_linnaeus5(here):
    names = ['berry','bird','dog','flower','other']
    write_pictures(here/'Linnaeus 5 64X64', *(f'{p}/{c}/{i}_64.jpg' for p in ('train','test') for c in names for i in range(3)))
    s = load('linnaeus5')
    assert (s.classes, s.shape, len(s), s.test.sum(), s.title) == (names, (3,64,64), 30, 15, 'LINNAEUS-5')
    sp = OneClass('dog', val=.3).split(s)
    assert (len(sp.train), len(sp.val), len(sp.test), sp.y.sum()) == (2,1,15,12)

def test_folder_layouts(here):
    write_pictures(here/'a', 'train/ok/1.png', 'test/ok/2.png', 'test/hole/3.PNG', 'test/hole/deep/4.jpg', 'train/readme.txt.png')
    s = load('folder', root=here/'a', size=16)
    assert (s.classes, s.shape, s.test.tolist()) == (['hole','ok'], (3,16,16), [False]+[True]*3)   # class `hole` only in test
    assert load('folder', root=here/'a/test').classes == ['hole','ok'] and load('folder', root=here/'a/test/ok').shape == (3,64,64)
    Image.new('L', (9,5), 7).save(here/'a/test/ok/grey.png')
    assert load('folder', root=here/'a/test/ok', size=8).data[-1].unique().tolist() == [7]          # grey becomes RGB, squeezed

def test_bad_folders(here):
    (here/'empty/train').mkdir(parents=True)
    one_line(lambda: load('folder', root=here/'empty'), str(here/'empty'), 'train/CLASS')
    one_line(lambda: load('folder', root=here/'nowhere'), 'no folder', 'nowhere')
    one_line(lambda: load('folder'), 'root=')
    write_pictures(here/'p', 'a/1.png')
    raw = (here/'p/a/1.png').read_bytes()
    for b in (raw[:60], b'text', b''):
        one_line(lambda: (put(here/'p/a/2.png', b), load('folder', root=here/'p')), str(here/'p/a/2.png'), 'damaged')

def test_archive(here):
    write_pictures(here/'p', 'train/cat/1.jpg', 'test/dog/2.jpg')
    with zipfile.ZipFile(here/'cifar10-jpeg.zip', 'w') as z:
        for f in ('train/cat/1.jpg','test/dog/2.jpg'): z.write(here/'p'/f, f)
    s,t = load('cifar10-jpeg'),load('cifar10-jpeg')
    assert s.title == 'CIFAR-10 (JPEG copy)' and s.shape == (3,32,32) and s.classes == ['cat','dog'] == t.classes
    assert s.sha256 == t.sha256 and [f.suffix for f in cache_dir().iterdir()] == ['.npz']          # nothing unpacked is left

@pytest.mark.parametrize('member', ['../x.jpg', 'a/../../x.jpg', '/etc/x.jpg', '..\\x.jpg'])
def test_archive_that_escapes(here, member):
    with zipfile.ZipFile(here/'cifar10-jpeg.zip', 'w') as z: z.writestr('ok.jpg', 'x'); z.writestr(member, 'x')
    one_line(lambda: load('cifar10-jpeg'), 'cifar10-jpeg.zip is refused', 'x.jpg')
    assert not [*cache_dir().iterdir()] and [p.name for p in here.iterdir()] == ['cifar10-jpeg.zip']

def test_damaged_archive(here):
    with zipfile.ZipFile(here/'cifar10-jpeg.zip', 'w') as z: z.writestr('train/a/1.jpg', 'whole')
    raw = (here/'cifar10-jpeg.zip').read_bytes()
    for b in (raw.replace(b'whole', b'whale'), raw[:30], b''):
        put(here/'cifar10-jpeg.zip', b)
        one_line(lambda: load('cifar10-jpeg'), 'cifar10-jpeg.zip is damaged')
    assert not [*cache_dir().iterdir()]

def test_kdd(here, monkeypatch):
    p = write_kdd(here/'kddcup99/kddcup.data_10_percent.gz')
    one_line(lambda: load('kdd99'), str(p), 'damaged (SHA-256')
    monkeypatch.setattr(data, 'KDD_SHA', hashlib.sha256(p.read_bytes()).hexdigest())
    s = load('kdd99')
    assert (len(s), s.shape, s.classes, len(s.columns)) == (102, (34+2+1+1+1+2+1+1,), ['normal.','smurf.'], 43)
    pd = pytest.importorskip('pandas')
    df = pd.read_csv(p, header=None, names=data.KDD_COLUMNS+['label'])
    cat = data.KDD_CATEGORIES
    want = pd.concat([df.drop(columns=cat+['label']), pd.get_dummies(df[cat].astype(str), prefix_sep='=')], axis=1)
    assert s.columns == [*want] and np.array_equal(s.x.numpy(), want.to_numpy('f4'))
    sp = KDD99(raw=True).split(s)
    half = df.sample(frac=.5, random_state=42)
    assert sp.rows['train'].tolist() == sorted(half[half.label!='normal.'].index)
    assert sp.rows['test'].tolist() == sorted(set(df.index)-set(half.index))
    assert sp.y.tolist() == (df.label[sp.rows['test'].numpy()]=='normal.').astype(int).tolist()

def test_bad_kdd(here):
    def read(*lines): return read_kdd(put(here/'k.gz', gzip.compress('\n'.join(lines).encode())))
    good = kdd_line(1, 'smurf.')
    one_line(lambda: read(good, good[:-20]), 'k.gz is damaged')
    one_line(lambda: read(good, good.replace('1000','many')), 'k.gz is damaged', 'many')
    for bad in ('nan','inf'): one_line(lambda: read(good, good, good.replace('1000', bad)), 'k.gz: row 2', "'src_bytes'", bad)
    one_line(lambda: read_kdd(put(here/'k.gz', gzip.compress(good.encode()*99)[:-9])), 'k.gz is damaged')

def test_arrhythmia(here):
    p,x = here/'arrhythmia/arrhythmia.mat',np.random.RandomState(0).randn(20,3)
    p.parent.mkdir()
    savemat(p, dict(X=x, y=np.arange(20)[:,None]%4==0))
    s = load('arrhythmia')
    assert (s.shape, s.classes, s.y.sum()) == ((3,), ['normal','anomaly'], 5) and np.allclose(s.x, x)
    x[3,1] = np.nan
    savemat(p, dict(X=x, y=np.zeros(20)))
    one_line(lambda: load('arrhythmia'), str(p), 'row 3', "column 'x1'", 'nan')
    savemat(p, dict(Z=x))
    one_line(lambda: load('arrhythmia'), str(p), 'damaged')

# ---- a cache that was interrupted, a disk that is full, a folder that is forbidden

class Web:
    "Answers with `files` (name → bytes), and breaks off after `most` bytes of each"
    def __init__(self, monkeypatch, **files):
        self.files,self.most,self.asked = {k.replace('__','.'):v for k,v in files.items()},None,[]
        monkeypatch.setattr('urllib.request.urlopen', self.open); monkeypatch.setattr('torch.hub.urlopen', self.open)
    def open(self, req, *a, **k):
        name = req.full_url.split('/')[-1]
        if req.get_method()!='HEAD': self.asked.append(name)
        if self.most==0: raise URLError('Name or service not known')
        r = io.BytesIO(self.files[name][:self.most])
        r.url,r.length,r.info = req.full_url,len(self.files[name]),Message
        return r

@pytest.fixture
def cache(): return cache_dir()

def one_line_about_download(f, *parts): one_line(f, 'download failed', 'set GANAD_DATA', *parts)

def svhn(monkeypatch):
    "Two small files, known to torchvision by their MD5 sums"
    raw,lists,n = {},{},np.zeros((6,1), 'u1')
    for part in ('train','test'):
        f = io.BytesIO(); savemat(f, dict(X=np.full((32,32,3,6), len(part), 'u1'), y=n)); name = f'{part}_32x32.mat'
        raw[name],lists[part] = f.getvalue(),[f'http://svhn/{name}', name, hashlib.md5(f.getvalue()).hexdigest()]
    monkeypatch.setattr(data._tv().SVHN, 'split_list', lists)
    return Web(monkeypatch, **raw)

def test_svhn_goes_on_after_half_a_download(cache, monkeypatch):
    web = svhn(monkeypatch)
    web.most = 500
    one_line_about_download(lambda: load('svhn'), 'SVHN')
    assert (cache/'svhn/train_32x32.mat').stat().st_size==500                                       # what blocked the next try
    web.most = 0
    one_line_about_download(lambda: load('svhn'), 'train_32x32.mat is damaged', 'Name or service not known')
    web.most = None
    assert len(load('svhn'))==12 and len(web.asked)>=3
    web.asked.clear(); load('svhn'); assert not web.asked                                           # whole: nothing is fetched

def test_cifar10_goes_on_after_half_an_unpacking(cache, monkeypatch):
    C,sub,tgz,files = data._tv().CIFAR10,'cifar-10-batches-py',io.BytesIO(),{}
    for n,d in (('data_batch_1', dict(data=np.zeros((2,3072), 'u1'), labels=[0,1])), ('test_batch', dict(data=np.ones((1,3072), 'u1'),
                labels=[1])), ('batches.meta', dict(label_names=['a','b']))): files[n] = pickle.dumps(d)
    with tarfile.open(fileobj=tgz, mode='w:gz') as t:
        for n,b in files.items(): i = tarfile.TarInfo(f'{sub}/{n}'); i.size = len(b); t.addfile(i, io.BytesIO(b))
    md5 = {n:hashlib.md5(b).hexdigest() for n,b in files.items()}
    monkeypatch.setattr(C, 'train_list', [('data_batch_1', md5['data_batch_1'])])
    monkeypatch.setattr(C, 'test_list', [('test_batch', md5['test_batch'])])
    monkeypatch.setattr(C, 'meta', dict(filename='batches.meta', key='label_names', md5=md5['batches.meta']))
    monkeypatch.setattr(C, 'tgz_md5', hashlib.md5(tgz.getvalue()).hexdigest())
    web = Web(monkeypatch, **{C.filename: tgz.getvalue()})
    put(cache/sub/'data_batch_1', files['data_batch_1'][:99])                                       # killed while unpacking
    assert load('cifar10').y.tolist()==[0,1,1] and {*web.asked}=={C.filename}

def mnist(monkeypatch, d):
    write_idx(d, gz=True)
    raw = {f.name:f.read_bytes() for f in d.iterdir()}
    res = [(n, hashlib.md5(raw[n]).hexdigest()) for n in raw]
    monkeypatch.setattr(data._tv().MNIST, 'resources', res)
    return Web(monkeypatch, **raw)

@pytest.mark.parametrize('gz', [False,True])
def test_mnist_goes_on_after_half_a_file(cache, monkeypatch, gz):
    web,d = mnist(monkeypatch, cache/'MNIST/raw'),cache/'MNIST/raw'
    if not gz: load('mnist'); [put(d/f.stem, gzip.decompress(f.read_bytes())) for f in [*d.glob('*.gz')]]
    torn = d/f'train-images-idx3-ubyte{".gz"*gz}'
    torn.write_bytes(torn.read_bytes()[:999])
    assert len(load('mnist'))==60
    assert {*web.asked} == ({'train-images-idx3-ubyte.gz'} if gz else set())                        # fetched, or unpacked again

def test_kdd_goes_on_after_half_a_file(cache, monkeypatch):
    p = write_kdd(cache/'kddcup99/kddcup.data_10_percent.gz'); raw = p.read_bytes()
    monkeypatch.setattr(data, 'KDD_SHA', hashlib.sha256(raw).hexdigest())
    web = Web(monkeypatch, **{data.KDD_URL.split('/')[-1]: raw})
    p.write_bytes(raw[:-9]); web.most = 20
    one_line_about_download(lambda: load('kdd99'), f'{p} is damaged', 'invalid hash value')
    web.most = None
    assert len(load('kdd99'))==102 and p.read_bytes()==raw and [*p.parent.iterdir()]==[p]

def test_what_is_yours_is_never_fetched_over(here, monkeypatch):
    web = svhn(monkeypatch)
    for n,b in web.files.items(): put(here/'svhn'/n, b[:-1])
    one_line(lambda: load('svhn'), str(here/'svhn/train_32x32.mat'), 'damaged', 'replace it')
    p = write_kdd(here/'kddcup99/kddcup.data_10_percent.gz')
    one_line(lambda: load('kdd99'), str(p), 'damaged')
    write_idx(here/'MNIST/raw'); q = put(here/'MNIST/raw/train-images-idx3-ubyte', b'half')
    one_line(lambda: load('mnist'), str(q), 'damaged')
    assert not web.asked and q.read_bytes()==b'half' and (here/'svhn/test_32x32.mat').exists()

FULL,BARRED = (errno.ENOSPC, 'no space left on device; free some'),(errno.EACCES, 'permission denied; make it accessible')

def failing(e, name=None):
    def f(*a, **k): raise OSError(e, os.strerror(e), name)
    return f

@pytest.mark.parametrize('what', ['zipfile.ZipFile.extractall', 'numpy.savez'])
@pytest.mark.parametrize('e,says', [FULL,BARRED])
def test_no_place_to_unpack(here, monkeypatch, what, e, says):
    "The archive is whole, and the message does not say otherwise"
    write_pictures(here/'p', 'train/cat/1.jpg', 'test/dog/2.jpg')
    with zipfile.ZipFile(here/'cifar10-jpeg.zip', 'w') as z:
        for f in ('train/cat/1.jpg','test/dog/2.jpg'): z.write(here/'p'/f, f)
    monkeypatch.setattr(what, failing(e))
    with pytest.raises(DataError) as err: load('cifar10-jpeg')
    assert says in str(err.value) and 'damaged' not in str(err.value) and '\n' not in str(err.value)
    assert not [*cache_dir().iterdir()]

@pytest.mark.parametrize('e,says', [FULL,BARRED])
def test_no_place_to_download_to(cache, monkeypatch, e, says):
    svhn(monkeypatch)
    monkeypatch.setattr('torchvision.datasets.utils._urlretrieve', failing(e, str(cache/'svhn/train_32x32.mat')))
    with pytest.raises(DataError) as err: load('svhn')
    assert str(err.value).startswith(f"{cache/'svhn/train_32x32.mat'}: {says}")                     # no advice to connect to the network

@pytest.mark.parametrize('name,where', [('mnist','MNIST/raw/t10k-images-idx3-ubyte'), ('kdd99','kddcup99/kddcup.data_10_percent.gz'),
                                        ('arrhythmia','arrhythmia/arrhythmia.mat'), ('cifar10-jpeg','cifar10-jpeg.zip')])
def test_a_file_that_may_not_be_read(here, monkeypatch, name, where):
    write_idx(here/'MNIST/raw'); p = put(here/where, b'?'); opened = io.open
    def guarded(f, *a, **k): return failing(errno.EACCES, str(f))() if str(f)==str(p) else opened(f, *a, **k)
    monkeypatch.setattr('builtins.open', guarded); monkeypatch.setattr('io.open', guarded)
    with pytest.raises(DataError) as err: load(name)
    assert str(err.value).startswith(f"{p}: {BARRED[1]}")

# ---- what is not there

WAYS = dict.fromkeys(('mnist','fashion','cifar10','svhn','kdd99'), 'connect to the network') | {
    'linnaeus5':'chaladze.com/l5', 'cifar10-jpeg':"use 'cifar10'", 'arrhythmia':'odds.cs.stonybrook.edu'}

@pytest.mark.parametrize('name', [n for n in sources() if n not in ('digits','folder')])
def test_no_data_and_no_network(name):
    one_line(lambda: load(name), 'is not here', 'set GANAD_DATA to', WAYS[name])
    assert not [p for p in cache_dir().rglob('*') if p.is_file()]                                   # nothing half-written

def test_fashion_names_the_package(): one_line(lambda: load('fashion'), "Debian's package dataset-fashion-mnist")

def test_unknown_names(here, monkeypatch):
    one_line(lambda: load('minst'), "no data set 'minst'", 'digits, mnist, fashion', error=UnknownName)
    s = load('digits')
    for p in (OneClass('cat'), OneClass(10), OneClass(-1), OneOut('cat'), Pooled('cat'), KDD99(), Arrhythmia()):
        one_line(lambda: p.split(s), 'no class of digits', '0, 1, 2', error=UnknownName)
    monkeypatch.setenv('GANAD_DATA', str(here/'nowhere'))
    one_line(lambda: load('mnist'), 'no folder', 'nowhere')

def test_size_is_for_images(here, monkeypatch):
    (here/'arrhythmia').mkdir(); savemat(here/'arrhythmia/arrhythmia.mat', dict(X=np.eye(3), y=np.zeros(3)))
    one_line(lambda: load('arrhythmia', size=8), 'is a table')

# ---- protocols

def image_source(official): # 10 classes of 30 pictures; row i is filled with i/300
    x = (torch.arange(300)/300).view(-1,1,1,1).expand(-1,1,4,4)
    return Source('ten', x, torch.arange(300)%10, [*'abcdefghij'], torch.arange(300)>=200 if official else None)

def table_source():
    g = torch.Generator().manual_seed(0)
    x,y = torch.randn(200, 5, generator=g),(torch.arange(200)%5==0).long()
    x[:,3] = 4.; x[y==1,:3] *= 100
    return Source('table', x, y, ['normal','anomaly'], columns=[*'abcde'])

def kdd_source():
    s = table_source()
    s.classes = ['smurf.','normal.']
    return s

CASES = [(OneClass('c'), image_source(True)), (OneClass(2), image_source(False)), (OneOut('c'), image_source(True)),
         (OneOut(2, val=0), image_source(False)), (Pooled('c'), image_source(True)), (KDD99(), kdd_source()),
         (KDD99(val=.2), kdd_source()), (Arrhythmia(), table_source()), (Arrhythmia(val=.2), table_source()),
         (Arrhythmia(clean=False, val=.2), table_source()), (OneClass('normal'), table_source())]
cases = pytest.mark.parametrize('p,s', CASES, ids=[f'{p.to_dict()["name"]}{i}' for i,(p,_) in enumerate(CASES)])

@cases
def test_promises(p, s):
    "Disjoint, pure, seeded, normal where it must be; the labels are those of the rows"
    sp,again,other = p.split(s),p.split(s),type(p)(**{k:v for k,v in p.__dict__.items()} | dict(seed=7)).split(s)
    tr,va,te = sp.rows.values()
    every = torch.cat([tr,va,te])
    assert len(every.unique()) == len(every)
    assert all(torch.equal(getattr(sp,k), getattr(again,k)) for k in ('train','val','test','y'))
    assert not torch.equal(tr, other.rows['train'])
    assert [len(sp.train), len(sp.val), len(sp.test), len(sp.y)] == [len(tr), len(va), len(te), len(te)]
    assert (sp.train.dtype, sp.test.dtype, sp.y.dtype) == (torch.float32, torch.float32, torch.int64)
    c = s.cls(p.anomaly) if hasattr(p,'anomaly') else s.cls('normal.') if isinstance(p,KDD99) else None
    bad = s.y==c if c is not None else s.y!=s.cls(p.normal)
    assert torch.equal(sp.y, bad[te].long()) and not bad[va].any() and (not getattr(p,'clean',True) or not bad[tr].any())
    assert 0<sp.base_rate<1 and sp.base_rate == sp.y.float().mean()
    assert isinstance(hash(p), int) and json.loads(json.dumps(p.to_dict())) == p.to_dict() and p.to_dict()['normal']

@cases
def test_limits(p, s):
    full,few = p.split(s),type(p)(**p.__dict__ | dict(n_train=9, n_test=20)).split(s)
    assert len(few.train)<=9 and abs(len(few.test)-20)<=1 and abs(few.base_rate-full.base_rate)<.06
    assert set(few.rows['train'].tolist()) <= set(full.rows['train'].tolist())
    assert set(few.rows['test'].tolist()) <= set(full.rows['test'].tolist())

def test_official_split_is_kept():
    s = image_source(True)
    sp = OneClass('c').split(s)
    assert (len(sp.train), len(sp.val), len(sp.test), sp.y.sum()) == (18, 2, 100, 90)
    assert sp.rows['test'].tolist() == [*range(200,300)] and max(sp.rows['train'].max(), sp.rows['val'].max()) < 200

def test_shares():
    s = image_source(False)
    assert (lambda p: (len(p.train), len(p.val), len(p.test), p.y.sum()))(OneClass('c').split(s)) == (13, 2, 15+270, 270)
    assert (lambda p: (len(p.train), len(p.val), len(p.test), p.y.sum()))(OneOut('c').split(s)) == (194, 22, 54+30, 30)
    i,j = train_test_split(np.arange(300), test_size=.2, random_state=42)
    i,_ = train_test_split(i, test_size=.25, random_state=42)
    sp = Pooled('c').split(s)
    assert sp.rows['test'].tolist() == sorted(j) and sp.rows['train'].tolist() == sorted(k for k in i if k%10==2)

@pytest.mark.parametrize('p,s', [c for c in CASES if not c[1].is_image])
def test_scaler_sees_training_rows_only(p, s):
    sp = p.split(s)
    moved = Source(s.name, s.data.clone(), s.y, s.classes)
    unseen = torch.cat([sp.rows['val'], sp.rows['test']])
    moved.data[unseen] = moved.data[unseen]*3+5
    assert torch.equal(p.split(moved).train, sp.train)
    assert sp.train[:,3].unique().tolist() == [0] and not p.split(moved).test[:,3].eq(0).any()      # a constant that changes
    assert sp.test.abs().max() <= (10 if isinstance(p,Arrhythmia) else 3)
    assert torch.equal(type(p)(**p.__dict__ | dict(raw=True)).split(s).train, s.x[sp.rows['train']])

def test_bad_protocols():
    s = image_source(False)
    for k,v in dict(val=1., test_size=-.1, n_train=0, n_test=1).items(): one_line(lambda: OneClass('c', **{k:v}).split(s), f'{k}={v}')
    s.y[:] = 3
    one_line(lambda: OneClass('c').split(s), 'ten has no rows of c to train on')
    one_line(lambda: OneClass('d').split(s), 'test rows must be normal and anomalous')
# ---- some anomalies are known

def spotted(official, n=40): # 5 classes of n pictures, each class of 4 forms that differ by far and in number
    y,form = torch.arange(5*n)%5,(torch.arange(5*n)//5)%8
    form = torch.tensor([0,0,0,0,1,1,2,3])[form]
    x = torch.zeros(5*n,1,4,4) - 1
    x[torch.arange(5*n),0,form,y%4] = 1.
    x += .001*torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    test = (torch.arange(5*n)//5)>=n//2
    return Source('spots', x.clamp(-1,1), y, [*'abcde'], test if official else None),form

def kinds(s, sp): return s.y[sp.rows['known']].bincount(minlength=len(s.classes)).tolist()

both = pytest.mark.parametrize('official', [True,False])
SAMPLINGS = pytest.mark.parametrize('sampling', ['kmeans','random','pooled'])

@both
@SAMPLINGS
@pytest.mark.parametrize('choose', [False,True])
def test_imbalance_promises(official, sampling, choose):
    "Disjoint, pure, seeded; labels and rows agree; known are anomalies, never of a class that is held out"
    s,_ = spotted(official, 80)
    kw = dict(sampling=sampling, k=3, held=('b',), choose=choose)
    p = Imbalance('c', **kw); sp,again,other = p.split(s),Imbalance(2, **kw).split(s),Imbalance('c', seed=7, **kw).split(s)
    every = torch.cat([*sp.rows.values()])
    assert [*sp.rows]==['train','val','test','known'] and len(every.unique())==len(every)
    assert all(torch.equal(sp.rows[k], again.rows[k]) and not torch.equal(sp.rows[k], other.rows[k]) for k in ('train','known'))
    assert all(torch.equal(getattr(sp,k), s.x[r]) for k,r in sp.rows.items())                        # byte for byte
    assert torch.equal(sp.y, (s.y[sp.rows['test']]!=2).long()) and {*s.y[sp.rows['test']].tolist()}=={0,1,2,3,4}
    assert {*s.y[sp.rows['train']].tolist()}=={2} and {*s.y[sp.rows['known']].tolist()}=={0,3,4} and len(sp.known)==len(sp.train)
    assert official==(not choose and bool(s.test[sp.rows['test']].all())) or choose
    if official and choose: assert not s.test[every].any()
    assert isinstance(hash(p), int) and json.loads(json.dumps(p.to_dict()))==p.to_dict() and p.to_dict()['held']==['b']

@both
def test_imbalance_shares_the_normals_and_the_test_of_oneclass(official):
    s,_ = spotted(official)
    a,b = Imbalance('c', k=3).split(s),OneClass('c').split(s)
    assert torch.equal(a.rows['train'], b.rows['train']) and torch.equal(a.rows['val'], b.rows['val'])
    if official: assert torch.equal(a.test, b.test) and torch.equal(a.y, b.y)
    else: assert s.y[a.rows['test']].bincount().tolist()==[20]*5                                     # half of each class
    assert Imbalance('c', known=3, k=3).split(s).rows['test'].tolist()==a.rows['test'].tolist()      # whatever is known

@both
@pytest.mark.parametrize('n', [1,2,4,7,10,16,33,None])
@pytest.mark.parametrize('sampling', ['kmeans','random'])
def test_known_are_equally_many_of_each_class(official, n, sampling):
    s,_ = spotted(official)
    for seed in range(3):
        sp = Imbalance('c', known=n, k=3, sampling=sampling, seed=seed).split(s)
        got = kinds(s, sp)
        assert sum(got)==(n or len(sp.train)) and got.pop(2)==0 and max(got)-min(got)<=1
    firsts = [kinds(s, Imbalance('c', known=1, k=3, seed=i).split(s)).index(1) for i in range(30)]
    assert {*firsts}=={0,1,3,4}                                                                      # left-overs are dealt out by seed

def test_a_class_with_few_rows_gives_what_it_has():
    s,_ = spotted(False)
    few = Source('few', s.data, s.y, s.classes, (s.y==0) & (torch.arange(len(s))>10))                # 3 training rows of class a
    few.test[s.y==2] = torch.arange(40)>=20
    assert kinds(few, Imbalance('c', known=18, sampling='random').split(few))==[3,5,0,5,5]

def test_clusters_keep_their_share():
    "A quarter of each class is form 1, an eighth is 2, an eighth 3: so are the known"
    s,form = spotted(True, 128)                                                                      # 64 training rows of a class
    for seed in range(3):
        sp = Imbalance('c', known=4*16, k=4, seed=seed).split(s)
        f,y = form[sp.rows['known']],s.y[sp.rows['known']]
        assert [f[y==c].bincount().tolist() for c in (0,1,3,4)]==[[8,4,2,2]]*4
        sp = Imbalance('c', known=4*9, k=4, seed=seed).split(s)                                      # 4.5, 2.25, 1.125, 1.125
        assert [form[sp.rows['known']][s.y[sp.rows['known']]==c].bincount().tolist() for c in (0,1,3,4)]==[[5,2,1,1]]*4
    loose = [form[Imbalance('c', known=64, sampling='random', seed=i).split(s).rows['known']].bincount().tolist() for i in range(5)]
    assert any(l!=[32,16,8,8] for l in loose)

@pytest.mark.parametrize('seed', [0,3])
def test_clusters_keep_their_share_on_digits(seed):
    s = load('digits'); sp = Imbalance(8, seed=seed).split(s)
    test = {*sp.rows['test'].tolist()}
    for c in (0,5,9):
        i = np.array([r for r in range(len(s)) if s.y[r]==c and r not in test])
        mine = sp.rows['known'][s.y[sp.rows['known']]==c].numpy(); k = min(10, len(mine))
        g = clusters(s.rows(i), k, seed)
        sizes,got = np.bincount(g, minlength=k),np.bincount(g[np.searchsorted(i, mine)], minlength=k)
        assert np.abs(got-len(mine)*sizes/len(i)).max()<1 and got.tolist()==by_share(len(mine), sizes).tolist()

def test_pooled_is_equal_per_cluster():
    s,_ = spotted(True, 128)
    i = np.flatnonzero((s.y!=2).numpy() & ~s.test.numpy())
    g = clusters(s.rows(i), 5, 0)
    for n in (20,23):
        r = Imbalance('c', known=n, k=5, sampling='pooled').split(s).rows['known'].numpy()
        got = np.bincount(g[np.searchsorted(i, r)], minlength=5)
        assert got.sum()==n and got.max()-got.min()<=1

def test_whole_numbers():
    "Against shares and turns that are worked out one by one"
    r = np.random.RandomState(0)
    for _ in range(200):
        sizes = r.randint(0, 30, r.randint(1, 8)); sizes[0] += 1; n = r.randint(0, sizes.sum()+1)
        want,got = n*sizes/sizes.sum(),by_share(n, sizes)
        assert got.sum()==n and (np.abs(got-want)<1).all() and (got<=sizes).all()
        up,down = (want-np.floor(want))[got>np.floor(want+1e-9)],(want-np.floor(want))[got<=np.floor(want+1e-9)]
        assert not len(up) or not len(down) or up.min()>=down.max()-1e-9                             # the largest remainders
        got = deal(n, sizes, r)
        assert got.sum()==n and (got<=sizes).all() and (got>=np.minimum(sizes, got.max()-1)).all()

def test_clusters():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0)); x[25:,1] += 60; x[:,0] *= 1e6 # another unit
    assert clusters(x, 2).tolist() in ([0]*25+[1]*25, [1]*25+[0]*25)
    assert clusters(x[:1], 1).tolist()==[0] and len(clusters(x.repeat(200,1), 5))==10_000            # more than it fits on

def test_imbalance_takes_tables_and_limits():
    s = table_source(); sp = Imbalance('normal', known=7, k=4).split(s)
    assert sp.known.shape==(7,5) and sp.known.abs().max()<=3 and sp.train.abs().max()<=1+1e-6        # scaled as training is
    assert torch.equal(Imbalance('normal', known=7, k=4, raw=True).split(s).known, s.x[sp.rows['known']])
    few = Imbalance('normal', k=4, n_train=9, n_test=20).split(s)
    assert (len(few.train), len(few.known))==(9,9) and abs(len(few.test)-20)<=1

def test_other_protocols_know_no_anomalies():
    for p,s in CASES:
        sp = p.split(s)
        assert sp.known.shape==(0,*s.shape) and [*sp.rows]==['train','val','test'] and 'known' not in repr(sp) and 'known' not in p.to_dict()
    s,_ = spotted(True)
    assert ', 2 known anomalies; normal: c' in repr(Imbalance('c', known=2, k=2).split(s))
    assert ', 1 known anomaly; normal: c' in repr(Imbalance('c', known=1, k=2).split(s))

@both
def test_bad_imbalance(official):
    s,_ = spotted(official)
    def bad(*parts, error=DataError, **kw): one_line(lambda: Imbalance('c', **kw).split(s), *parts, error=error)
    bad('k=21 is more than the 20 rows of class a; give a smaller k', k=21)
    bad('k=81 is more than the 80 rows of all anomaly classes', k=81, sampling='pooled')
    bad('known=0 is too few; give 1 or more', known=0); bad('k=0 is too few', k=0)
    bad('known=80 or less', known=81, k=5); bad('known=40 or less', known=41, k=5, held=[*'ab'])
    bad('held= names c, the normal class', held='c'); bad('held= names c', held=('a',2))
    bad('leave one in training', held=[*'abde'])
    bad("no class of spots 'z'; there are: a, b", held=('a','z'), error=UnknownName)
    bad("no sampling 'means'; there are: kmeans, random, pooled", sampling='means', error=UnknownName)
    assert len(Imbalance('c', k=21, sampling='random').split(s).known)==18                           # k is not asked for
    s.test = s.test | (s.y==3) if official else s.test
    if official:
        bad('spots has no training rows of class d', 'held=', k=5)
        assert len(Imbalance('c', k=5, held='d').split(s).known)==18
    one_line(lambda: Imbalance('c', choose=True, known=80, k=5).split(spotted(official)[0]), 'choose=True needs anomalies')

def test_held_may_be_written_in_many_ways():
    s,_ = spotted(True)
    want = Imbalance('c', k=5, held=('a','b')).split(s).rows['known'].tolist()
    for h in (['a','b'], (0,1), ('a',1), [*'ab'], np.array(['a','b'])):
        assert Imbalance('c', k=5, held=h).split(s).rows['known'].tolist()==want
    assert Imbalance('c', held=3)==Imbalance('c', held=(3,)) and Imbalance('c', held='ab').held==('ab',)

# ---- labels of one's own

@pytest.mark.parametrize('y', [[0,1,1,0], (False,True,True,False), [0.,1.,1.,0.], np.array([0,1,1,0], 'u1'), np.array([0.,1.,1.,0.]),
                               np.array([False,True,True,False]), torch.tensor([0,1,1,0]), torch.tensor([0.,1.,1.,0.]),
                               torch.tensor([False,True,True,False])])
@pytest.mark.parametrize('as_', [torch.as_tensor, np.asarray, lambda x: x])
def test_by_label(y, as_):
    n,a = by_label(as_([[0.,1.],[2.,3.],[4.,5.],[6.,7.]]), y)
    assert (n.tolist(), a.tolist(), n.dtype, a.dtype)==([[0,1],[6,7]], [[2,3],[4,5]], torch.float32, torch.float32)

def test_by_label_takes_images():
    s = load('digits'); n,a = by_label(s.x, s.y==3)
    assert torch.equal(n, s.x[s.y!=3]) and torch.equal(a, s.x[s.y==3])

@pytest.mark.parametrize('y,parts', [([0,1,2], ['label 2 of row 2']), ([0,-1,-2], ['label -1 of row 1']), ([.5,1,0], ['label 0.5 of row 0']),
    ([0,1,float('nan')], ['label nan of row 2']), (['ok','bad','ok'], ["label 'ok' of row 0"]), ([0,None,1], ['label None of row 1']),
    (np.array([[0],[1],[0]]), ['label [0] of row 0']), ([0,1], ['3 rows', '2 labels']), ([0,1,0,1], ['3 rows', '4 labels']),
    ([0,0,0], ['no labelled anomalies']), ([1,1,1], ['no normal rows'])])
def test_bad_labels(y, parts): one_line(lambda: by_label(torch.eye(3), y), *parts)

# ---- augmentation

def pictures(n=40, size=9): return torch.rand(n, 1, size, size, generator=torch.Generator().manual_seed(0))*2-1

def eight(x): # The ways to turn and mirror a picture
    return [r for k in range(4) for r in (x.rot90(k, (-2,-1)), x.rot90(k, (-2,-1)).flip(-1))]

def test_jitter_keeps_what_a_batch_is():
    for shape in ((40,1,9,9), (7,3,32,32), (1,1,8,8)):
        x = torch.rand(*shape)*2-1; before = x.clone(); y = Jitter()(x)
        assert (y.shape, y.dtype)==(x.shape, x.dtype) and y.abs().max()<=1 and torch.isfinite(y).all() and torch.equal(x, before)
        assert torch.equal(Jitter(False, False, 0)(x), x)
    assert Jitter()(pictures()[:0]).shape==(0,1,9,9)
    edge = torch.where(pictures()>0, 1., -1.); assert Jitter()(edge).abs().max()<=1

def test_jitter_flips():
    x = pictures(400); y = Jitter(turn=False, crop=0)(x)
    four = [x, x.flip(2), x.flip(3), x.flip(2,3)]
    which = torch.stack([(y==f).flatten(1).all(1) for f in four])
    assert (which.sum(0)==1).all() and (which.sum(1)>60).all()                                       # each of four, about 100 times

def test_jitter_turns():
    x = pictures(400); y = Jitter(flip=False, crop=0)(x)
    which = torch.stack([(y==x.rot90(k, (2,3))).flatten(1).all(1) for k in range(4)])
    assert (which.sum(0)==1).all() and (which.sum(1)>60).all()
    y = Jitter(crop=0)(x); which = torch.stack([(y==e).flatten(1).all(1) for e in eight(x)])
    assert (which.sum(0)==1).all() and (which.sum(1)>20).all()

def test_jitter_crops_as_interpolate_does():
    "Each image is one of the 81 crops of itself, stretched by torch's own bilinear resize"
    x = pictures(200); y = Jitter(flip=False, turn=False, crop=2)(x)
    found = []
    for t in range(3):
        for b in range(3):
            for l in range(3):
                for r in range(3):
                    f = torch.nn.functional.interpolate(x[:,:,t:9-b,l:9-r], (9,9), mode='bilinear')
                    found.append(((f-y).abs()<1e-5).flatten(1).all(1))
    found = torch.stack(found)
    assert (found.sum(0)==1).all() and (found.any(1)).sum()>60

def test_jitter_treats_each_image_alone_and_anew():
    x = pictures(1).expand(200,-1,-1,-1); y = Jitter()(x)
    assert len(y.flatten(1).unique(dim=0))>150
    torch.manual_seed(5); a = Jitter()(x); b = Jitter()(x); torch.manual_seed(5); c = Jitter()(x)
    assert torch.equal(a, c) and not torch.equal(a, b)                                               # torch's generator, and it moves on
    x = pictures(2); x[1] = x[0]; assert any(not torch.equal(*Jitter()(x)) for _ in range(5))

def test_bad_jitter():
    for x in (torch.rand(8,8), torch.rand(1,8,8), torch.rand(5,3)): one_line(lambda: Jitter()(x), 'N×C×H×W', error=ShapeError)
    one_line(lambda: Jitter()(torch.rand(2,1,8,6)), '8×6', 'turn=False', error=ShapeError)
    assert Jitter(turn=False)(torch.rand(2,1,8,6)).shape==(2,1,8,6)
    one_line(lambda: Jitter(crop=4)(torch.rand(2,1,8,8)), 'crop=4', '8×8', error=ShapeError)
    one_line(lambda: Jitter(crop=-1)(torch.rand(2,1,8,8)), 'crop=-1', error=ShapeError)

# ---- toys

def test_toys():
    for f in (ring, gaussians, box):
        assert f(50).shape == (50,2) and f(50).dtype == torch.float32
        assert torch.equal(f(50), f(50)) and not torch.equal(f(50), f(50, 1))
    torch.manual_seed(0); a = torch.rand(1); torch.manual_seed(0); ring(9); gaussians(9); box(9)
    assert torch.equal(a, torch.rand(1))                                                            # no shared generator is used
    x = ring(500)
    assert len(box(200, away=x)) == 200 and torch.cdist(box(200, away=x), x).min() > .5

# ---- the papers' counts on the real files

@real('kddcup99/kddcup.data_10_percent.gz')
def test_real_kdd(elsewhere):
    s = load('kdd99')
    sp = KDD99().split(s)
    assert s.shape == (121,) and len(s) == 494_021 and len(s.classes) == 23
    assert len(sp.train) == 198_361 and sp.y.bincount().tolist() == [198_382,48_629]
    pd = pytest.importorskip('pandas')
    i = pd.DataFrame(index=range(len(s))).sample(frac=.5, random_state=42).index.to_numpy()
    assert sp.rows['train'].tolist() == sorted(i[(s.y!=s.cls('normal.')).numpy()[i]])
    assert torch.isfinite(sp.test).all() and sp.train.abs().max() <= 1+1e-6

@real('arrhythmia/arrhythmia.mat')
def test_real_arrhythmia(elsewhere):
    s = load('arrhythmia')
    a,b = Arrhythmia().split(s),Arrhythmia(clean=False, raw=True).split(s)
    assert (s.shape, len(s), s.y.sum()) == ((274,), 452, 66)
    assert (len(a.train), len(b.train), len(a.test), a.y.sum(), s.y[b.rows['train']].sum()) == (192, 226, 226, 32, 34)

@real('MNIST/raw')
def test_real_mnist(elsewhere):
    s = load('mnist')
    sp = OneOut(anomaly=0, val=0).split(s)
    assert abs(sp.base_rate-.354)<.001 and len(sp.train) == int(.8*(70_000-6_903))                  # EGBAD's base rate for digit 0

@real('FashionMNIST/raw')
def test_real_fashion(elsewhere):
    s = load('fashion')
    sp = OneClass('Trouser').split(s)
    assert (len(sp.train), len(sp.val), len(sp.test), sp.y.sum()) == (5400, 600, 10_000, 9000)

@real('FashionMNIST')
def test_real_imbalance(elsewhere):
    s = load('fashion')
    for sampling in ('kmeans','random'):
        sp = Imbalance('Shirt', sampling=sampling).split(s)
        assert (len(sp.train), len(sp.val), len(sp.known), len(sp.test))==(5400, 600, 5400, 10_000)
        assert kinds(s, sp)==[600]*6+[0]+[600]*3 and s.test[sp.rows['test']].all() and not s.test[sp.rows['known']].any()
    i = np.flatnonzero((s.y==8).numpy() & ~s.test.numpy()); g = clusters(s.rows(i))
    sp = Imbalance('Shirt').split(s); mine = sp.rows['known'][s.y[sp.rows['known']]==8].numpy()
    assert np.bincount(g[np.searchsorted(i, mine)]).tolist()==by_share(600, np.bincount(g)).tolist()
    for n,most in ((1,1), (10,2), (100,12)):
        got = kinds(s, Imbalance('Shirt', known=n).split(s)); assert sum(got)==n and max(got)==most and got[6]==0
    sp = Imbalance('Shirt', known=100, held=('Bag','Coat','Sandal')).split(s)
    assert sorted(kinds(s, sp))==[0]*4+[16]*2+[17]*4
    assert all(kinds(s, sp)[s.cls(c)]==0 for c in ('Bag','Coat','Sandal','Shirt')) and sp.y.sum()==9000
    sp = Imbalance('Shirt', choose=True, n_train=500, n_test=1000).split(s)
    every = torch.cat([*sp.rows.values()])
    assert len(every.unique())==len(every) and not s.test[every].any() and (len(sp.train), len(sp.known), len(sp.test))==(500,500,1000)
