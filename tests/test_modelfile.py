"Model files: what was saved comes back, what was damaged is refused in one line, nothing is ever run"
import json
import pickle
import re
import struct
import warnings
from pathlib import Path

import numpy as np
import onnxruntime
import pandas as pd
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from sklearn.base import clone

from fuzz_models import table as fuzz_table
from ganad.core import CheckpointError, GanadError
from ganad.detector import detectors, load_model, save_model
from ganad.estimator import (AnoGANDetector, AutoEncoderDetector, GANDetector, MeanRowDetector, PCADetector,
                             estimators, info, load)
from ganad.estimator._modelfile import FORMAT, fingerprint
from ganad.estimator._preprocess import brightness_range
from ganad.networks import Mlp

FILES = Path(__file__).parent/'files'
CHEAP = dict(anogan=dict(steps=2, tries=8, starts=1), isolationforest=dict(trees=5))


def rows(n=60): return np.random.default_rng(0).normal(size=(n, 4))


def mixed(n=80):
    rng = np.random.default_rng(0)
    return pd.DataFrame({'a €':rng.normal(size=n), '🌍':rng.choice(['x', 'y', 'é"\\'], n),
                         'n':rng.integers(9, size=n)})


def forged_table():
    "With a constant column: the last of the numbers"
    return fuzz_table().rename(columns=dict(d='constant'))


def pictures(): return torch.rand(12, 8, 8, generator=torch.Generator().manual_seed(0)).numpy()


@pytest.mark.parametrize('name', estimators())
@pytest.mark.parametrize('data', [rows, mixed, pictures], ids=lambda f: f.__name__)
def test_saved_and_loaded(tmp_path, name, data):
    x = data()
    y = np.arange(len(x)) % 5 == 0
    promise = dict(false_alarms=.2, holdout=.5) if data is mixed else {}
    e = estimators()[name](epochs=1, random_state=np.int64(0), **CHEAP.get(name, {}), **promise).fit(x, y)
    loaded = load(e.save(tmp_path/'m.safetensors', note='ä', n=[1]))
    for other in loaded, pickle.loads(pickle.dumps(e)):
        assert np.array_equal(other.anomaly_score(x), e.anomaly_score(x))
        assert np.array_equal(other.predict(x), e.predict(x))
        for known in 'threshold_ offset_ calibrated_ history_ data_ metrics_ prep_ n_features_in_'.split():
            assert getattr(other, known)==getattr(e, known), known
        assert np.array_equal(other.reference_, e.reference_)
        assert other.get_params()==e.get_params()
        if data is not mixed: continue
        assert np.array_equal(other.p_values(x), e.p_values(x))
        assert [*other.feature_names_in_]==[*x.columns]
    header = info(tmp_path/'m.safetensors')
    assert header['method']==name
    assert header['format']==FORMAT
    assert header['extra']==dict(note='ä', n=[1])
    assert header['data']['rows']==len(x)
    assert header['versions']['torch']
    again = load(loaded.save(tmp_path/'again.safetensors', n=2))
    assert again.extra_==loaded.extra_==dict(note='ä', n=2)
    refitted = clone(loaded).fit(x, y)
    assert np.array_equal(refitted.anomaly_score(x), e.anomaly_score(x)), 'settings are those of the training'


def test_what_a_file_holds_besides_is_of_one_training(tmp_path):
    e = PCADetector(random_state=0).fit(rows())
    assert e.extra_=={}
    e.save(tmp_path/'a', note='a trial')
    again = load(e.save(tmp_path/'b', n=2))
    assert e.extra_==again.extra_==dict(note='a trial', n=2)
    assert again.fit(rows(50)).extra_=={}, 'of other rows'


def test_same_fit_same_bytes(tmp_path):
    files = [PCADetector(random_state=0).fit(rows()).save(tmp_path/name) for name in 'ab']
    assert files[0].read_bytes()==files[1].read_bytes()


def test_a_header_holds_what_it_always_held(tmp_path):
    e = MeanRowDetector(random_state=0, false_alarms=.2).fit(mixed())
    header = info(e.save(tmp_path/'m.safetensors'))
    old = info(FILES/'format2.safetensors')
    assert header.keys()==old.keys()
    assert header['prep'].keys()>=old['prep'].keys()
    assert header['data'].keys()==old['data'].keys()
    assert {*MeanRowDetector().get_params()}=={*header['settings']}


