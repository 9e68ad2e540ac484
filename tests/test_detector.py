"Training that survives a kill, files that are refused, rows that cannot be used"
import math, os, subprocess, sys, time
from pathlib import Path
import numpy as np
import pytest
import torch
from torch import nn
from torch.nn.utils.parametrizations import spectral_norm
from ganad.contract import toy_rows
from ganad.core import CheckpointError, DataError, GanadError, NonFiniteLoss, ShapeError, set_seed
from ganad.detector import Average, detectors, load_model, save_model
from ganad.models.bigan import BiGAN
from ganad.models.gan import GAN
from ganad.models.imbalance import TwoDiscriminators

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


def test_kill_9_and_resume_gives_the_same_weights(tmp_path):
    def run(ckpt, out): return subprocess.Popen([sys.executable, '-c', TRAIN, str(ckpt), str(out)], env=ENV)
    assert run('', tmp_path/'whole.st').wait(300) == 0
    p, c, end = run(tmp_path/'c.pt', tmp_path/'resumed.st'), tmp_path/'c.pt', time.time() + 120
    while not c.exists() and p.poll() is None and time.time() < end: time.sleep(.005)
    p.kill(); p.wait()
    assert c.exists() and not (tmp_path/'resumed.st').exists(), 'it was to be killed in the middle'
    assert 0 < torch.load(c, weights_only=True)['epoch'] < 60
    assert run(c, tmp_path/'resumed.st').wait(300) == 0
    a, b = (load_model(tmp_path/f'{n}.st').state_dict() for n in ('whole', 'resumed'))
    assert all(torch.equal(a[k], b[k]) for k in a)


def test_more_epochs_go_on_from_the_checkpoint(tmp_path):
    def fit(epochs, c): set_seed(1); return GAN(4).fit(toy_rows(4), epochs=epochs, checkpoint=c)
    fit(2, tmp_path/'c.pt')
    assert torch.equal(fit(5, tmp_path/'c.pt').score(toy_rows(4)), fit(5, None).score(toy_rows(4)))


def test_stopped_early_stays_stopped_and_keeps_the_best(tmp_path):
    def fit(c): set_seed(1); return GAN(4, lr=.05).fit(toy_rows(4), epochs=200, checkpoint=c, val=toy_rows(4, 64, seed=2), patience=2)
    m, again = fit(tmp_path/'c.pt'), fit(tmp_path/'c.pt')
    stop = len(m.val_scores)
    assert stop < 200 and min(m.val_scores[-2:]) > min(m.val_scores), 'the last two epochs were no better'
    assert again.val_scores == m.val_scores and again.history == m.history, 'resumed, it trains no further'
    assert m.score(toy_rows(4, 64, seed=2)).mean().item() == pytest.approx(min(m.val_scores))
    assert torch.equal(again.score(toy_rows(4)), m.score(toy_rows(4)))


def test_validation_rows_change_nothing_but_the_choice():
    def fit(**kw): set_seed(1); return BiGAN(4).fit(toy_rows(4), epochs=4, ema=.9, **kw)
    assert fit(val=toy_rows(4, 64, seed=2), patience=9).history == fit().history, 'looking at them must not disturb the training'


@pytest.mark.parametrize('make,what', [(lambda: BiGAN(4), 'method'), (lambda: GAN(4, nz=3), 'nz'), (lambda: GAN(5), 'shape')])
def test_checkpoint_of_another_training(tmp_path, make, what):
    GAN(4).fit(toy_rows(4), epochs=1, checkpoint=tmp_path/'c.pt')
    m = make()
    before = (tmp_path/'c.pt').read_bytes()
    with pytest.raises(CheckpointError, match=f'its {what} is'): m.fit(toy_rows(m.shape), epochs=1, checkpoint=tmp_path/'c.pt')
    assert (tmp_path/'c.pt').read_bytes() == before


