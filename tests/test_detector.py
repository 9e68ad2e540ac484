"Training that survives a kill, files that are refused, rows that cannot be used"
import inspect
import json
import math
import os
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from ganad.contract import toy_rows
from ganad.core import (CheckpointError, DataError, GanadError, NonFiniteLoss, ShapeError, UnknownName,
                        set_seed)
from ganad.detector import Average, Detector, detectors, load_model, save_model
from ganad.models.bigan import BiGAN
from ganad.models.gan import GAN
from ganad.models.imbalance import TwoDiscriminators
from prepared import Python
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm

METHODS = detectors()
ENV = {**os.environ, 'OMP_NUM_THREADS': '1', 'PYTHONPATH': str(Path(__file__).parents[1])}
TRAIN = """
import sys, torch
torch.set_num_threads(1)
from ganad.contract import toy_rows
from ganad.core import set_seed
from ganad.detector import save_model
from ganad.models.bigan import BiGAN
set_seed(4)
m = BiGAN((1,8,8)).fit(toy_rows((1,8,8)), epochs=60, bs=32, checkpoint=sys.argv[1] or None,
                          val=toy_rows((1,8,8), 64, seed=3), patience=60)
save_model(m, sys.argv[2])
"""


def weights(m): return torch.cat([value.flatten() for value in m.state_dict().values()])


@pytest.fixture
def ckpt(tmp_path): return tmp_path/'c.pt'


def test_kill_9_and_resume_gives_the_same_weights(tmp_path, ckpt):
    def train(checkpoint, out):
        return Python('-c', TRAIN, checkpoint, out, env=ENV)
    assert train('', tmp_path/'whole.st').wait(300)==0
    killed = train(ckpt, tmp_path/'resumed.st')
    deadline = time.time() + 120
    while not ckpt.exists() and killed.poll() is None and time.time()<deadline: time.sleep(.005)
    killed.kill()
    killed.wait()
    assert ckpt.exists() and not (tmp_path/'resumed.st').exists(), 'it was to be killed in the middle'
    with safe_open(ckpt, 'pt') as file: plan = dict(json.loads(file.metadata()['checkpoint'])['pairs'])
    assert 0 < plan['epoch'] < 60
    assert train(ckpt, tmp_path/'resumed.st').wait(300)==0
    whole = load_model(tmp_path/'whole.st').state_dict()
    resumed = load_model(tmp_path/'resumed.st').state_dict()
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def fit_gan(seed=1, epochs=1, rows=None, **kw):
    set_seed(seed)
    return GAN(4).fit(toy_rows(4) if rows is None else rows, epochs=epochs, **kw)


def test_more_epochs_go_on_from_the_checkpoint(ckpt):
    fit_gan(epochs=2, checkpoint=ckpt)
    resumed = fit_gan(epochs=5, checkpoint=ckpt)
    assert torch.equal(resumed.score(toy_rows(4)), fit_gan(epochs=5).score(toy_rows(4)))


def test_stopped_early_stays_stopped_and_keeps_the_best(ckpt):
    held_out = toy_rows(4, 64, seed=2)
    def fit():
        set_seed(1)
        return GAN(4, lr=.05).fit(toy_rows(4), epochs=200, checkpoint=ckpt, val=held_out, patience=2)
    m = fit()
    again = fit()
    assert len(m.val_scores)<200
    assert min(m.val_scores[-2:])>min(m.val_scores), 'the last two epochs were no better'
    assert again.val_scores==m.val_scores and again.history==m.history, 'resumed, it trains no further'
    assert m.score(held_out).mean().item() == pytest.approx(min(m.val_scores))
    assert torch.equal(again.score(toy_rows(4)), m.score(toy_rows(4)))


def test_validation_rows_change_nothing_but_the_choice():
    def fit(**kw):
        set_seed(1)
        return BiGAN(4).fit(toy_rows(4), epochs=4, ema=.9, **kw)
    watched = fit(val=toy_rows(4, 64, seed=2), patience=9)
    assert watched.history==fit().history, 'looking at them must not disturb the training'


