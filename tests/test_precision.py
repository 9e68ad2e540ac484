"A training in bfloat16: what changes, what stays fp32, what is kept, and whom it disturbs"
import json
import pickle
import threading
import warnings

import numpy as np
import pytest
import torch
from mutants import StaleCasts
from safetensors import safe_open
from safetensors.torch import save_file

from ganad import contract, data, detector
from ganad.cli import main
from ganad.contract import a_step_changes_the_next_forward, toy_rows, trained
from ganad.core import CheckpointError, DataError, GanadError, NonFiniteLoss, UnknownName, set_seed
from ganad.detector import PrecisionWarning, detectors, in_precision, load_model, save_model
from ganad.estimator import GANDetector, PCADetector, info, load
from ganad.evidence.executor import as_run
from ganad.evidence.run import Run, execute, read_record
from ganad.models.bigan import BiGAN
from ganad.models.gan import GAN
from ganad.models.ganomaly import GANomaly

CPU = torch.device('cpu')
IMAGE = (1, 8, 8)                  # too small to gain by it
LARGER = (1, 16, 16)


def fit_gan(precision='fp32', epochs=2, shape=4, **kw):
    set_seed(1)
    return GAN(shape).fit(toy_rows(shape), epochs=epochs, precision=precision, progress=False, **kw)


def is_same(a, b):
    other = b.state_dict()
    return all(torch.equal(value, other[name]) for name, value in a.state_dict().items())


def mixed_block(): return torch.autocast('cpu', torch.bfloat16, cache_enabled=True)


def state():
    "Of autocast, in this thread"
    return (torch.is_autocast_enabled('cpu'), torch.is_autocast_cache_enabled(),
            torch.get_autocast_dtype('cpu'))


@pytest.fixture
def native(monkeypatch):
    "A machine that multiplies bfloat16 numbers, or not"
    def pretend(is_native): monkeypatch.setattr(detector, 'has_bf16', lambda device: is_native)
    return pretend


# ---- what changes, and what does not

@pytest.mark.parametrize('name', [name for name, cls in detectors().items() if not cls.once])
def test_first_losses_are_those_of_fp32_nearly(name):
    def first(precision):
        set_seed(2)
        m = detectors()[name](IMAGE)
        known = dict(known=toy_rows(IMAGE, 16, odd=True)) if m.labelled else {}
        return m.fit(toy_rows(IMAGE, 16), epochs=1, bs=16, precision=precision, **known).history
    single, half = first('fp32'), first('bf16')
    assert single.keys()==half.keys()
    for player, values in single.items():
        assert half[player][0]==pytest.approx(values[0], rel=.02, abs=.01)
    assert single!=half, 'nothing was computed in bfloat16'


def test_weights_and_their_optimisers_stay_fp32():
    m = fit_gan('bf16')
    kept = [*m.state_dict().values(), *m.opt_d.state_dict()['state'][0].values()]
    assert {value.dtype for value in kept if value.is_floating_point()}=={torch.float32}
    assert not is_same(m, fit_gan())


@pytest.mark.parametrize('precision', ['fp32', 'bf16'])
def test_a_block_around_fit_changes_nothing(precision):
    with mixed_block(): inside = fit_gan(precision)
    assert is_same(inside, fit_gan(precision))


@pytest.mark.parametrize('name', ['anogan', 'ganomaly'])
def test_what_a_score_is_measured_in_is_fp32_too(name):
    "Units that `fit` takes from the rows when the training is over"
    def unit():
        set_seed(1)
        m = detectors()[name](IMAGE, **(dict(turns=True) if name=='ganomaly' else {}))
        m.fit(toy_rows(IMAGE, 64), epochs=1, progress=False)
        return m.unit if name=='anogan' else m.Turn.unit
    with mixed_block(): inside = unit()
    assert torch.equal(inside, unit())


