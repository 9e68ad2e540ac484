"Model files: what was saved comes back, whatever was damaged is refused in one line, nothing in a file is ever run, old files still open"
import json, os, pickle, re, struct, warnings
from pathlib import Path
import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from safetensors.torch import save_file
from sklearn.base import clone
from ganad.core import CheckpointError, GanadError
from ganad.detector import detectors, load_model, save_model
from ganad.estimator import AnoGANDetector, AutoEncoderDetector, GANDetector, MeanRowDetector, PCADetector, estimators, info, load
from ganad.estimator.modelfile import FORMAT, fingerprint
from ganad.networks import Mlp

FILES = Path(__file__).parent/'files'
CHEAP = dict(anogan=dict(steps=2, tries=8, starts=1), isolationforest=dict(trees=5))


def rows(n=60): return np.random.default_rng(0).normal(size=(n, 4))
def mixed(n=80):
    rng = np.random.default_rng(0)
    return pd.DataFrame({'a €': rng.normal(size=n), '🌍': rng.choice(['x', 'y', 'é"\\'], n), 'n': rng.integers(9, size=n)})
def pictures(): return torch.rand(12, 8, 8, generator=torch.Generator().manual_seed(0)).numpy()


@pytest.mark.parametrize('name', estimators())
@pytest.mark.parametrize('data', [rows, mixed, pictures], ids=lambda f: f.__name__)
def test_saved_and_loaded(tmp_path, name, data):
    x = data(); y = np.arange(len(x)) % 5 == 0
    e = estimators()[name](epochs=1, random_state=np.int64(0), **CHEAP.get(name, {}), **(dict(false_alarms=.2, holdout=.5) if data is mixed else {})).fit(x, y)
    l, p = load(e.save(tmp_path/'m.safetensors', note='ä', n=[1])), pickle.loads(pickle.dumps(e))
    for o in l, p:
        assert np.array_equal(o.anomaly_score(x), e.anomaly_score(x)) and np.array_equal(o.predict(x), e.predict(x))
        assert o.threshold_ == e.threshold_ and o.history_ == e.history_ and o.data_ == e.data_ and o.prep_ == e.prep_ and o.get_params() == e.get_params()
        if data is mixed: assert np.array_equal(o.p_values(x), e.p_values(x)) and [*o.feature_names_in_] == [*x.columns]
    h = info(tmp_path/'m.safetensors')
    assert h['method'] == name and h['format'] == FORMAT and h['extra'] == dict(note='ä', n=[1]) and h['data']['rows'] == len(x) and h['versions']['torch']
    again = load(l.save(tmp_path/'again.safetensors', n=2))
    assert again.extra_ == dict(note='ä', n=2) and (tmp_path/'again.safetensors').stat().st_size > 0
    assert np.array_equal(clone(l).fit(x, y).anomaly_score(x), e.anomaly_score(x)), 'the settings are those of the training'


def test_same_fit_same_bytes(tmp_path):
    a, b = (PCADetector(random_state=0).fit(rows()).save(tmp_path/n).read_bytes() for n in 'ab')
    assert a == b


# ---- damage

@pytest.fixture(scope='module')
def model(tmp_path_factory):
    return AutoEncoderDetector(epochs=1, nz=1, random_state=0).fit(rows()).save(tmp_path_factory.mktemp('m')/'m.safetensors')

def parts(data): n = struct.unpack('<Q', data[:8])[0]; return n, json.loads(data[8:8+n]), data[8+n:]
def joined(head, body): h = json.dumps(head).encode(); return struct.pack('<Q', len(h)) + h + body
def edited(data, f):
    "The file with another header, as somebody would make it who knows the format, digest and all"
    _, h, body = parts(data)
    g = json.loads(h['__metadata__']['ganad']); g.pop('digest', None); f(g)
    (p := Path('/dev/shm' if os.path.isdir('/dev/shm') else '.')/f'edit{os.getpid()}').write_bytes(data)
    from safetensors import safe_open
    with safe_open(p, 'pt') as o: state = {k: o.get_tensor(k) for k in o.keys()}
    p.unlink()
    g['digest'] = fingerprint(g, state); h['__metadata__']['ganad'] = json.dumps(g)
    return joined(h, body)