# ---- a checkpoint of another training, and files that are none

def refused(fit, ckpt):
    "The error with which a checkpoint is refused; the file stays as it is"
    before = ckpt.read_bytes()
    with pytest.raises(CheckpointError) as error: fit()
    assert error.value.file==ckpt and 'name another file or delete it' in str(error.value)
    assert '\n' not in str(error.value) and ckpt.read_bytes()==before
    return error.value


@pytest.mark.parametrize('make,differs', [(lambda: BiGAN(4), 'method'), (lambda: GAN(4, nz=3), 'nz'),
                                          (lambda: GAN(5), 'shape')], ids=['method', 'nz', 'shape'])
def test_checkpoint_of_another_training(ckpt, make, differs):
    GAN(4).fit(toy_rows(4), epochs=1, checkpoint=ckpt)
    m = make()
    error = refused(lambda: m.fit(toy_rows(m.shape), epochs=1, checkpoint=ckpt), ckpt)
    assert error.differs==differs and f'its {differs} is' in error.what


def test_checkpoint_of_other_settings_of_fit(ckpt):
    fit_gan(bs=32, checkpoint=ckpt)
    assert refused(lambda: fit_gan(bs=16, checkpoint=ckpt), ckpt).differs=='bs'
    assert refused(lambda: fit_gan(bs=32, ema=.5, checkpoint=ckpt), ckpt).differs=='ema'


def test_checkpoint_of_other_data(ckpt):
    fit_gan(checkpoint=ckpt)
    assert refused(lambda: fit_gan(rows=toy_rows(4, seed=1), checkpoint=ckpt), ckpt).differs=='data'
    assert refused(lambda: fit_gan(val=toy_rows(4, seed=1), checkpoint=ckpt), ckpt).differs=='val'


def test_checkpoint_of_another_seed_or_of_more_epochs(ckpt):
    fit_gan(1, epochs=3, checkpoint=ckpt)
    error = refused(lambda: fit_gan(2, epochs=3, checkpoint=ckpt), ckpt)
    assert error.differs=='seed' and 'first weights' in error.what
    error = refused(lambda: fit_gan(1, epochs=2, checkpoint=ckpt), ckpt)
    assert error.differs=='epochs' and 'has 3 epochs already' in error.what


def test_rows_that_another_seed_held_out_are_another_seed(ckpt):
    "Who cannot name the rows can name the seed that chose them"
    fit_gan(1, checkpoint=ckpt)
    other = refused(lambda: fit_gan(2, rows=toy_rows(4, seed=1), checkpoint=ckpt), ckpt)
    assert other.differs=='seed' and 'other rows' in other.what


@pytest.mark.parametrize('plan', ['', '{', '1', '[]', '{"pairs": []}', '{"pairs": [["run", 1]]}',
                                  '{"pairs": [["run", {"pairs": []}]]}', '{"tensor": "9"}'])
def test_foreign_safetensors(ckpt, plan):
    save_file(dict(a=torch.zeros(2)), ckpt, dict(checkpoint=plan))
    refused(lambda: fit_gan(checkpoint=ckpt), ckpt)


def test_damaged_checkpoint(ckpt):
    fit_gan(epochs=1, checkpoint=ckpt)
    whole = ckpt.read_bytes()
    ckpt.write_bytes(whole[:-5])
    refused(lambda: fit_gan(epochs=2, checkpoint=ckpt), ckpt)


def test_a_full_disk_is_said(ckpt, monkeypatch):
    import ganad.detector
    def full(*args): raise OSError(28, 'No space left on device')
    monkeypatch.setattr(ganad.detector, 'save_file', full)
    with pytest.raises(DataError, match='cannot be written: .*No space') as e: fit_gan(checkpoint=ckpt)
    assert e.value.file==ckpt and not ckpt.exists()


