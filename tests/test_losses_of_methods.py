"Terms of GANomaly and of the two discriminators against their formulas: value and gradient"
import math
from functools import partial

import pytest
import torch
from ganad.contract import toy_rows
from ganad.models import imbalance
from ganad.networks import UNet, unet
from terms import GANOMALY_ALONE, SIX, TURNS, only, patches
from torch import nn
from tracing import check_flow, exact, gradients, known_rows, make, networks_of, same, shapes    # noqa: F401


def adversarial(m, x):
    return (m.D.features(x) - m.D.features(m.G(m.E(x)))).square().mean()


def contextual(m, x):
    return (x - m.G(m.E(x))).abs().mean()


def encoder(m, x):
    return (m.E(x) - m.E2(m.G(m.E(x)))).square().mean()


@shapes
@pytest.mark.parametrize('settings,formula', [*zip(GANOMALY_ALONE, [adversarial, contextual, encoder])],
                         ids=['adversarial', 'contextual', 'encoder'])
def test_terms_of_ganomaly_are_their_formulas(settings, formula, shape, monkeypatch, exact):
    "Each weight belongs to its term, and no half of a difference is held still"
    x = toy_rows(shape, 16).double()
    model, twin = make('ganomaly', shape, settings), make('ganomaly', shape, settings)
    loss = formula(twin.train(), x)
    loss.backward()
    want = {name: weight.grad for name, weight in twin.named_parameters()
            if weight.grad is not None and name.split('.')[0] in ('E', 'G', 'E2')}
    found, _ = gradients(model, x, monkeypatch)
    same(found['g'], want)
    assert make('ganomaly', shape, settings).train().step(x)['g'] == pytest.approx(loss.item())


# Two discriminators: six terms, two kinds of rows

TERMS_OF_TWO = dict(                                     # as the paper has them; a mean, not a sum, of pixels
    rec=lambda m, x, a: (x - m.G(x)).abs().mean(),
    patch=lambda m, x, a: torch.stack(patches((x - m.G(x)).abs())).sort(0).values[-3:].mean(),
    lat=lambda m, x, a: (m.G.enc(x)[-1] - m.G.enc(m.G(x))[-1]).abs().mean(),
    adv=lambda m, x, a: (m.Dn(m.G(x)) - 1).square().mean(),
    abc=lambda m, x, a: -(1 - (-(a - m.G(a)).abs().flatten(1).mean(1)).exp()).log().mean(),
    odd=lambda m, x, a: m.Da(m.G(a)).square().mean())
CRITICS_OF_TWO = dict(
    dn=lambda m, x, a: (m.Dn(x) - 1).square().mean() + m.Dn(m.G(x)).square().mean(),
    da=lambda m, x, a: (m.Da(a) - 1).square().mean() + m.Da(m.G(a)).square().mean())
NETWORK = dict(g='G', dn='Dn', da='Da')                  # of each player


def check_terms(settings, weights, shape, monkeypatch):
    "What each player pays, against the formulas, on 16 normal rows and 16 anomalies"
    x, a = toy_rows(shape, 16).double(), known_rows(shape, 16).double()
    model, twin, fresh = (make('twodiscriminators', shape, settings) for _ in range(3))
    def pair(x): return x, a
    for m in (model, twin, fresh): m.pair = pair
    twin.train()
    losses = dict(g=sum(weight*TERMS_OF_TWO[name](twin, x, a) for name, weight in weights.items()))
    if 'adv' in weights: losses['dn'] = CRITICS_OF_TWO['dn'](twin, x, a)
    if 'odd' in weights: losses['da'] = CRITICS_OF_TWO['da'](twin, x, a)
    found, _ = gradients(model, x, monkeypatch)
    assert {*found} == {*losses}
    for player, loss in losses.items():
        own = {name: weight for name, weight in twin.named_parameters()
               if networks_of([name]) == {NETWORK[player]}}
        want = torch.autograd.grad(loss, own.values(), retain_graph=True)
        same(found[player], dict(zip(own, want)), 1e-5)                            # boundary has an eps
    if settings.get('together', True):
        assert fresh.train().step(x)['g'] == pytest.approx(losses['g'].item(), rel=1e-5)


SIX_AND_ALL = [*[pytest.param(only(name), {name: 1.}, id=name) for name in SIX],
               pytest.param({}, SIX, id='all')]
three_shapes = pytest.mark.parametrize('shape', [4, (1, 8, 8), (2, 12, 12)], ids=str)
in_turns = pytest.mark.parametrize('turns', TURNS, ids=['together', 'in-turn'])


@three_shapes
@in_turns
@pytest.mark.parametrize('settings,weights', SIX_AND_ALL)
def test_terms_of_two_discriminators_are_their_formulas(settings, weights, turns, shape, monkeypatch, exact):
    check_terms(settings | turns, weights, shape, monkeypatch)


@three_shapes
def test_patches_over_the_whole_picture_are_noticed(shape, monkeypatch, exact):
    "A student's report has a patch loss that is the reconstruction loss once more"
    monkeypatch.setattr(imbalance, '_patch_error', lambda x, r, n=3: imbalance.error(x, r))
    with pytest.raises(AssertionError, match='weight|bias'):
        check_terms(only('patch'), dict(patch=1.), shape, monkeypatch)