def bfloats(data):
    "Two numbers of 16 bits in the place of each of 32"
    h, body = parts(data)[1:]
    for k, v in h.items():
        if v.get('dtype') == 'F32': v.update(dtype='BF16', shape=[*v['shape'][:-1], 2*v['shape'][-1]])
    return joined(h, body)

DAMAGE = dict(
    truncated=(lambda d: d[:-9], 'is damaged or no model file'), half=(lambda d: d[:len(d)//2], 'is damaged or no model file'),
    empty=(lambda d: b'', 'is damaged or no model file'), longer=(lambda d: d + b'x'*99, 'is damaged or no model file'),
    header_of_exabytes=(lambda d: struct.pack('<Q', 2**60) + d[8:], 'is damaged or no model file'),
    text=(lambda d: b'method,score\nalad,1\n', 'is no model of ganad'), pickle=(lambda d: pickle.dumps(dict(a=1)), 'is no model of ganad'),
    flipped=(lambda d: d[:-40] + bytes([d[-40] ^ 1]) + d[-39:], 'was changed after it was saved'),
    threshold=(lambda d: d.replace(b'threshold\\": ', b'threshold\\": 9'), 'was changed after it was saved|is damaged'),
    no_header=(lambda d: joined({k: v for k, v in parts(d)[1].items() if k != '__metadata__'}, parts(d)[2]), 'is no model of ganad'),
    foreign=(lambda d: joined(parts(d)[1] | dict(__metadata__=dict(format='pt')), parts(d)[2]), 'is no model of ganad'),
    not_json=(lambda d: joined(parts(d)[1] | dict(__metadata__=dict(ganad='{')), parts(d)[2]), 'is no model of ganad'),
    deep=(lambda d: joined(parts(d)[1] | dict(__metadata__=dict(ganad='['*99999)), parts(d)[2]), 'is no model of ganad|is damaged'),
    a_list=(lambda d: joined(parts(d)[1] | dict(__metadata__=dict(ganad='[1]')), parts(d)[2]), 'is of format None'),
    newer=(lambda d: edited(d, lambda g: g.update(format=FORMAT+1)), f'is of format {FORMAT+1}; ganad .* reads 1 to {FORMAT}: install a newer one'),
    bool_format=(lambda d: edited(d, lambda g: g.update(format='2')), 'is of format 2'),
    other_method=(lambda d: edited(d, lambda g: g.update(method='bigan')), 'does not fit together'),
    no_method=(lambda d: edited(d, lambda g: g.update(method='os.system')), "no method 'os.system'"),
    other_size=(lambda d: edited(d, lambda g: g['settings'].update(nz=7)), 'weights of another size'),
    absurd_size=(lambda d: edited(d, lambda g: g['settings'].update(nz=10**12)), 'does not fit together'),
    odd_setting=(lambda d: edited(d, lambda g: g['settings'].update(evil=1)), "does not fit together .no setting 'evil'"),
    code=(lambda d: edited(d, lambda g: g['settings'].update(nets='__import__("os").system("touch owned")')), 'does not fit together'),
    odd_prep=(lambda d: edited(d, lambda g: g['prep'].update(mean='x')), 'does not fit together'),
    odd_kind=(lambda d: edited(d, lambda g: g.update(kind='code')), 'does not fit together'),
    missing=(lambda d: edited(d, lambda g: g.pop('prep')), 'does not fit together'),
    methodless=(lambda d: edited(d, lambda g: g.pop('method')), 'does not fit together'),
    odd_extra=(lambda d: edited(d, lambda g: g.update(extra=[1])), 'does not fit together'),
    not_a_number=(lambda d: edited(d, lambda g: g.update(threshold=float('nan'))), 'is no model of ganad'),
    half_precision=(lambda d: d.replace(b'"F32"', b'"F16"'), 'is damaged or no model file'),
    bfloats=(lambda d: bfloats(d), 'was changed after it was saved'),
    pretends_to_be_old=(lambda d: edited(d, lambda g: g.update(format=1)), 'lacks|does not fit'))

@pytest.mark.parametrize('how', DAMAGE)
def test_damage_is_refused_in_one_line(tmp_path, monkeypatch, model, how):
    monkeypatch.chdir(tmp_path)
    f, says = DAMAGE[how]
    (tmp_path/'x.safetensors').write_bytes(f(model.read_bytes()))
    with pytest.raises(GanadError, match=says) as e: load('x.safetensors')
    assert len(str(e.value).splitlines()) == 1 and not (tmp_path/'owned').exists()
    assert isinstance(e.value, CheckpointError) or how == 'no_method'


INTACT = 'other_method no_method other_size absurd_size odd_setting code odd_prep odd_kind missing pretends_to_be_old'.split()   # made anew, digest and all

@pytest.mark.parametrize('how', DAMAGE)
def test_info_of_a_damaged_file_is_one_line(tmp_path, model, run, how):
    (tmp_path/'x').write_bytes(DAMAGE[how][0](model.read_bytes()))
    code, out, err = run('info', tmp_path/'x')
    if how in INTACT: assert code == 0 and 'method' in out or code == 2 and err.count('\n') == 1
    else: assert (code, out, err.count('\n')) == (2, '', 1) and re.search(DAMAGE[how][1], err), (out, err)


def test_no_byte_is_without_effect(tmp_path, model):
    d, f = model.read_bytes(), tmp_path/'x.safetensors'
    for i in np.random.default_rng(0).integers(len(d), size=120):
        f.write_bytes(d[:i] + bytes([d[i] ^ 4]) + d[i+1:])
        with pytest.raises(GanadError): load(f)


@pytest.mark.parametrize('path,says', [('nowhere.safetensors', 'is not there; give the path'), ('.', 'is damaged or no model file')])
def test_no_file(tmp_path, monkeypatch, path, says):
    monkeypatch.chdir(tmp_path)
    for f in load, info:
        with pytest.raises(CheckpointError, match=says) as e: f(path)
        assert len(str(e.value).splitlines()) == 1


def test_a_renamed_file(tmp_path, model):
    "The name does not matter; what is in it does"
    (tmp_path/'m.pt').write_bytes(model.read_bytes()); torch.save(dict(a=1), tmp_path/'t.safetensors')
    assert load(tmp_path/'m.pt').predict(rows()).shape == (60,)
    with pytest.raises(CheckpointError, match='is no model of ganad'): load(tmp_path/'t.safetensors')


def test_other_software(tmp_path):
    save_file(dict(w=torch.zeros(3)), tmp_path/'o.safetensors', dict(made_by='somebody'))
    with pytest.raises(CheckpointError, match='is no model of ganad; give a file made by save'): info(tmp_path/'o.safetensors')


def test_own_networks_are_brought_along(tmp_path):
    nets = lambda shape: Mlp(shape, nh=8)
    e = AutoEncoderDetector(nets=nets, epochs=1, random_state=0).fit(rows()); f = e.save(tmp_path/'m.safetensors')
    with pytest.raises(CheckpointError, match='needs own nets: give them to load'): load(f)
    assert np.array_equal(load(f, nets=nets).anomaly_score(rows()), e.anomaly_score(rows()))
    with pytest.raises(CheckpointError, match='weights of another size'): load(f, nets=Mlp)


def test_only_what_scoring_needs_is_asked_for(tmp_path):
    e = PCADetector(random_state=np.random.RandomState(0), device=torch.device('cpu')).fit(rows())
    assert np.array_equal(load(e.save(tmp_path/'m')).anomaly_score(rows()), e.anomaly_score(rows()))


@pytest.mark.parametrize('t', [np.inf, np.nan])
def test_a_threshold_is_a_number(model, t):
    with pytest.raises(GanadError, match=f'threshold={t}; give a finite number'): load(model).threshold_ = t


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    import ganad.estimator.modelfile as M
    e = PCADetector(random_state=0).fit(rows()); f = e.save(tmp_path/'m.safetensors'); before = f.read_bytes()
    def stop(*a): raise KeyboardInterrupt
    monkeypatch.setattr(M, 'save_file', stop)
    with pytest.raises(KeyboardInterrupt): e.save(f)
    assert f.read_bytes() == before and [*tmp_path.iterdir()] == [f]


def test_a_bare_detector_file_and_an_estimator_file_are_not_taken_for_each_other(tmp_path, model):
    with pytest.raises(CheckpointError, match='holds an estimator.*ganad.estimator.load'): load_model(model)
    m = detectors()['pca'](4).fit(rows()); e = load(save_model(m, tmp_path/'d.safetensors'))
    assert np.allclose(e.anomaly_score(rows()), m.score(rows()).numpy(), atol=1e-5)
    with pytest.raises(GanadError, match='has no threshold yet; set threshold_'): e.predict(rows())
    e.threshold_ = 1
    assert {*e.predict(rows())} == {-1, 1} and load(e.save(tmp_path/'e.safetensors')).threshold_ == 1


# ---- one file of each format, made by the version that wrote it

def old_rows(): return pd.DataFrame(dict(a=np.linspace(-2, 2, 9), b=np.linspace(5, 1, 9)**2, c=['u', 'v', 'u', 'v', 'w', 'u', 'v', 'u', 'v']))

@pytest.mark.parametrize('v', range(1, FORMAT+1))
def test_a_file_of_each_format_opens(v):
    f = FILES/f'format{v}.safetensors'; want = json.loads((FILES/'scores.json').read_text())[f'format{v}']
    assert info(f)['format'] == v and f.stat().st_size < 60_000
    x = old_rows() if v > 1 else old_rows()[['a', 'b']].to_numpy()
    assert np.allclose(load(f).anomaly_score(x), want, rtol=1e-4)
    if v > 1: assert np.isfinite(load(f).p_values(x)).all()


# ---- ONNX

ENCODERS = [n for n, c in detectors().items() if getattr(c(4), 'E', None)]

def test_which_have_encoders(): assert {'bigan', 'alice', 'egbad', 'ganomaly', 'alad', 'alad64', 'autoencoder'} <= {*ENCODERS}

@pytest.mark.parametrize('data', [rows, mixed, pictures], ids=lambda f: f.__name__)
@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.filterwarnings('ignore')
def test_onnx_gives_the_same_scores(tmp_path, name, data):
    x = data(); e = estimators()[name](epochs=2, random_state=0).fit(x)
    s = onnxruntime.InferenceSession(e.to_onnx(tmp_path/'m.onnx'))
    for n in (1, 5, len(x)):
        r = e.prep_.rows(x[:n]).numpy() if data is pictures else e.prep_.encode(x[:n])
        got = s.run(None, dict(x=r))[0]
        assert got.shape == (n,) and np.allclose(got, e.anomaly_score(x[:n]), rtol=1e-3, atol=1e-4)

def test_onnx_keeps_small_steps_of_large_columns(tmp_path):
    x = rows(); x[:, 0] = 1.7e9 + 1000*x[:, 0]                                                      # a time in seconds
    e = AutoEncoderDetector(nz=2, epochs=20, random_state=0).fit(x)
    got = onnxruntime.InferenceSession(e.to_onnx(tmp_path/'m.onnx')).run(None, dict(x=e.prep_.encode(x)))[0]
    assert np.allclose(got, e.anomaly_score(x), rtol=1e-3, atol=1e-4)

def test_what_cannot_be_onnx(tmp_path):
    for e in AnoGANDetector(encoder=True, steps=2, tries=8, epochs=1), GANDetector(epochs=1), MeanRowDetector():
        with pytest.raises(GanadError, match='has no encoder; take a method with one|cannot be written as ONNX'): e.fit(rows()).to_onnx(tmp_path/'m.onnx')
    assert not [*tmp_path.iterdir()]

@pytest.mark.filterwarnings('ignore')
def test_onnx_asks_the_second_question_too(tmp_path):
    x = pictures(); e = estimators()['ganomaly'](epochs=2, random_state=0, turns=True).fit(x)
    e = load(e.save(tmp_path/'m.safetensors'))
    got = onnxruntime.InferenceSession(e.to_onnx(tmp_path/'m.onnx')).run(None, dict(x=e.prep_.rows(x[:5]).numpy()))[0]
    assert np.allclose(got, e.anomaly_score(x[:5]), rtol=1e-3, atol=1e-4)

@pytest.mark.parametrize('most,said', [(16, True), (64, True), (1, False), (200, False)])
def test_images_that_would_be_nearly_black_are_said(most, said):
    from ganad.estimator.preprocess import limits
    with warnings.catch_warnings(record=True) as w: warnings.simplefilter('always'); limits(np.array([0., most]))
    assert any('nearly black of 0…255' in str(v.message) for v in w) == said