@pytest.mark.parametrize('junk', [[1, 2], dict(a=1)])
def test_foreign_torch_file(ckpt, junk):
    torch.save(junk, ckpt)
    error = refused(lambda: fit_gan(checkpoint=ckpt), ckpt)
    assert error.differs is None and 'not a ganad checkpoint' in error.what


def test_checkpoint_that_would_run_code_is_refused(tmp_path, ckpt):
    class Evil:
        def __reduce__(self): return os.system, (f'touch {tmp_path}/owned',)
    torch.save(dict(run=Evil()), ckpt)
    refused(lambda: fit_gan(checkpoint=ckpt), ckpt)
    assert not (tmp_path/'owned').exists()


@pytest.mark.parametrize('name', METHODS)
def test_model_file(tmp_path, name):
    shape = (1, 8, 8)
    set_seed(0)
    cls = METHODS[name]
    labels = dict(known=known(shape)) if cls.labelled else {}
    m = cls(shape).fit(toy_rows(shape), epochs=1, **labels)
    file = save_model(m, tmp_path/'m.safetensors')
    assert torch.equal(load_model(file).score(toy_rows(shape, 9)), m.score(toy_rows(shape, 9)))
    other = BiGAN if name!='bigan' else GAN
    with pytest.raises(CheckpointError, match='holds a'): load_model(file, other)
    file.write_bytes(file.read_bytes()[:-7])
    with pytest.raises(CheckpointError, match='cannot be read'): load_model(file)


def test_weights_of_another_size(tmp_path):
    file = save_model(GAN(4), tmp_path/'m.safetensors')
    with safe_open(file, 'pt') as opened: header = opened.metadata()
    save_file(GAN(5).state_dict(), tmp_path/'n.safetensors', header)
    with pytest.raises(CheckpointError, match='another size'): load_model(tmp_path/'n.safetensors')
    with pytest.raises(CheckpointError): load_model(tmp_path/'nothing.safetensors')


# ---- rows that cannot be used

def test_a_value_that_is_no_number_is_found():
    m = GAN(3)
    x = np.zeros((5, 3))
    x[2, 1] = np.inf
    with pytest.raises(DataError, match='is inf') as error: m.fit(x)
    assert (error.value.row, error.value.column)==(2, 1)
    with pytest.raises(DataError, match='is nan') as error: m.score([[0, 0, math.nan]])
    assert (error.value.row, error.value.column)==(0, 2)
    images = torch.zeros(5, 1, 8, 8)
    images[3, 0, 4, 7] = math.nan
    with pytest.raises(DataError) as error: GAN((1, 8, 8)).fit(images)
    assert (error.value.row, error.value.column)==(3, '0, 4, 7')
    assert not m.history


@pytest.mark.parametrize('x', [[[1, 2, 3], [4]], [['a', 'b', 'c']], [[None, 1, 2]]])
def test_rows_that_are_no_numbers(x):
    with pytest.raises(DataError, match='no numbers, or of different lengths'): GAN(3).fit(x)


def test_rows_of_another_shape():
    m = GAN(3)
    with pytest.raises(ShapeError, match=r'rows of shape \(3,\), these are \(4,\)'): m.score(np.zeros((2, 4)))
    with pytest.raises(DataError, match='no rows'): m.score(np.zeros((0, 3)))


@pytest.mark.parametrize('option,value', [('epochs', 0), ('epochs', -1), ('bs', 0)])
def test_numbers_that_nothing_can_be_trained_with(option, value):
    with pytest.raises(DataError, match='give 1 or more of both') as error:
        GAN(3).fit(np.zeros((5, 3)), **{option: value})
    assert error.value.option==option


def test_images_as_bytes():
    m = GAN((1, 8, 8))
    x = np.zeros((5, 1, 8, 8), 'u1')
    with pytest.raises(DataError, match='images as bytes; the networks want'): m.fit(x)
    with pytest.raises(DataError, match='images as bytes'): m.score(torch.tensor(x))