# ---- damage

@pytest.fixture(scope='module')
def model(tmp_path_factory):
    e = AutoEncoderDetector(epochs=1, nz=1, random_state=0).fit(rows())
    return e.save(tmp_path_factory.mktemp('m')/'m.safetensors')


def parts(data):
    "Header and body of a file of tensors"
    n = struct.unpack('<Q', data[:8])[0]
    return json.loads(data[8:8+n]), data[8+n:]


def joined(header, body):
    text = json.dumps(header).encode()
    return struct.pack('<Q', len(text)) + text + body


def with_metadata(data, metadata):
    header, body = parts(data)
    return joined(header | dict(__metadata__=metadata), body)


def without_metadata(data):
    header, body = parts(data)
    del header['__metadata__']
    return joined(header, body)


def edited(change):
    "A file with another header, as somebody would make it who knows the format, digest and all"
    def edit(data, folder):
        path = folder/'original'
        path.write_bytes(data)
        with safe_open(path, 'pt') as file:
            state = {name:file.get_tensor(name) for name in file.keys()}      # noqa: SIM118 (no dict)
        path.unlink()
        header = json.loads(parts(data)[0]['__metadata__']['ganad'])
        del header['digest']
        change(header)
        header['digest'] = fingerprint(header, state)
        return with_metadata(data, dict(ganad=json.dumps(header)))
    return edit


def with_setting(**settings): return edited(lambda header: header['settings'].update(settings))
def with_entry(**entries): return edited(lambda header: header.update(entries))
def without(name): return edited(lambda header: header.pop(name))


def as_bfloats(data, folder):
    "Two numbers of 16 bits in the place of each of 32"
    header, body = parts(data)
    for tensor in header.values():
        if tensor.get('dtype')!='F32': continue
        *others, last = tensor['shape']
        tensor.update(dtype='BF16', shape=[*others, 2*last])
    return joined(header, body)