def test_scores_are_fp32_wherever_they_are_asked_for():
    m = BiGAN(IMAGE).fit(toy_rows(IMAGE), epochs=1, precision='bf16', progress=False)
    x = toy_rows(IMAGE, 8)
    scores, rows = m.score(x), m.reconstruct(x)
    assert torch.equal(scores, load_model_copy(m).score(x))
    with mixed_block():
        assert torch.equal(m.score(x), scores) and torch.equal(m.reconstruct(x), rows)
    assert scores.dtype==rows.dtype==torch.float32


def load_model_copy(m):
    other = type(m)(m.shape)
    other.load_state_dict(m.state_dict())
    return other.eval()


def test_estimators_score_in_fp32_too():
    x = toy_rows(IMAGE, 40).numpy()
    est = GANDetector(epochs=1, random_state=0, precision='bf16').fit(x)
    scores = est.anomaly_score(x)
    with mixed_block(): assert (est.anomaly_score(x)==scores).all()
    assert est.model_.precision=='bf16'


def test_held_out_rows_are_watched_in_fp32():
    val = toy_rows(4, 32, seed=2)
    m = fit_gan('bf16', epochs=1, val=val)
    assert m.val_scores==[m.score(val).mean().item()]


# ---- auto

@pytest.mark.parametrize('is_native', [True, False])
@pytest.mark.parametrize('shape', [4, 256, IMAGE, LARGER])
def test_auto_takes_bf16_for_images_that_are_not_tiny_where_the_machine_has_it(native, is_native, shape):
    native(is_native)
    with warnings.catch_warnings():
        warnings.simplefilter('error', PrecisionWarning)                # auto is never slow
        m = fit_gan('auto', shape=shape)
    wanted = 'bf16' if is_native and shape==LARGER else 'fp32'
    assert m.precision==wanted and is_same(m, fit_gan(wanted, shape=shape))


@pytest.mark.parametrize('name', [name for name, cls in detectors().items() if cls.once])
def test_what_learns_at_once_stays_fp32(name):
    def fitted(precision):
        set_seed(0)
        return detectors()[name](4).fit(toy_rows(4), precision=precision)
    asked = fitted('bf16')
    assert asked.precision=='fp32'
    assert torch.equal(asked.score(toy_rows(4, odd=True)), fitted('fp32').score(toy_rows(4, odd=True)))


@pytest.mark.parametrize('wrong', ['bf8', 'BF16', None, 16, torch.bfloat16, ['bf16']])
def test_another_word_is_refused_with_those_there_are(wrong):
    with pytest.raises(UnknownName, match='there are: auto, fp32, bf16') as error: fit_gan(wrong)
    assert '\n' not in str(error.value)
    for est in GANDetector, PCADetector:
        with pytest.raises(GanadError, match='there are: auto, fp32, bf16'):
            est(precision=wrong).fit(toy_rows(4, 20).numpy())


def test_without_bf16_arithmetic_it_trains_and_says_once_that_it_is_slow(native):
    native(False)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter('default')
        slow = [fit_gan('bf16') for _ in range(2)][0]
    texts = [str(warning.message) for warning in said if warning.category is PrecisionWarning]
    assert texts==[detector._SLOW]
    native(True)
    assert is_same(slow, fit_gan('bf16'))


# ---- what runs away, stops or goes on

class RunsAway(GAN):
    "Its fifth loss is infinite"
    def step(self, x):
        losses = super().step(x)
        return losses if len(self.history.get('d', []))<4 else dict.fromkeys(losses, float('inf'))


class Stopped(Exception): ...


class Stops(GAN):
    "Fails in its fifth step"
    die = True
    def step(self, x):
        if self.die and len(self.history.get('d', []))==4: raise Stopped
        return super().step(x)


def test_the_state_of_the_process_comes_back(monkeypatch):
    before = state()
    fit_gan('bf16')
    assert state()==before
    with pytest.raises(NonFiniteLoss, match='at step 5'):
        RunsAway(4).fit(toy_rows(4), precision='bf16', progress=False)
    assert state()==before
    with pytest.raises(Stopped): Stops(4).fit(toy_rows(4), precision='bf16', progress=False)
    assert state()==before
    with mixed_block():
        inside = state()
        with pytest.raises(Stopped): Stops(4).fit(toy_rows(4), precision='fp32', progress=False)
        assert state()==inside


