"""Every GAN of the registry, term by term: which weights a loss moves, and what a score is made of

METHODS holds for each method:
  flow    (settings, term, who moves): `term` alone counts, a loss and what it is fed with, as
          'fake(D(G(z),z))', or None: all count; then player k (of `opt_k`) gives a gradient to every
          weight of exactly the networks named for it
  score   (settings, the score of rows x in NumPy, from the networks' outputs in float64: `o.G(z)`,
          `o.D.features(x, z)`, …)
  weights (settings, name of a weight, player): the player's gradient is linear in it, and 0 is as if the term
          were not there (that of a player that steps twice in a `step` is added up: weights are held still)
A method that is not here is held to less: all terms together move what its optimisers hold.
"""
import copy
from types import SimpleNamespace as Entry

import numpy as np
import pytest
import torch
from ganad.models import anogan, egbad
from tracing import gans, own_networks

# Scores, in NumPy

def softplus(logits):
    "log(1 + e^l)"
    return np.logaddexp(0, logits)


def l1(a, b):
    "Sum of differences of each row"
    return np.abs(a - b).reshape(len(a), -1).sum(1)


def reconstruction(o, x):
    return l1(x, o.G(o.E(x)))


def distance(o, x):
    "Euclidean, of row and reconstruction"
    return np.sqrt(((x - o.G(o.E(x)))**2).reshape(len(x), -1).sum(1))


def features(o, x):
    return l1(o.D.features(x, o.E(x)), o.D.features(o.G(o.E(x)), o.E(x)))


def sigma_paper(o, x):
    return softplus(-o.D(x, o.E(x)))


def sigma_code(o, x):
    return softplus(-o.D(o.G(o.E(x)), o.E(x)))


def residual(l_g, o, x):
    is_table = x.ndim == 2
    if l_g == 'l1' or not l_g and is_table: return reconstruction(o, x)
    return np.sqrt(x[0].size)*distance(o, x)


def mixture(alpha, l_d, l_g=None):
    "EGBAD's two halves"
    return lambda o, x: alpha*residual(l_g, o, x) + (1 - alpha)*l_d(o, x)


def change(o, x):
    "What Dxx sees of a round trip"
    return l1(o.Dxx.features(x, x), o.Dxx.features(x, o.G(o.E(x))))


def cycle_logits(o, x):
    "-log Dxx(x, G(E(x)))"
    return softplus(-o.Dxx(x, o.G(o.E(x))))


def code_distance(o, x):
    "GANomaly's: of the code, and the code of the reconstruction"
    z = o.E(x)
    return ((z - o.E2(o.G(z)))**2).mean(1)