@pytest.mark.parametrize('name', METHODS)
def test_fit_has_one_list_of_arguments_and_refuses_others(name):
    "A slip of the pen, as `epchs=3`, does not pass in silence; `known` and `augment` are all that labels add"
    arguments = [*inspect.signature(METHODS[name].fit).parameters.values()]
    if METHODS[name].labelled: assert [arguments.pop(2).name, arguments.pop(2).name]==['known', 'augment']
    usual = [*inspect.signature(Detector.fit).parameters.values()]
    assert [(given.name, given.default) for given in arguments]==[(own.name, own.default) for own in usual]
    known = dict(known=toy_rows(4, 8)) if METHODS[name].labelled else {}
    with pytest.raises(TypeError, match='epchs'): METHODS[name](4).fit(toy_rows(4, 8), epchs=3, **known)


WITH_ALL_NETWORKS = dict(alice=dict(dist=None, w_z=1.), anogan=dict(encoder=True))


@pytest.mark.parametrize('name', [name for name, cls in METHODS.items() if not cls.once])
def test_each_network_and_each_optimiser_is_built_once(name, monkeypatch):
    families, made = [], []
    usual = inspect.signature(METHODS[name].__init__).parameters['nets'].default
    def counted(shape):
        families.append(shape)
        return usual(shape)
    adam = torch.optim.Adam
    def noted(*args, **kw):
        made.append(adam(*args, **kw))
        return made[-1]
    monkeypatch.setattr(torch.optim, 'Adam', noted)
    model = METHODS[name](4, nets=counted, **WITH_ALL_NETWORKS.get(name, {}))
    held = [value for value in vars(model).values() if isinstance(value, torch.optim.Optimizer)]
    assert families==[4]
    assert len(made)==len(held), f'{len(made)} optimisers for {len(held)} players'


ONCE = pytest.mark.parametrize('name', [name for name, cls in METHODS.items() if cls.once])


@ONCE
def test_a_baseline_refuses_labels_in_the_place_of_epochs(name):
    x = toy_rows(4)
    with pytest.raises(DataError, match='only the normal ones'): METHODS[name](4).fit(x, x)


@ONCE
def test_a_baseline_looks_once_whatever_it_is_asked_for(name, tmp_path):
    file = tmp_path/'c.pt'
    m = METHODS[name](4)
    seen = []
    step = m.step
    def noted(x):
        seen.append(len(x))
        return step(x)
    m.step = noted
    m.fit(toy_rows(4, 70), epochs=3, bs=32, ema=.9, checkpoint=file, val=toy_rows(4, 9), progress=False)
    assert seen==[70] and not m.val_scores and not file.exists()


@ONCE
def test_a_baseline_that_has_learned_nothing_says_so(name):
    says = 'has not learned anything yet; call fit first'
    with pytest.raises(GanadError, match=says): METHODS[name](4).score(toy_rows(4))


@pytest.mark.parametrize('name', [name for name, cls in METHODS.items() if not cls.once and name!='random'])
def test_a_network_that_was_never_fitted_says_so(name):
    "Random weights score every row without a word; trained by hand, loaded or in evaluation mode they may"
    x = toy_rows(4, 8)
    m = METHODS[name](4)
    labels = dict(known=x) if m.labelled else {}
    says = 'has not learned anything yet; call fit first .or eval'
    with pytest.raises(GanadError, match=says) as error: m.score(x)
    assert '\n' not in str(error.value)
    assert METHODS[name](4).eval().score(x).isfinite().all()
    vars(m).update(labels)
    m.step(x)
    assert m.score(x).isfinite().all() and m.training
    fitted = METHODS[name](4).fit(x, epochs=1, progress=False, **labels).train()
    assert fitted.score(x).isfinite().all()