def fit_stops(die, precision, **kw):
    set_seed(3)
    m = Stops(IMAGE)
    m.die = die
    return m.fit(toy_rows(IMAGE, 64), epochs=4, bs=32, precision=precision, progress=False, **kw)


@pytest.mark.parametrize('then', ['bf16', 'auto'])
@pytest.mark.filterwarnings('ignore::ganad.detector.PrecisionWarning')
def test_a_training_goes_on_in_its_precision(tmp_path, native, then):
    native(True)
    with pytest.raises(Stopped): fit_stops(True, 'bf16', checkpoint=tmp_path/'c.pt')
    native(then=='bf16')                                # auto: on a machine that would not choose it
    resumed = fit_stops(False, then, checkpoint=tmp_path/'c.pt')
    assert resumed.precision=='bf16' and is_same(resumed, fit_stops(False, 'bf16'))


@pytest.mark.parametrize('first,then', [('bf16', 'fp32'), ('fp32', 'bf16')])
def test_a_training_in_another_precision_is_another(tmp_path, first, then):
    fit_gan(first, epochs=1, checkpoint=tmp_path/'c.pt')
    with pytest.raises(CheckpointError, match=f'its precision is {first}, not {then}') as error:
        fit_gan(then, checkpoint=tmp_path/'c.pt')
    assert error.value.differs=='precision'


@pytest.mark.parametrize('then', ['fp32', 'auto', 'bf16'])
def test_a_checkpoint_of_a_version_without_precisions_was_fp32(tmp_path, native, then):
    native(True)
    path = tmp_path/'c.pt'
    fit_gan(shape=LARGER, epochs=1, checkpoint=path)
    with safe_open(path, 'pt') as file:
        plan = json.loads(file.metadata()['checkpoint'])
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    run = next(value for key, value in plan['pairs'] if key=='run')
    run['pairs'] = [pair for pair in run['pairs'] if pair[0]!='precision']
    save_file(tensors, path, dict(checkpoint=json.dumps(plan)))
    if then=='bf16':
        with pytest.raises(CheckpointError): fit_gan(then, shape=LARGER, checkpoint=path)
        return
    assert is_same(fit_gan(then, shape=LARGER, checkpoint=path), fit_gan(shape=LARGER))


def test_two_trainings_in_two_threads_do_not_disturb_each_other():
    both = threading.Barrier(2, timeout=60)
    seen = dict(fp32=[], bf16=[])

    class Watched(GAN):
        def step(self, x):
            both.wait()                                             # both are in a step now
            seen[self.precision].append(self.D(x).dtype)
            both.wait()
            return dict(d=0.)

    def train(precision): Watched(4).fit(toy_rows(4), epochs=2, precision=precision, progress=False)
    threads = [threading.Thread(target=train, args=(precision,)) for precision in seen]
    for thread in threads: thread.start()
    for thread in threads: thread.join(60)
    assert seen==dict(fp32=[torch.float32]*8, bf16=[torch.bfloat16]*8)
    assert not torch.is_autocast_enabled('cpu')


# ---- the promise

def test_copies_of_weights_that_one_step_keeps_are_noticed(monkeypatch):
    "The second player would meet the critic of before its update"
    def keeping(precision, device):
        return torch.autocast(device.type, torch.bfloat16, enabled=precision=='bf16', cache_enabled=True)
    fitted = trained(BiGAN, epochs=1)
    a_step_changes_the_next_forward(fitted)
    monkeypatch.setattr(detector, 'in_precision', keeping)
    with pytest.raises(AssertionError, match="with bf16, the loss 'ge'"):
        a_step_changes_the_next_forward(fitted)


def test_stale_casts_train_on_the_first_weights():
    "What the promise is for: no error, and losses that look like losses"
    m = StaleCasts(4)
    x = toy_rows(4)
    with m.block():
        before = m.E(x)
        m.fit(x, epochs=3, progress=False).train()
        assert torch.equal(m.E(x), before)
    assert all(map(torch.isfinite, map(torch.tensor, m.history['ge'])))