@shapes
def test_one_kind_after_the_other_is_the_same_game(shape, monkeypatch, exact):
    "With weights held still, two turns add up to the step on both kinds"
    x = toy_rows(shape, 16).double()
    a, b = (gradients(make('twodiscriminators', shape, turns), x, monkeypatch)[0] for turns in TURNS)
    assert {*a} == {*b} == {'g', 'dn', 'da'}
    for player in a: same(a[player], b[player])


def test_turns_come_in_either_order():
    model = make('twodiscriminators', 4, dict(together=False)).train()
    steps = [model.step(toy_rows(4, 1)) for _ in range(30)]
    orders = {tuple(player for player in losses if player != 'g') for losses in steps}
    assert orders == {('dn', 'da'), ('da', 'dn')}


@shapes
@in_turns
def test_a_batch_of_one_moves_everything(turns, shape, monkeypatch):
    check_flow(make('twodiscriminators', shape, turns), toy_rows(shape, 1), None, NETWORK, monkeypatch)


# Normal rows do not see the anomalies beside them

def remade(nets, shape, known):
    "What `G` makes of 8 normal rows in training, while these anomalies are in the batch"
    model = make('twodiscriminators', shape, dict(nets=nets)).train()
    decode, made = model.G.dec, []
    def remember(stages):
        made.append(decode(stages))
        return made[-1]
    model.G.dec = remember
    model.known = known
    model.step(toy_rows(shape, 8))
    return made[0].detach()[:8]


def remade_beside_two_kinds(nets, shape):
    few, large = known_rows(shape, 16, 3), known_rows(shape, 16, 4)*5
    return remade(nets, shape, few), remade(nets, shape, large)


@pytest.mark.parametrize('nets,shape', [(unet, 4), (unet, (1, 8, 8)), (imbalance.NETS['kim'][0], (1, 8, 8)),
                                        (imbalance.NETS['report'][0], (1, 32, 32))])
def test_a_normal_row_does_not_see_the_anomalies_beside_it(nets, shape):
    a, b = remade_beside_two_kinds(nets, shape)
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)


def test_batch_norm_would_let_it_see_them():
    a, b = remade_beside_two_kinds(partial(UNet, norm=nn.BatchNorm2d), (1, 8, 8))
    assert (a - b).abs().max() > .01


@shapes
def test_what_normal_rows_teach_does_not_depend_on_the_anomalies(shape, monkeypatch, exact):
    def taught(seed):
        model = make('twodiscriminators', shape, dict(w_abc=0., w_odd=0.))
        model.known = known_rows(shape, 64, seed)
        return gradients(model, toy_rows(shape, 16).double(), monkeypatch)[0]
    a, b = taught(3), taught(4)
    assert {*a} == {*b} == {'g', 'dn'}
    for player in a: same(a[player], b[player])


# Public versions of the two discriminators have terms that are printed and move nothing

def boundary_as_number(errors):
    "By `math.log` of a tensor"
    return torch.tensor(-math.log(1 - math.exp(-errors.mean().item()))) + 0*errors.sum()


def patches_as_numbers(x, r, n=3, patch_error=imbalance._patch_error):
    "By a new tensor from the values of another"
    return torch.tensor([value.item() for value in patch_error(x, r, n)]) + 0*r.sum()


@shapes
@in_turns
@pytest.mark.parametrize('term,function,dead', [('abc', 'boundary', boundary_as_number),
                                                ('patch', '_patch_error', patches_as_numbers)])
def test_a_loss_that_is_a_number_is_noticed(term, function, dead, turns, shape, monkeypatch):
    def check():
        model = make('twodiscriminators', shape, only(term, **turns))
        check_flow(model, toy_rows(shape, 16), None, dict(g='G'), monkeypatch)
    check()
    monkeypatch.setattr(imbalance, function, dead)
    with pytest.raises(AssertionError, match=r'of player g moves \[\]'): check()


class Low(nn.Module):
    def forward(self, logits): return logits - 100


@shapes
@pytest.mark.parametrize('critic,term', [('Dn', 'real(Dn(x))'), ('Da', 'real(Da(a))')])
def test_a_dead_relu_at_the_end_of_a_critic_is_noticed(critic, term, shape, monkeypatch):
    "Where a student's report ended up: no output is positive, and the loss is 1.000 in every epoch"
    x, player = toy_rows(shape, 16), critic.lower()
    def low(*end):
        model = make('twodiscriminators', shape, only('adv', 'odd'))
        setattr(model, critic, nn.Sequential(getattr(model, critic), Low(), *end))
        return model
    check_flow(low(), x, term, {player: critic}, monkeypatch)
    assert low(nn.ReLU()).train().step(x)[player] == 1
    with pytest.raises(AssertionError, match=rf'of player {player} moves \[\]'):
        check_flow(low(nn.ReLU()), x, term, {player: critic}, monkeypatch)