def test_read_only_rows_are_fine():
    x = np.random.default_rng(0).normal(size=(20, 3))
    x.flags.writeable = False
    assert GAN(3).fit(x, epochs=1).score(x).shape==(20,)


# ---- known anomalies

LABELLED = pytest.mark.parametrize('name', [name for name, cls in METHODS.items() if cls.labelled])


def known(shape=4, n=64, seed=3): return toy_rows(shape, n, seed, odd=True)


def known_with(value, row, column):
    rows = known()
    rows[row, column] = value
    return rows


def taught(name, seed=1, rows=None, epochs=3, **kw):
    set_seed(seed)
    return METHODS[name](4).fit(toy_rows(4), known() if rows is None else rows, epochs=epochs, **kw)


def test_there_are_labelled_methods():
    assert {'twodiscriminators', 'classifier'} <= {name for name, cls in METHODS.items() if cls.labelled}


@pytest.mark.parametrize('rows,error,says', [
    (None, DataError, 'learns from labelled anomalies too; give some as known='),
    (known()[:0], DataError, 'learns from labelled anomalies too'),
    ([], DataError, 'learns from labelled anomalies too'),
    (known(5), ShapeError, r'rows of shape \(4,\), the known anomalies are \(5,\)'),
    (known((1, 8, 8)), ShapeError, r'the known anomalies are \(1, 8, 8\)'),
    (known()[0], ShapeError, r'the known anomalies are \(\)'),
    (known_with(math.nan, 0, 1), DataError, r'known anomalies is nan \(row 0, column 1\)'),
    (known_with(math.inf, 7, 2), DataError, r'known anomalies is inf \(row 7, column 2\)')],
    ids=['none', 'empty', 'empty list', 'other width', 'images', 'one row', 'nan', 'inf'])
@LABELLED
def test_known_rows_that_cannot_be_used(name, rows, error, says):
    m = METHODS[name](4)
    before = weights(m)
    with pytest.raises(error, match=says) as caught: m.fit(toy_rows(4), rows)
    assert caught.value.option=='known' and '\n' not in str(caught.value)
    assert not m.history and torch.equal(weights(m), before)


@pytest.mark.parametrize('n', [1, 3000])
@LABELLED
def test_one_known_row_is_enough_and_thousands_are_not_too_many(name, n):
    loss = 'c' if name=='classifier' else 'g'
    assert len(taught(name, rows=known(n=n)).history[loss])==3*4


@LABELLED
def test_same_seed_and_same_known_rows_same_weights(name):
    expected = weights(taught(name))
    assert torch.equal(expected, weights(taught(name)))
    assert not torch.equal(expected, weights(taught(name, seed=2)))
    assert not torch.equal(expected, weights(taught(name, rows=known(seed=4))))


@LABELLED
def test_both_kinds_are_augmented_in_training_and_none_in_scoring(name):
    "Each normal row once an epoch, and as many known rows, drawn from all of them"
    seen = []
    def noted(x):
        seen.append(x)
        return x
    def rows(batches): return {*map(tuple, torch.cat(batches).tolist())}
    m = taught(name, augment=noted)
    m.score(toy_rows(4))
    assert [len(batch) for batch in seen]==[64]*(2*3*4)
    assert rows(seen[::2])==rows([toy_rows(4)])
    assert rows(seen[1::2])==rows([known()]), '768 draws forget none of 64'
    shifted = taught(name, augment=lambda x: x + .1)
    assert not torch.equal(weights(m), weights(shifted)), 'what augment returns is what is learned'


def with_noise(x): return x + .01*torch.randn_like(x)


HOW = {'': {}, 'no average': dict(ema=0), 'augmented': dict(augment=with_noise),
       'val': dict(val=toy_rows(4, 64, seed=2))}