def test_checkpoint_of_other_data(tmp_path):
    GAN(4).fit(toy_rows(4), epochs=1, checkpoint=tmp_path/'c.pt')
    with pytest.raises(CheckpointError, match='its data is'): GAN(4).fit(toy_rows(4, seed=1), epochs=1, checkpoint=tmp_path/'c.pt')


def test_checkpoint_of_another_seed_or_of_more_epochs(tmp_path):
    def fit(seed, epochs): set_seed(seed); return GAN(4).fit(toy_rows(4), epochs=epochs, checkpoint=tmp_path/'c.pt')
    fit(1, 3)
    with pytest.raises(CheckpointError, match='other first weights'): fit(2, 3)
    with pytest.raises(CheckpointError, match='has 3 epochs already'): fit(1, 2)


@pytest.mark.parametrize('junk', [[1, 2], dict(a=1)])
def test_foreign_torch_file(tmp_path, junk):
    torch.save(junk, tmp_path/'c.pt')
    with pytest.raises(CheckpointError, match='not a ganad checkpoint'): GAN(4).fit(toy_rows(4), checkpoint=tmp_path/'c.pt')


def test_checkpoint_that_would_run_code_is_refused(tmp_path):
    class Evil:
        def __reduce__(self): return os.system, (f'touch {tmp_path}/owned',)
    torch.save(dict(run=Evil()), tmp_path/'c.pt')
    with pytest.raises(CheckpointError): GAN(4).fit(toy_rows(4), epochs=1, checkpoint=tmp_path/'c.pt')
    assert not (tmp_path/'owned').exists()


@pytest.mark.parametrize('name', detectors())
def test_model_file(tmp_path, name):
    set_seed(0)
    cls, x = detectors()[name], toy_rows((1, 8, 8))
    m = cls((1, 8, 8)).fit(x, epochs=1, **(dict(known=known((1, 8, 8))) if cls.labelled else {}))
    f = save_model(m, tmp_path/'m.safetensors')
    assert torch.equal(load_model(f).score(toy_rows((1, 8, 8), 9)), m.score(toy_rows((1, 8, 8), 9)))
    other = BiGAN if name != 'bigan' else GAN
    with pytest.raises(CheckpointError, match='holds a'): load_model(f, other)
    f.write_bytes(f.read_bytes()[:-7])
    with pytest.raises(CheckpointError, match='cannot be read'): load_model(f)


def test_weights_of_another_size(tmp_path):
    from safetensors.torch import save_file
    from safetensors import safe_open
    f = save_model(GAN(4), tmp_path/'m.safetensors')
    with safe_open(f, 'pt') as o: meta = o.metadata()
    save_file(GAN(5).state_dict(), tmp_path/'n.safetensors', meta)
    with pytest.raises(CheckpointError, match='another size'): load_model(tmp_path/'n.safetensors')
    with pytest.raises(CheckpointError): load_model(tmp_path/'nothing.safetensors')


def test_rows_that_cannot_be_used():
    m = GAN(3)
    x = np.zeros((5, 3)); x[2, 1] = np.inf
    with pytest.raises(DataError, match='row 2, column 1 is inf'): m.fit(x)
    with pytest.raises(DataError, match='row 0, column 2 is nan'): m.score([[0, 0, math.nan]])
    with pytest.raises(ShapeError, match=r'rows of shape \(3,\), these are \(4,\)'): m.score(np.zeros((2, 4)))
    with pytest.raises(DataError, match='no rows'): m.score(np.zeros((0, 3)))
    for bad in ([[1, 2, 3], [4]], [['a', 'b', 'c']], [[None, 1, 2]]):
        with pytest.raises(DataError, match='no numbers, or of different lengths'): m.fit(bad)
    for kw in (dict(epochs=0), dict(epochs=-1), dict(bs=0)):
        with pytest.raises(DataError, match='give 1 or more of both'): m.fit(np.zeros((5, 3)), **kw)
    with pytest.raises(DataError, match='images as bytes; the networks want'): GAN((1, 8, 8)).fit(np.zeros((5, 1, 8, 8), 'u1'))
    with pytest.raises(DataError, match='images as bytes'): GAN((1, 8, 8)).score(torch.zeros(5, 1, 8, 8, dtype=torch.uint8))
    assert not m.history