def test_the_contract_asks_in_both_precisions(monkeypatch):
    asked = []
    def noted(precision, device):
        asked.append(precision)
        return in_precision(precision, device)
    monkeypatch.setattr(contract, 'in_precision', noted)
    a_step_changes_the_next_forward(trained(GAN, epochs=1))
    assert {*asked}=={'fp32', 'bf16'}


# ---- files

def test_a_model_file_says_what_trained_it_where_it_was_not_fp32(tmp_path):
    path = save_model(fit_gan('bf16'), tmp_path/'m.safetensors')
    assert load_model(path).precision=='bf16' and load(path).model_.precision=='bf16'
    assert info(path)['precision']=='bf16'
    path = save_model(fit_gan(), path)
    assert load_model(path).precision=='fp32' and 'precision' not in info(path)


def test_an_estimator_keeps_it_in_files_and_pickles(tmp_path):
    est = GANDetector(epochs=1, random_state=0, precision='bf16').fit(toy_rows(4, 40).numpy())
    path = est.save(tmp_path/'m.safetensors')
    assert info(path)['precision']=='bf16' and load(path).model_.precision=='bf16'
    assert load(path).get_params()['precision']=='bf16'
    again = load(path).save(tmp_path/'again.safetensors')
    assert info(again)['precision']=='bf16'
    assert pickle.loads(pickle.dumps(est)).model_.precision=='bf16'
    plain = GANDetector(epochs=1, random_state=0).fit(toy_rows(4, 40).numpy())
    assert 'precision' not in info(plain.save(path))


def test_the_command_line_takes_it_says_it_and_warns(tmp_path, monkeypatch, capsys, native):
    monkeypatch.chdir(tmp_path)
    rows = toy_rows(3, 60).numpy()
    np.savez('a.npz', x=rows)
    def ganad(line):
        with pytest.raises(SystemExit) as end: main(line.split())
        assert end.value.code==0
        return capsys.readouterr()
    learn = 'fit a.npz --method gan --epochs 1 --save m.safetensors'
    native(False)
    assert ganad(f'{learn} --precision bf16').err.count('no bfloat16 arithmetic is known of this machine')==1
    native(True)
    assert 'bfloat16' not in ganad(f'{learn} --precision bf16').err
    assert 'precision  bf16' in ganad('info m.safetensors').out.splitlines()
    ganad(learn)
    assert 'precision  bf16' not in ganad('info m.safetensors').out


def test_a_run_says_its_precision_and_is_fp32_if_it_does_not(tmp_path):
    protocol = data.OneClass(8, n_train=32, n_test=200)
    def run(**fit): return Run('ganomaly', 'digits', protocol, fit=dict(epochs=1, **fit))
    record, m, scores = execute(run(precision='bf16'))
    assert record['fit']['precision']==m.precision=='bf16' and as_run(record)==run(precision='bf16')
    (tmp_path/'r.json').write_text(json.dumps(record))
    assert read_record(tmp_path/'r.json')==record
    usual, m, plain = execute(run())
    assert m.precision=='fp32' and 'precision' not in usual['fit']
    assert not torch.equal(scores, plain)
    with pytest.raises(DataError, match='a run says fp32 or bf16'): execute(run(precision='auto'))
    for wrong in 'auto', 'bf8', None, 16:
        (tmp_path/'r.json').write_text(json.dumps({**record, 'fit':dict(epochs=1, precision=wrong)}))
        with pytest.raises(GanadError, match='its precision is'): read_record(tmp_path/'r.json')


def test_a_run_is_fp32_whatever_the_default_of_fit_is(native, monkeypatch):
    native(True)
    *others, usual = detector.Detector.fit.__defaults__
    assert usual=='fp32'
    monkeypatch.setattr(detector.Detector.fit, '__defaults__', (*others, 'auto'))
    assert GANomaly(LARGER).fit(toy_rows(LARGER, 8), epochs=1, progress=False).precision=='bf16'
    protocol = data.OneClass(8, n_train=32, n_test=200)
    _, m, _ = execute(Run('ganomaly', 'digits', protocol, fit=dict(epochs=1), size=16))
    assert m.precision=='fp32'