@pytest.mark.parametrize('how', HOW.values(), ids=HOW)
@LABELLED
def test_training_with_known_rows_resumes_to_the_same_weights(ckpt, name, how):
    taught(name, epochs=2, checkpoint=ckpt, **how)
    resumed = taught(name, epochs=5, checkpoint=ckpt, **how)
    whole = taught(name, epochs=5, **how)
    assert torch.equal(weights(resumed), weights(whole)) and resumed.history==whole.history


def test_resumes_in_turns_of_one_row(ckpt):
    "Which kind comes first is drawn at random, too"
    def fit(epochs, checkpoint):
        set_seed(1)
        m = TwoDiscriminators(4, together=False)
        return m.fit(toy_rows(4, 12), known(), epochs=epochs, bs=1, checkpoint=checkpoint)
    fit(2, ckpt)
    assert torch.equal(weights(fit(4, ckpt)), weights(fit(4, None)))


@pytest.mark.parametrize('rows', [known(seed=4), known()[:-1]], ids=['other rows', 'fewer rows'])
@LABELLED
def test_checkpoint_of_other_known_rows(ckpt, name, rows):
    taught(name, checkpoint=ckpt)
    assert refused(lambda: taught(name, rows=rows, checkpoint=ckpt), ckpt).differs=='known'


@LABELLED
def test_checkpoint_of_another_augmentation(ckpt, name):
    taught(name, checkpoint=ckpt)
    assert refused(lambda: taught(name, augment=with_noise, checkpoint=ckpt), ckpt).differs=='augment'


# ---- training itself

def test_loss_that_runs_away_names_itself():
    set_seed(0)
    with pytest.raises(NonFiniteLoss, match=r"loss '[dg]' of GAN became .* at step \d+ \(epoch \d+\); try"):
        GAN(4, lr=1e30).fit(toy_rows(4), epochs=50)


def test_ema_of_everything_and_spectral_norm_of_the_average():
    set_seed(0)
    net = nn.Sequential(spectral_norm(nn.Linear(6, 6)), nn.BatchNorm1d(6))
    average = Average(net, .9)
    opt = torch.optim.SGD(net.parameters(), .5)
    for _ in range(30):
        opt.zero_grad()
        net(torch.randn(32, 6)).sigmoid().mean().backward()
        opt.step()
        average.update()
    last = {name: value.clone() for name, value in net.state_dict().items()}
    average.install()
    net.eval()
    moved = {name for name, value in net.state_dict().items() if not torch.equal(value, last[name])}
    assert {'1.running_mean', '1.running_var', '1.weight', '0.parametrizations.weight.original'} <= moved
    assert abs(torch.linalg.svdvals(net[0].weight)[0].item() - 1) < 1e-3
    assert net.state_dict()['1.num_batches_tracked']==30


def test_device_is_checked():
    with pytest.raises(UnknownName, match="no device 'tpu'"): GAN(4).fit(toy_rows(4), device='tpu')
    assert GAN(4).fit(toy_rows(4), epochs=1, device='auto').score(toy_rows(4)).device.type=='cpu'


def test_a_training_that_nobody_watches_says_a_line_now_and_then(monkeypatch, capsys):
    "Lines come ever more seldom, and say how much is done and how long the rest takes"
    from ganad import detector
    clock = iter(range(0, 100_000, 5))
    monkeypatch.setattr(detector.time, 'monotonic', lambda: next(clock))
    lines = detector._Lines(total=1000, initial=200, desc='GAN')
    with lines as bar:
        for _ in range(800): bar.update(1)
    said = capsys.readouterr().err.splitlines()
    assert said[0]=='GAN: 20% after 10 s, about 66 min left' and said[1].startswith('GAN: 21% after 30 s')
    assert len(said)==17 and all(line.startswith('GAN: ') for line in said)


def test_lines_in_place_of_a_bar_change_no_weight(capsys):
    x = torch.randn(40, 3)
    weights = []
    for progress in (False, 'lines'):
        set_seed(0)
        weights.append(GAN(3, nz=2).fit(x, epochs=2, progress=progress).state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert capsys.readouterr()==('', '')