NO_MODEL = 'is no model of ganad'
BROKEN = 'is damaged or no model file'
EDITED = 'was changed after it was saved'
UNFIT = 'does not fit together'
NEWER = f'is of format {FORMAT+1}, and ganad .* reads 1 to {FORMAT}; install a newer one'
CALL = '__import__("os").system("touch owned")'
BYTES = dict(                                                                     # somebody broke a file
    truncated=(lambda d: d[:-9], BROKEN),
    half=(lambda d: d[:len(d)//2], BROKEN),
    empty=(lambda d: b'', BROKEN),
    longer=(lambda d: d + b'x'*99, BROKEN),
    header_of_exabytes=(lambda d: struct.pack('<Q', 2**60) + d[8:], BROKEN),
    text=(lambda d: b'method,score\nalad,1\n', NO_MODEL),
    pickle=(lambda d: pickle.dumps(dict(a=1)), NO_MODEL),
    flipped=(lambda d: d[:-40] + bytes([d[-40] ^ 1]) + d[-39:], EDITED),
    threshold=(lambda d: d.replace(b'threshold\\": ', b'threshold\\": 9'), f'{EDITED}|is damaged'),
    no_header=(without_metadata, NO_MODEL),
    foreign=(lambda d: with_metadata(d, dict(format='pt')), NO_MODEL),
    not_json=(lambda d: with_metadata(d, dict(ganad='{')), NO_MODEL),
    deep=(lambda d: with_metadata(d, dict(ganad='['*99999)), f'{NO_MODEL}|is damaged'),
    a_list=(lambda d: with_metadata(d, dict(ganad='[1]')), NO_MODEL),
    half_precision=(lambda d: d.replace(b'"F32"', b'"F16"'), BROKEN))
HEADERS = dict(                                                                   # somebody made another file
    newer=(with_entry(format=FORMAT+1), NEWER),
    bool_format=(with_entry(format='2'), 'is of format 2'),
    other_method=(with_entry(method='bigan'), UNFIT),
    no_method=(with_entry(method='os.system'), "no method 'os.system'"),
    other_size=(with_setting(nz=7), 'weights of another size'),
    absurd_size=(with_setting(nz=10**12), UNFIT),
    odd_setting=(with_setting(evil=1), f"{UNFIT} .no setting 'evil'"),
    code=(with_setting(nets=CALL), UNFIT),
    odd_prep=(edited(lambda header: header['prep'].update(mean='x')), UNFIT),
    odd_kind=(with_entry(kind='code'), UNFIT),
    missing=(without('prep'), UNFIT),
    methodless=(without('method'), UNFIT),
    odd_extra=(with_entry(extra=[1]), UNFIT),
    not_a_number=(with_entry(threshold=float('nan')), NO_MODEL),
    threshold_of_text=(with_entry(threshold='high'), UNFIT),
    threshold_of_many=(with_entry(threshold=[1]), UNFIT),
    endless_threshold=(with_entry(threshold=10**400), UNFIT),
    bfloats=(as_bfloats, EDITED),
    pretends_to_be_old=(with_entry(format=1), 'lacks|does not fit'))
DAMAGE = BYTES | HEADERS


def damaged(how, model, folder):
    "A file that was damaged so, and what should be said of it"
    f, says = DAMAGE[how]
    path = folder/'x.safetensors'
    data = model.read_bytes()
    path.write_bytes(f(data) if how in BYTES else f(data, folder))
    return path, says


@pytest.mark.parametrize('how', DAMAGE)
def test_damage_is_refused_in_one_line(tmp_path, monkeypatch, model, how):
    path, says = damaged(how, model, tmp_path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(GanadError, match=says) as e: load(path)
    assert len(str(e.value).splitlines())==1
    assert e.value.file==path
    assert not (tmp_path/'owned').exists()
    assert isinstance(e.value, CheckpointError) or how=='no_method'


FORGED = [
    *(('prep', 'worth', worth) for worth in ([-1.]*4, [1e308]*4, [1.1]*4, [])),
    ('prep', 'worth', [0.]*4), ('prep', 'lowest', 1e308), ('prep', 'lowest', -1e30), ('prep', 'constant', []),
    ('prep', 'constant', [0]), ('prep', 'constant', [3]), ('prep', 'fill', [9., 9., 'x', 5.]),
    ('settings', 'holdout', 'x'), ('settings', 'holdout', -1), ('settings', 'false_alarms', None),
    ('settings', 'contamination', 7), ('settings', 'k', 0), ('data', 'held', 10**6),
    *(('extra', 'usual', usual) for usual in (
        [], {}, dict(mean=[0.]*6), dict(mean=[0.], deviation=[1.]), dict(mean=[0.]*6, deviation=[0.]*6),
        dict(mean=[0.]*6, deviation=[-1.]*6), dict(mean=['x']*6, deviation=[1.]*6), 1e308)),
    *(('extra', 'pictures', pictures) for pictures in (
        [], {}, 1, dict(levels={}, pad=False), *(
            dict(levels={'8':[0, 255]}, pad=True, width=[8, 8], height=[8, 8], shape=[1, 1]) | odd
            for odd in (dict(levels=[]), dict(levels={'8':[5, 5]}), dict(levels={'9':[0, 5]}), dict(pad=None),
                dict(width=[9, 8]), dict(height='x'), dict(shape=[1.]))))),
    ('extra', 'normal_is', []), ('extra', 'normal_is', {}), ('extra', 'baseline', []),
    ('extra', 'baseline', dict(auroc='x')), ('extra', 'card', []), ('extra', 'card', dict(data=1)),
    ('extra', 'skipped', 3), ('extra', 'found', dict(auroc=7))]


@pytest.fixture(scope='module')
def model_with_constant(tmp_path_factory):
    x = forged_table()
    usual = dict(mean=[0.]*6, deviation=[1.]*6)
    e = PCADetector(k=2, random_state=0, false_alarms=.2).fit(x)
    path = tmp_path_factory.mktemp('m')/'m.safetensors'
    return e.save(path, usual=usual, card=dict(data='d'), normal_is='0')


@pytest.mark.parametrize('place,name,value', FORGED, ids=str)
def test_a_forged_word_is_refused_by_every_command(tmp_path, run, model_with_constant, place, name, value):
    path = tmp_path/'x.safetensors'
    forge = edited(lambda header: header[place].update({name:value}))
    path.write_bytes(forge(model_with_constant.read_bytes(), tmp_path))
    forged_table().to_csv(tmp_path/'t.csv', index=False)
    with pytest.raises(CheckpointError): load(path)
    code, _, err = run('info', path)
    assert code==0 or err.count('\n')==1
    for command, out in ('score', 's.csv'), ('report', 'r.html'):
        code, _, err = run(command, tmp_path/'t.csv', '--model', path, '--out', tmp_path/out)
        assert (code, err.count('\n'))==(2, 1), err
        assert not (tmp_path/out).exists()


INTACT = ('other_method no_method other_size absurd_size odd_setting code odd_prep odd_kind missing '
          'pretends_to_be_old threshold_of_text threshold_of_many endless_threshold'
          ).split()                                                              # made anew, digest and all


@pytest.mark.parametrize('how', DAMAGE)
def test_info_of_a_damaged_file_is_one_line(tmp_path, model, run, how):
    path, says = damaged(how, model, tmp_path)
    code, out, err = run('info', path)
    if how in INTACT and code==0:
        assert 'method' in out
        return
    assert (code, err.count('\n'))==(2, 1)
    if how not in INTACT: assert out=='' and re.search(says, err), (out, err)


def test_no_byte_is_without_effect(tmp_path, model):
    data = model.read_bytes()
    path = tmp_path/'x.safetensors'
    for i in np.random.default_rng(0).integers(len(data), size=120):
        path.write_bytes(data[:i] + bytes([data[i] ^ 4]) + data[i+1:])
        with pytest.raises(GanadError): load(path)


@pytest.mark.parametrize('path,says', [('nowhere.safetensors', 'is not there; give the path'),
                                       ('.', NO_MODEL)])
@pytest.mark.parametrize('read', [load, info, load_model])
def test_no_file(tmp_path, monkeypatch, path, says, read):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CheckpointError, match=says) as e: read(path)
    assert len(str(e.value).splitlines())==1


def test_a_renamed_file(tmp_path, model):
    "The name does not matter; what is in it does"
    (tmp_path/'m.pt').write_bytes(model.read_bytes())
    assert load(tmp_path/'m.pt').predict(rows()).shape==(60,)
    torch.save(dict(a=1), tmp_path/'t.safetensors')
    with pytest.raises(CheckpointError, match=NO_MODEL): load(tmp_path/'t.safetensors')


def test_other_software(tmp_path):
    save_file(dict(w=torch.zeros(3)), tmp_path/'o.safetensors', dict(made_by='somebody'))
    for read in info, load_model:
        with pytest.raises(CheckpointError, match=f'{NO_MODEL}; give a file made by save'):
            read(tmp_path/'o.safetensors')


def test_own_networks_are_brought_along(tmp_path):
    def nets(shape): return Mlp(shape, nh=8)
    e = AutoEncoderDetector(nets=nets, epochs=1, random_state=0).fit(rows())
    path = e.save(tmp_path/'m.safetensors')
    with pytest.raises(CheckpointError, match='needs own nets; give them to load'): load(path)
    assert np.array_equal(load(path, nets=nets).anomaly_score(rows()), e.anomaly_score(rows()))
    wrong = 'weights of another size.*; or bring other nets'
    with pytest.raises(CheckpointError, match=wrong): load(path, nets=Mlp)


@pytest.mark.parametrize('name, before, after', [
    ('knn', dict(k=3), dict(k=1)), ('knn', {}, dict(n=5)), ('pca', dict(k=1), dict(k=3)),
    ('autoencoder', dict(epochs=2), dict(nz=2, nets=Mlp, epochs=9)),
    ('meanrow', {}, dict(contamination=.1, false_alarms=.1)),
    ('isolationforest', dict(trees=5), dict(trees=50, random_state=7))])
def test_a_file_holds_the_settings_of_the_training(tmp_path, name, before, after):
    "Whatever was set since for the next one"
    fitted, changed = (estimators()[name](**{'random_state':0, **before}).fit(rows()) for _ in range(2))
    want = changed.anomaly_score(rows())
    changed.set_params(**after)
    loaded = load(changed.save(tmp_path/'m'))
    assert np.array_equal(loaded.anomaly_score(rows()), want)
    assert loaded.get_params()==fitted.get_params()
    assert (tmp_path/'m').read_bytes()==fitted.save(tmp_path/'f').read_bytes()
    loaded.set_params(**after)
    assert loaded.save(tmp_path/'again').read_bytes()==(tmp_path/'m').read_bytes()
    changed = pickle.loads(pickle.dumps(changed))
    assert changed.save(tmp_path/'p').read_bytes()==(tmp_path/'m').read_bytes()
    assert info(changed.fit(rows()).save(tmp_path/'m'))['settings'].items()>=after.items()-{('nets', Mlp)}


@pytest.mark.parametrize('brought, says', [
    (dict(k=3), "load takes no k: the model was trained with k=2; leave it out, or fit again"),
    (dict(threshold=9.), "load takes no threshold: .*; set threshold_ of what load gives"),
    (dict(contamination=.3), "load takes no contamination: .*=0.1; set threshold_"),
    (dict(impute='mean'), "load takes no impute")])
def test_what_a_training_has_settled_is_not_brought_along(tmp_path, brought, says):
    path = PCADetector(k=2).fit(rows()).save(tmp_path/'m')
    with pytest.raises(GanadError, match=says) as error: load(path, **brought)
    assert error.value.file==path and 'fit together' not in str(error.value)


def test_a_setting_that_there_is_not_is_no_fault_of_the_file(tmp_path):
    path = PCADetector(k=2).fit(rows()).save(tmp_path/'m')
    with pytest.raises(TypeError, match="no setting 'zz'; there are: ") as error: load(path, zz=3)
    assert 'file' not in str(error.value).partition('there are')[0]


def test_only_what_scoring_needs_is_asked_for(tmp_path):
    e = PCADetector(random_state=np.random.RandomState(0), device=torch.device('cpu')).fit(rows())
    loaded = load(e.save(tmp_path/'m'))
    assert np.array_equal(loaded.anomaly_score(rows()), e.anomaly_score(rows()))


@pytest.mark.parametrize('value', [np.inf, np.nan])
def test_a_threshold_is_a_number(model, value):
    e = load(model)
    with pytest.raises(GanadError, match=f'threshold={value}; give a finite number'): e.threshold_ = value


def test_an_interrupted_save_leaves_the_old_file(tmp_path, monkeypatch):
    import ganad.detector
    e = PCADetector(random_state=0).fit(rows())
    path = e.save(tmp_path/'m.safetensors')
    before = path.read_bytes()
    def stop(*args): raise KeyboardInterrupt
    monkeypatch.setattr(ganad.detector, 'save_file', stop)
    with pytest.raises(KeyboardInterrupt): e.save(path)
    assert path.read_bytes()==before
    assert [*tmp_path.iterdir()]==[path]


def test_an_estimator_is_no_bare_detector(model):
    with pytest.raises(CheckpointError, match='holds an estimator.*ganad.estimator.load'): load_model(model)


def test_a_bare_detector_becomes_an_estimator(tmp_path):
    detector = detectors()['pca'](4).fit(rows())
    e = load(save_model(detector, tmp_path/'d.safetensors'))
    assert np.allclose(e.anomaly_score(rows()), detector.score(rows()).numpy(), atol=1e-5)
    assert not hasattr(e, 'threshold_')
    assert not hasattr(e, 'offset_')
    with pytest.raises(GanadError, match='has no threshold yet; set threshold_'): e.predict(rows())
    assert not hasattr(load(e.save(tmp_path/'e.safetensors')), 'threshold_')
    e.threshold_ = 1
    assert {*e.predict(rows())}=={-1, 1}
    assert load(e.save(tmp_path/'e.safetensors')).threshold_==1


@pytest.mark.parametrize('value', [np.nan, np.inf, -np.inf])
def test_a_model_that_is_not_finite_is_not_saved(tmp_path, value):
    e = AutoEncoderDetector(epochs=1, nz=1, random_state=0).fit(rows())
    next(e.model_.parameters()).data.view(-1)[0] = value
    with pytest.raises(GanadError, match='cannot be saved'): e.save(tmp_path/'m.safetensors')
    assert not [*tmp_path.iterdir()]


def test_scores_that_are_no_longer_those_of_the_saved_model_are_noticed(model, monkeypatch):
    "As a version to come might compute them"
    score = detectors()['autoencoder'].score_batch
    monkeypatch.setattr(detectors()['autoencoder'], 'score_batch', lambda m, x: score(m, x)*1.01)
    with pytest.raises(CheckpointError, match='other scores') as e: load(model)
    assert e.value.file==model


# ---- one file of each format, made by the version that wrote it

def old_rows():
    return pd.DataFrame(dict(a=np.linspace(-2, 2, 9), b=np.linspace(5, 1, 9)**2, c=[*'uvuvwuvuv']))


@pytest.mark.parametrize('number', range(1, FORMAT+1))
def test_a_file_of_each_format_opens(number):
    path = FILES/f'format{number}.safetensors'
    want = json.loads((FILES/'scores.json').read_text())[f'format{number}']
    assert info(path)['format']==number
    assert path.stat().st_size<60_000
    x = old_rows() if number>1 else old_rows()[['a', 'b']].to_numpy()
    assert np.allclose(load(path).anomaly_score(x), want, rtol=1e-4)
    if number>1: assert np.isfinite(load(path).p_values(x)).all()


# ---- ONNX

ENCODERS = [name for name, cls in detectors().items() if getattr(cls(4), 'E', None)]


def test_which_have_encoders():
    assert {'bigan', 'alice', 'egbad', 'ganomaly', 'alad', 'alad64', 'autoencoder'}<={*ENCODERS}


def onnx_scores(e, path, x):
    "Scores of an exported model for rows as `to_onnx` wants them"
    session = onnxruntime.InferenceSession(e.to_onnx(path))
    encoded = e.prep_.rows(x).numpy() if e.prep_.kind=='images' else e.prep_.encode(x)
    return session.run(None, dict(x=encoded))[0]


@pytest.mark.parametrize('data', [rows, mixed, pictures], ids=lambda f: f.__name__)
@pytest.mark.parametrize('name', ENCODERS)
@pytest.mark.filterwarnings('ignore')
def test_onnx_gives_the_same_scores(tmp_path, name, data):
    x = data()
    e = estimators()[name](epochs=2, random_state=0).fit(x)
    session = onnxruntime.InferenceSession(e.to_onnx(tmp_path/'m.onnx'))
    for n in (1, 5, len(x)):
        encoded = e.prep_.rows(x[:n]).numpy() if data is pictures else e.prep_.encode(x[:n])
        scores = session.run(None, dict(x=encoded))[0]
        assert scores.shape==(n,)
        assert np.allclose(scores, e.anomaly_score(x[:n]), rtol=1e-3, atol=1e-4)


def test_onnx_keeps_small_steps_of_large_columns(tmp_path):
    x = rows()
    x[:, 0] = 1.7e9 + 1000*x[:, 0]                                                   # a time in seconds
    e = AutoEncoderDetector(nz=2, epochs=20, random_state=0).fit(x)
    assert np.allclose(onnx_scores(e, tmp_path/'m.onnx', x), e.anomaly_score(x), rtol=1e-3, atol=1e-4)


@pytest.mark.filterwarnings('ignore')
def test_what_training_never_saw_is_odd_after_loading_and_as_onnx(tmp_path):
    d = mixed().assign(leak=.002)
    new = d.assign(leak=np.where(np.arange(len(d))%2, .002, .2))
    new.loc[:40, '🌍'] = 'moon'
    e = AutoEncoderDetector(epochs=2, random_state=0).fit(d)
    assert (e.predict(new)[:41]==-1).all()
    assert np.array_equal(load(e.save(tmp_path/'m.safetensors')).anomaly_score(new), e.anomaly_score(new))
    assert np.allclose(onnx_scores(e, tmp_path/'m.onnx', new), e.anomaly_score(new), rtol=1e-3, atol=1e-4)


WITHOUT = AnoGANDetector(encoder=True, steps=2, tries=8, epochs=1), GANDetector(epochs=1), MeanRowDetector()


@pytest.mark.parametrize('e', WITHOUT, ids=lambda e: type(e).__name__)
def test_what_cannot_be_onnx(tmp_path, e):
    says = 'has no encoder; take a method with one|cannot be written as ONNX'
    with pytest.raises(GanadError, match=says): e.fit(rows()).to_onnx(tmp_path/'m.onnx')
    assert not [*tmp_path.iterdir()]


@pytest.mark.filterwarnings('ignore')
def test_onnx_asks_the_second_question_too(tmp_path):
    x = pictures()
    e = estimators()['ganomaly'](epochs=2, random_state=0, turns=True).fit(x)
    e = load(e.save(tmp_path/'m.safetensors'))
    assert np.allclose(onnx_scores(e, tmp_path/'m.onnx', x[:5]), e.anomaly_score(x[:5]), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize('most,white', [(16, 31), (63, 63), (64, 255), (1, 1), (200, 255), (.2, .25)])
def test_white_is_what_dark_images_use(most, white):
    assert brightness_range(np.array([0., most]))==(0, white)