def patches(errors):
    "Means (N,) of patches of errors (N,C,H,H), half a picture wide, half overlapping; of a table, features"
    if errors.ndim == 2: return [errors[:, i] for i in range(errors.shape[1])]
    size = errors.shape[-1]
    side = size//2
    places = range(0, size - side + 1, side//2)
    return [errors[:, :, i:i+side, j:j+side].mean((1, 2, 3)) for i in places for j in places]


def row_error(o, x):
    return np.abs(x - o.G(x)).reshape(len(x), -1).mean(1)


def worst_patches(o, x):
    return np.sort(patches(np.abs(x - o.G(x))), 0)[-3:].mean(0)


def left_over(by_logits, total):
    "AnoGAN: what the best of the searches leaves over, from the codes where they end; `total`: sum or mean"
    def score(o, x):
        model = o.m
        flat = x.reshape(len(x), -1)
        fx = o.D.features(x)
        searching = copy.deepcopy(model).double() if x.ndim==2 else model      # tables in double precision
        *_, (ends, _) = searching.path(torch.tensor(x).to(searching.unit))

        def halves(z):
            g = o.G(z)
            fg = o.D.features(g)
            seen = softplus(-o.D.head(fg)) if by_logits else np.abs(fx - fg)
            return [total(np.abs(flat - g.reshape(len(x), -1)), 1), total(seen, 1)]
        l_r, l_d = np.array([halves(z) for z in ends.float().numpy()]).swapaxes(0, 1)
        unit = model.unit.numpy().astype(float)
        return ((1 - model.lam)*l_r/unit[0] + model.lam*l_d/unit[1]).min(0)
    return score


# Which term moves whom

def with_settings(settings, *terms):
    return [(settings, *term) for term in terms]


GAN_GAME = [('real(D(x))', dict(d='D')), ('fake(D(G(z)))', dict(d='D')), ('real(D(G(z)))', dict(g='G'))]
PAIRS = [('real(D(x,E(x)))', dict(d='D')), ('fake(D(G(z),z))', dict(d='D')),            # BiGAN's game
         ('fake(D(x,E(x)))', dict(ge='E')), ('real(D(G(z),z))', dict(ge='G'))]
CYCLE_X = [('real(Dxx(x,x))', dict(d='Dxx')), ('fake(Dxx(x,G(E(x))))', dict(d='Dxx')),
           ('real(Dxx(x,G(E(x))))', dict(ge='E G'))]
CYCLE_Z = [('real(Dzz(z,z))', dict(d='Dzz')), ('fake(Dzz(z,E(G(z))))', dict(d='Dzz')),
           ('real(Dzz(z,E(G(z))))', dict(ge='E G'))]
DISTANCE_X = ('dist(G(E(x)),x)', dict(ge='E G'))
DISTANCE_Z = ('dist(E(G(z)),z)', dict(ge='E G'))
RESIDUAL = ('l1(x,G(E(x)))', dict(ge='E G'))
MATCHING = ('fm(f(x,E(x)),f(G(z),z))', dict(ge='E G'))
NO_GAME = dict(w_adv=0.)                                 # critics learn, and nobody hears of them

CRITICS = dict(dist=None, w_x=1., w_z=1.)                # ALICE with both cycles judged by critics
L_D = dict(features=features, sigma_paper=sigma_paper, sigma_code=sigma_code)
GANOMALY_ALONE = [dict(w_adv=1, w_con=0, w_enc=0),       # one of its three terms
                  dict(w_adv=0, w_con=1, w_enc=0),
                  dict(w_adv=0, w_con=0, w_enc=1)]

METHODS = dict(
    gan=Entry(
        flow=with_settings({}, *GAN_GAME),
        score=[({}, lambda o, x: -o.D(x))]),
    bigan=Entry(
        flow=with_settings({}, *PAIRS),
        score=[({}, reconstruction)]),
    alice=Entry(
        flow=[*with_settings({}, *PAIRS, DISTANCE_X),
              *with_settings(dict(w_x=0, w_z=1.), *PAIRS, DISTANCE_Z),
              *with_settings(dict(w_x=1., w_z=1.), *PAIRS, DISTANCE_X, DISTANCE_Z),
              *with_settings(CRITICS, *PAIRS, *CYCLE_X, *CYCLE_Z),
              *with_settings(dict(dist=None), *PAIRS, *CYCLE_X),
              *with_settings(NO_GAME, *PAIRS[:2], DISTANCE_X)],
        weights=[({}, 'w_adv', 'ge'), (CRITICS, 'w_adv', 'ge'),
                 ({}, 'w_x', 'ge'), ({}, 'w_z', 'ge'), (dict(w_x=0.), 'w_z', 'ge'),
                 (dict(dist=None), 'w_x', 'ge'), (dict(dist=None, w_x=0.), 'w_z', 'ge')],
        score=[({}, reconstruction), (CRITICS, reconstruction)]),
    egbad=Entry(
        flow=[*with_settings(dict(w_rec=0.), *PAIRS),
              *with_settings({}, *PAIRS, RESIDUAL),
              *with_settings(NO_GAME, *PAIRS[:2], RESIDUAL),
              *with_settings(dict(train_fm=True, w_rec=0.), *PAIRS[:2], MATCHING),
              *with_settings(dict(train_fm=True, w_rec=.5), *PAIRS[:2], MATCHING, RESIDUAL)],
        weights=[(settings, weight, 'ge')
                 for settings in ({}, dict(train_fm=True)) for weight in ('w_adv', 'w_rec')],
        score=[*[(dict(alpha=alpha, l_d=getattr(egbad, name)), mixture(alpha, l_d))
                 for alpha in (.9, .5, 0., 1.) for name, l_d in L_D.items()],
               *[(dict(l_g=l_g), mixture(.9, features, l_g)) for l_g in ('l1', 'l2')]]),
    alad=Entry(
        flow=[*with_settings({}, *PAIRS, *CYCLE_X, *CYCLE_Z, RESIDUAL),
              *with_settings(dict(w_rec=0.), *PAIRS, *CYCLE_X, *CYCLE_Z),
              *with_settings(NO_GAME, *PAIRS[:2], *CYCLE_X[:2], *CYCLE_Z[:2], RESIDUAL),
              *with_settings(dict(dzz=False, sn=False, w_rec=0.), *PAIRS, *CYCLE_X)],
        weights=[({}, 'w_adv', 'ge'), ({}, 'w_rec', 'ge')],
        score=[(dict(by='l1'), reconstruction), (dict(by='l2'), distance),
               (dict(by='logits'), cycle_logits), (dict(by='features'), change)]),
    ganomaly=Entry(
        flow=[(GANOMALY_ALONE[0], None, dict(g='E G', d='D')),
              (GANOMALY_ALONE[1], None, dict(g='E G', d='D')),
              (GANOMALY_ALONE[2], None, dict(g='E G E2', d='D')),
              *with_settings({}, ('real(head(f(x)))', dict(d='D', g='E G E2')),          # not in g: it stays
                             ('fake(D(G(E(x))))', dict(d='D', g='E G E2')))],
        weights=[(settings, weight, 'g')
                 for settings in (GANOMALY_ALONE[0], {}) for weight in ('w_adv', 'w_con', 'w_enc')],
        score=[({}, code_distance)]),
    anogan=Entry(
        flow=[*with_settings({}, *GAN_GAME),
              *with_settings(dict(encoder=True), *GAN_GAME, ('mse(G(E(x)),x)', dict(e='E')),
                             ('mse(f(G(E(x))),f(x))', dict(e='E')))],
        score=[(dict(steps=5), left_over(False, np.mean)),
               (dict(steps=5, sums=True), left_over(False, np.sum)),
               (dict(steps=5, l_d=anogan.cross_entropy, lam=.4), left_over(True, np.mean)),
               (dict(steps=5, encoder=True, starts=3), left_over(False, np.mean))]))

METHODS['alad64'] = Entry(
    flow=[row for row in METHODS['alad'].flow if row[0] == dict(w_rec=0.)],
    score=METHODS['alad'].score)

# Two discriminators: G pays for fake(Da(G(a))) and so does Da: there they are no opponents

SIX = dict(rec=1.5, patch=1.5, lat=.5, adv=.5, abc=.5, odd=1.)                     # the paper's weights
TURNS = [dict(together=True), dict(together=False)]


def only(*terms, **more):
    "Settings with these terms of the six alone"
    return {f'w_{name}': float(name in terms) for name in SIX} | more


def flow_of_two(turns):
    return [*[(only(name, **turns), None, dict(g='G')) for name in ('rec', 'patch', 'lat', 'abc')],
            *with_settings(only('adv', **turns),
                           ('real(Dn(G(x)))', dict(g='G')),
                           ('real(Dn(x))', dict(dn='Dn')),
                           ('fake(Dn(G(x)))', dict(dn='Dn'))),
            *with_settings(only('odd', **turns),
                           ('fake(Da(G(a)))', dict(g='G', da='Da')),
                           ('real(Da(a))', dict(da='Da'))),
            (turns, None, dict(g='G', dn='Dn', da='Da'))]


METHODS['twodiscriminators'] = Entry(
    flow=[row for turns in TURNS for row in flow_of_two(turns)],
    weights=[(turns, f'w_{name}', 'g') for turns in TURNS for name in SIX],
    score=[({}, row_error), (dict(by='patches'), worst_patches)])


# Rows of the table, for pytest

def default_entry(name):
    return Entry(flow=[({}, None, own_networks(name))])


def label(value):
    if not isinstance(value, dict): return str(value)
    return ','.join(f'{key}={getattr(item, "__name__", item)}' for key, item in value.items())


def rows(part):
    "All rows of one part of the table, with the name of the method first"
    entries = METHODS | {name: default_entry(name) for name in gans() if name not in METHODS}
    found = [(name, *row) for name, entry in entries.items() for row in getattr(entry, part, [])]
    def identity(row):
        said = [value for value in row[:3] if value != {} and not callable(value)]
        return '-'.join(map(label, said))
    return [pytest.param(*row, id=identity(row)) for row in found]
