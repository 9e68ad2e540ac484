"Which weights each loss moves, by how much, and that a lost gradient is noticed"
import pytest
import torch
from ganad.contract import toy_rows
from ganad.core import GanadError
from ganad.losses import fake_loss, real_loss
from ganad.models.alice import ALICE
from ganad.models.bigan import BiGAN
from ganad.models.egbad import EGBAD
from ganad.models.ganomaly import GANomaly
from ganad.networks import Mlp
from terms import GANOMALY_ALONE, METHODS, rows
from tracing import check_flow, exact, gans, gradients, make, same, shapes       # noqa: F401


def test_table_names_methods_that_exist():
    "A method that has no entry yet is held to the default: see `terms`"
    assert {*METHODS} <= {*gans()}


def test_methods_of_the_course_are_in_the_table():
    course = 'gan bigan alice anogan egbad ganomaly alad alad64 twodiscriminators'
    assert {*course.split()} <= {*METHODS}


@shapes
@pytest.mark.parametrize('name,settings,term,moves', rows('flow'))
def test_a_loss_moves_its_networks_and_no_other(name, settings, term, moves, shape, monkeypatch):
    check_flow(make(name, shape, settings), toy_rows(shape, 16), term, moves, monkeypatch)


def distinct(items):
    return [item for i, item in enumerate(items) if item not in items[:i]]


@pytest.mark.parametrize('name', METHODS)
def test_every_term_is_in_the_table(name, monkeypatch):
    flow = METHODS[name].flow
    for settings in distinct([row[0] for row in flow]):
        terms = {term for row_settings, term, _ in flow if row_settings == settings}
        _, seen = gradients(make(name, 4, settings), toy_rows(4, 16), monkeypatch)
        assert None in terms or seen == terms, settings


# By how much

def difference(a, b):
    return {name: a.get(name, 0) - b.get(name, torch.zeros(())) for name in {*a, *b}}


@shapes
@pytest.mark.parametrize('name,settings,weight,player', rows('weights'))
def test_a_weight_weighs_its_term(name, settings, weight, player, shape, monkeypatch, exact):
    x = toy_rows(shape, 16).double()
    def gradient(value):
        found, _ = gradients(make(name, shape, {**settings, weight: value}), x, monkeypatch)
        return found[player]
    without, once, thrice = gradient(0.), gradient(1.), gradient(3.)
    share = difference(once, without)
    same(difference(thrice, without), {name: 3*values for name, values in share.items()})
    assert any(values.abs().max() > 1e-8 for values in share.values())


def check_same_game(one, other, shape, x, monkeypatch):
    "Two methods with their settings: each player of the second has the same gradient in the first"
    a, b = (gradients(make(name, shape, settings), x, monkeypatch)[0] for name, settings in (one, other))
    for player in b: same(a[player], b[player])


@shapes
@pytest.mark.parametrize('name,settings', [('alice', dict(w_x=0.)),
                                           ('alice', dict(w_x=0., dist=None)),
                                           ('egbad', dict(w_rec=0.))])
def test_without_its_terms_a_method_is_its_parent(name, settings, shape, monkeypatch, exact):
    check_same_game((name, settings), ('bigan', {}), shape, toy_rows(shape, 16).double(), monkeypatch)


def test_alad_without_spectral_norm_and_latent_cycle_is_alice(monkeypatch, exact):
    "The paper's ablation, on tables, with one and the same critic of rows"
    monkeypatch.setattr('ganad.models.alad._row_critic', lambda n, wrap: Mlp(n).critic(x=2))
    alad = 'alad', dict(nz=8, sn=False, dzz=False, w_rec=0.)
    alice = 'alice', dict(nz=8, dist=None, w_x=1.)
    check_same_game(alad, alice, 4, toy_rows(4, 16).double(), monkeypatch)


@shapes
def test_ganomaly_without_terms_stands_still(shape, monkeypatch):
    nothing = dict(w_adv=0, w_con=0, w_enc=0)
    found, _ = gradients(make('ganomaly', shape, nothing), toy_rows(shape, 16), monkeypatch)
    assert not found['g'] and found['d']


@pytest.mark.parametrize('name,settings', [('alice', dict(w_adv=0, w_x=0)),
                                           ('egbad', dict(w_adv=0, w_rec=0)),
                                           ('alad', dict(w_adv=0, w_rec=0))])
def test_nothing_to_learn_from_is_refused(name, settings):
    with pytest.raises(GanadError) as caught: make(name, 4, settings)
    assert 'nothing to learn from' in caught.value.what


# These tests notice: each of these has one defect

class ForgotEncoder(BiGAN):
    def ge_loss(self, x, z):
        return fake_loss(self.D(x, self.E(x).detach())) + real_loss(self.D(self.G(z), z))


class CodeOfReconstructionIsHeld(GANomaly):
    def cycle(self, x):
        z, xr, _ = super().cycle(x)
        return z, xr, self.E2(xr.detach())


class ContextIsDetached(GANomaly):
    def terms(self, x, fx, z, xr, zr):
        adversarial, context, encoder = super().terms(x, fx, z, xr, zr)
        return adversarial, context.detach() + 0*xr.sum(), encoder


class MatchesFeaturesOfDataOnly(EGBAD):
    def ge_loss(self, x, z):
        if not self.train_fm: return super().ge_loss(x, z)
        g = self.G(z).detach()
        return (self.D.features(x, self.E(x)).mean(0) - self.D.features(g, z).mean(0)).pow(2).sum()


class HalfACycle(ALICE):
    def cycle(self, D, a, ar):
        return super().cycle(D, a, ar.detach() + 0*ar)


DEFECTS = [(ForgotEncoder, {}, 'fake(D(x,E(x)))', dict(ge='E')),
           (CodeOfReconstructionIsHeld, GANOMALY_ALONE[2], None, dict(g='E G E2', d='D')),
           (ContextIsDetached, GANOMALY_ALONE[1], None, dict(g='E G', d='D')),
           (MatchesFeaturesOfDataOnly, dict(train_fm=True), None, dict(d='D', ge='E G')),
           (HalfACycle, {}, 'dist(G(E(x)),x)', dict(ge='E G'))]


@shapes
@pytest.mark.parametrize('cls,settings,term,moves', DEFECTS, ids=lambda value: getattr(value, '__name__', ''))
def test_a_lost_gradient_is_noticed(cls, settings, term, moves, shape, monkeypatch):
    parent = cls.__mro__[1].__name__.lower()
    x = toy_rows(shape, 16)
    check_flow(make(parent, shape, settings), x, term, moves, monkeypatch)
    with pytest.raises(AssertionError): check_flow(make(cls, shape, settings), x, term, moves, monkeypatch)