@pytest.mark.parametrize('name', [n for n, c in detectors().items() if c.once])
def test_a_baseline_that_has_learned_nothing_says_so(name):
    with pytest.raises(GanadError, match='has not learned anything yet; call fit first'): detectors()[name](4).score(toy_rows(4))


@pytest.mark.parametrize('name', [n for n, c in detectors().items() if not c.once and n != 'random'])
def test_a_network_that_was_never_fitted_says_so(name):
    "Random weights score every row without a word; by hand trained, loaded or on purpose in evaluation mode they may"
    x, m = toy_rows(4, 8), detectors()[name](4); known = dict(known=x) if m.labelled else {}
    with pytest.raises(GanadError, match='has not learned anything yet; call fit first .or eval') as e: m.score(x)
    assert '\n' not in str(e.value)
    assert detectors()[name](4).eval().score(x).isfinite().all()
    vars(m).update(known); m.step(x); assert m.score(x).isfinite().all() and m.training
    other = detectors()[name](4).fit(x, epochs=1, progress=False, **known).train(); assert other.score(x).isfinite().all()


def test_read_only_rows_are_fine():
    x = np.random.default_rng(0).normal(size=(20, 3)); x.flags.writeable = False
    assert GAN(3).fit(x, epochs=1).score(x).shape == (20,)


# ---- known anomalies

LABELLED = pytest.mark.parametrize('name', [n for n, c in detectors().items() if c.labelled])
def known(shape=4, n=64, seed=3): return toy_rows(shape, n, seed, odd=True)
def taught(name, seed=1, rows=None, **kw):
    set_seed(seed)
    return detectors()[name](4).fit(toy_rows(4), known() if rows is None else rows, **dict(epochs=3) | kw)
def weights(m): return torch.cat([v.flatten() for v in m.state_dict().values()])


def test_there_are_labelled_methods():
    assert {'twodiscriminators', 'classifier'} <= {n for n, c in detectors().items() if c.labelled}


@pytest.mark.parametrize('rows,error,says', [
    (None, DataError, 'learns from labelled anomalies too; give some as known='), (known()[:0], DataError, 'learns from labelled anomalies too'),
    ([], DataError, 'learns from labelled anomalies too'), (known(5), ShapeError, r'rows of shape \(4,\), these are \(5,\)'),
    (known((1, 8, 8)), ShapeError, r'these are \(1, 8, 8\)'), (known()[0], ShapeError, r'these are \(\)'),
    (known().index_fill(0, torch.tensor(7), math.nan), DataError, 'row 7, column 0 is nan'),
    (known().index_fill(1, torch.tensor(2), math.inf), DataError, 'row 0, column 2 is inf')],
    ids=['none', 'empty', 'empty list', 'other width', 'images', 'one row', 'nan', 'inf'])
@LABELLED
def test_known_rows_that_cannot_be_used(name, rows, error, says):
    m = detectors()[name](4); before = weights(m)
    with pytest.raises(error, match=says) as e: m.fit(toy_rows(4), rows)
    assert len(str(e.value).splitlines()) == 1 and not m.history and torch.equal(weights(m), before)


@LABELLED
def test_one_known_row_is_enough_and_thousands_are_not_too_many(name):
    for n in (1, 3000): assert len(taught(name, rows=known(n=n)).history[{'classifier': 'c'}.get(name, 'g')]) == 3*4


@LABELLED
def test_same_seed_and_same_known_rows_same_weights(name):
    a = weights(taught(name))
    assert torch.equal(a, weights(taught(name)))
    assert not torch.equal(a, weights(taught(name, seed=2))) and not torch.equal(a, weights(taught(name, rows=known(seed=4))))


@LABELLED
def test_both_kinds_are_augmented_in_training_and_none_in_scoring(name):
    "Each normal row once an epoch, and as many known rows, drawn from all of them"
    seen = []
    m = taught(name, augment=lambda x: seen.append(x) or x)
    m.score(toy_rows(4))
    rows = lambda x: {*map(tuple, x.tolist())}
    assert len(seen) == 2*3*4 and [len(s) for s in seen] == [64]*len(seen)
    assert rows(torch.cat(seen[::2])) == rows(toy_rows(4)) and rows(torch.cat(seen[1::2])) == rows(known()), '768 draws forget none of 64'
    assert not torch.equal(weights(m), weights(taught(name, augment=lambda x: x + .1))), 'what augment returns is what is learned'


@pytest.mark.parametrize('how', [{}, dict(ema=0), dict(augment=lambda x: x + .01*torch.randn_like(x)), dict(val=toy_rows(4, 64, seed=2))],
                         ids=['', 'no average', 'augmented', 'val'])
@LABELLED
def test_training_with_known_rows_resumes_to_the_same_weights(tmp_path, name, how):
    taught(name, epochs=2, checkpoint=tmp_path/'c.pt', **how)
    m, whole = taught(name, epochs=5, checkpoint=tmp_path/'c.pt', **how), taught(name, epochs=5, **how)
    assert torch.equal(weights(m), weights(whole)) and m.history == whole.history


def test_resumes_in_turns_of_one_row(tmp_path):
    "Which kind comes first is drawn at random, too"
    def fit(epochs, c): set_seed(1); return TwoDiscriminators(4, together=False).fit(toy_rows(4, 12), known(), epochs=epochs, bs=1, checkpoint=c)
    fit(2, tmp_path/'c.pt')
    assert torch.equal(weights(fit(4, tmp_path/'c.pt')), weights(fit(4, None)))


@LABELLED
def test_checkpoint_of_other_known_rows(tmp_path, name):
    taught(name, checkpoint=tmp_path/'c.pt')
    before = (tmp_path/'c.pt').read_bytes()
    with pytest.raises(CheckpointError, match='its known is'): taught(name, rows=known(seed=4), checkpoint=tmp_path/'c.pt')
    with pytest.raises(CheckpointError, match='its known is'): taught(name, rows=known()[:-1], checkpoint=tmp_path/'c.pt')
    assert (tmp_path/'c.pt').read_bytes() == before


def test_loss_that_runs_away_names_itself():
    set_seed(0)
    with pytest.raises(NonFiniteLoss, match=r"loss '[dg]' of GAN became .* at step \d+ \(epoch \d+\): try"):
        GAN(4, lr=1e30).fit(toy_rows(4), epochs=50)


def test_ema_of_everything_and_spectral_norm_of_the_average():
    set_seed(0)
    net = nn.Sequential(spectral_norm(nn.Linear(6, 6)), nn.BatchNorm1d(6))
    avg, opt = Average(net, .9), torch.optim.SGD(net.parameters(), .5)
    for _ in range(30):
        opt.zero_grad(); net(torch.randn(32, 6)).sigmoid().mean().backward(); opt.step(); avg.update()
    live = {k: v.clone() for k, v in net.state_dict().items()}
    avg.install(); net.eval()
    moved = {k for k, v in net.state_dict().items() if not torch.equal(v, live[k])}
    assert {'1.running_mean', '1.running_var', '1.weight', '0.parametrizations.weight.original'} <= moved
    assert abs(torch.linalg.svdvals(net[0].weight)[0].item() - 1) < 1e-3
    assert net.state_dict()['1.num_batches_tracked'] == 30


def test_device_is_checked():
    from ganad.core import UnknownName
    with pytest.raises(UnknownName, match="no device 'tpu'"): GAN(4).fit(toy_rows(4), device='tpu')
    assert GAN(4).fit(toy_rows(4), epochs=1, device='auto').score(toy_rows(4)).device.type == 'cpu'
