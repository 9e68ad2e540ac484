"""Every GAN of the registry, term by term: which weights a loss moves, what a score is made of, how many weights a paper has

To add a method, add it to METHODS:
  flow    (settings, term, who moves): `term` alone counts, a loss and what it is fed with, as 'fake(D(G(z),z))', or None: all count;
          then player k (of `opt_k`) gives a gradient to every weight of exactly the networks named for it
  score   (settings, the score of rows x in NumPy, from `o.G(z)`, `o.D(x, z)`, `o.D.features(x, z)`, …: the networks' outputs, float64)
  weights (settings, name of a weight, player): the player's gradient is linear in it, and 0 is as if the term were not there
          (the gradient of a player that steps twice in a `step` is that of both steps, added up: weights are held still)
  paper   (data, constructor, {network: [parameters of each layer that has some]}), by hand from the papers' tables
"""
import math, sys
from functools import partial
from types import SimpleNamespace as NS
import numpy as np, pytest, torch
from torch import nn
from ganad.contract import check, toy_rows
from ganad.core import set_seed
from ganad.detector import adam, detectors, update
from ganad.losses import fake_loss, real_loss
from ganad.models import anogan, egbad, ganomaly, imbalance
from ganad.models.alad import ALAD
from ganad.models.alad64 import ALAD64
from ganad.models.alice import ALICE
from ganad.models.bigan import BiGAN
from ganad.models.egbad import EGBAD
from ganad.models.ganomaly import GANomaly, scaled
from ganad.models.imbalance import TwoDiscriminators
from ganad.networks import Conv, Critic, Mlp, Skip, UNet, unet

SHAPES = {'table': 4, 'image': (1, 8, 8)}
shapes = pytest.mark.parametrize('shape', SHAPES.values(), ids=SHAPES)

# ---- NumPy

def softplus(l): return np.logaddexp(0, l)                                        # log(1 + e^l)
def gap(a, b): return np.abs(a - b).reshape(len(a), -1).sum(1)
def reconstruction(o, x): return gap(x, o.G(o.E(x)))

def features(o, x): return gap(o.D.features(x, o.E(x)), o.D.features(o.G(o.E(x)), o.E(x)))
def sigma_paper(o, x): return softplus(-o.D(x, o.E(x)))
def sigma_code(o, x): return softplus(-o.D(o.G(o.E(x)), o.E(x)))
def residual(l_g, o, x): return reconstruction(o, x) if l_g == 'l1' or not l_g and x.ndim == 2 else np.sqrt(x[0].size)*distance(o, x)
def mixture(a, l_d, l_g=None): return lambda o, x: a*residual(l_g, o, x) + (1 - a)*l_d(o, x)

def change(o, x): return gap(o.Dxx.features(x, x), o.Dxx.features(x, o.G(o.E(x))))                  # what Dxx sees of a round trip
def distance(o, x): return np.sqrt(((x - o.G(o.E(x)))**2).reshape(len(x), -1).sum(1))
def cycle_logits(o, x): return softplus(-o.Dxx(x, o.G(o.E(x))))                                   # -log Dxx(x, G(E(x)))

def latent_gap(o, x): z = o.E(x); return ((z - o.E2(o.G(z)))**2).mean(1)

def patches(e):
    "Means (N,) of the patches of errors (N,C,H,H), half a picture wide, half overlapping; of a table, each feature; NumPy or torch"
    if e.ndim == 2: return [e[:, i] for i in range(e.shape[1])]
    size, side = e.shape[-1], e.shape[-1]//2
    at = range(0, size - side + 1, side//2)
    return [e[:, :, i:i+side, j:j+side].mean((1, 2, 3)) for i in at for j in at]
def row_error(o, x): return np.abs(x - o.G(x)).reshape(len(x), -1).mean(1)
def worst_patches(o, x): return np.sort(patches(np.abs(x - o.G(x))), 0)[-3:].mean(0)

# ---- the table

PAIR = [('real(D(x,E(x)))', dict(d='D')), ('fake(D(G(z),z))', dict(d='D')),                         # BiGAN's game
        ('fake(D(x,E(x)))', dict(ge='E')), ('real(D(G(z),z))', dict(ge='G'))]
CYCLES = [('real(Dxx(x,x))', dict(d='Dxx')), ('fake(Dxx(x,G(E(x))))', dict(d='Dxx')), ('real(Dxx(x,G(E(x))))', dict(ge='E G')),
          ('real(Dzz(z,z))', dict(d='Dzz')), ('fake(Dzz(z,E(G(z))))', dict(d='Dzz')), ('real(Dzz(z,E(G(z))))', dict(ge='E G'))]
def of(kw, *terms): return [(kw, *t) for t in terms]

CRITICS = dict(dist=None, w_x=1., w_z=1.)
CASES = dict(features=features, sigma_paper=sigma_paper, sigma_code=sigma_code)
ONLY = [dict(w_adv=a, w_con=b, w_enc=c) for a, b, c in ((1, 0, 0), (0, 1, 0), (0, 0, 1))]

EGBAD_MNIST = dict(
    E=[320, 18_496, 128, 73_856, 256, 1_254_600],                # conv3 1→32, conv3 32→64, BN, conv3 64→128, BN, FC 6272→200
    G=[205_824, 2_048, 6_428_800, 12_544, 131_136, 128, 1_025],  # FC 200→1024, BN, FC →6272, BN, convT4 128→64, BN, convT4 64→1
    D=[1_088, 65_600, 128, 102_912, 3_736_576, 1_025])           # x: conv4 1→64, conv4 64→64, BN; z: FC 200→512; FC 3648→1024, FC →1
EGBAD_KDD = dict(E=[7_808, 2_080],                               # FC 121→64→32
                 G=[2_112, 8_320, 15_609],                       # FC 32→64→128→121
                 D=[15_616, 4_224, 32_896, 129])                 # x: FC 121→128; z: FC 32→128; FC 256→128→1

def ganomaly_32(c):                                              # no bias anywhere but in the norms; nz 100, 64 channels
    down, up = [1_024*c, 131_072, 256, 524_288, 512], [524_288, 256, 131_072, 128, 1_024*c]
    return dict(E=down + [409_600], E2=down + [409_600],         # conv4 c→64, 64→128, BN, 128→256, BN, 256→100
                G=[409_600, 512] + up,                           # convT4 100→256, BN, 256→128, BN, 128→64, BN, 64→c
                D=down + [4_096])                                # the same body, conv4 256→1

ALAD_CIFAR10 = dict(                                             # nz 100; no norm after the first convolution of D, one in E
    E=[6_272, 256, 524_544, 512, 2_097_664, 1_024, 819_300],     # conv4 3→128, BN, 128→256, BN, 256→512, BN, 512→100
    G=[819_712, 1_024, 2_097_408, 512, 524_416, 256, 6_147],     # convT4 100→512, BN, 512→256, BN, 256→128, BN, 128→3
    D=[6_272, 524_544, 512, 2_097_664, 1_024, 51_712, 262_656, 8_913_920, 1_025],   # x: as E; z: FC 100→512→512; FC 8704→1024→1
    Dxx=[4_864, 204_928, 16_385],                                # conv5 3→64, 64→128; FC 16·8·128→1 (one above the other)
    Dzz=[12_864, 2_080, 33])                                     # FC 200→64→32→1
ALAD_KDD = dict(E=[7_808, 2_080], G=[2_112, 8_320, 15_609],      # FC 121→64→32; FC 32→64→128→121
                D=[15_616, 256, 4_224, 32_896, 129],             # x: FC 121→128, BN; z: FC 32→128; FC 256→128→1
                Dxx=[31_104, 129], Dzz=[2_080, 33])              # FC 242→128→1; FC 64→32→1
ALAD_ARRHYTHMIA = dict(E=[70_400, 32_896, 8_256], G=[8_320, 33_024, 70_418],      # FC 274→256→128→64; FC 64→128→256→274
                       D=[35_200, 256, 8_320, 65_792, 257],      # x: FC 274→128, BN; z: FC 64→128; FC 256→256→1
                       Dxx=[140_544, 32_896, 129], Dzz=[8_256, 2_080, 33])        # FC 548→256→128→1; FC 128→64→32→1

ALAD64_100 = dict(                                               # algorithms.md 7.7: one more block in E, G and D. Its channels are not
    E=[3_136, 128, 131_200, 256, *ALAD_CIFAR10['E'][2:]],        # given, 64 is the lesson's. conv4 3→64, BN, 64→128, BN, then as above
    G=[*ALAD_CIFAR10['G'][:6], 131_136, 128, 3_075],             # …, convT4 128→64, BN, and last 64→3 (no BN, no ReLU: see Deviations)
    D=[3_136, 128, 131_200, *ALAD_CIFAR10['D'][1:]],             # conv4 3→64, BN; 64→128, without, as the first of 32×32; then as above
    Dxx=[4_864, 204_928, 65_537],                                # the same two layers; FC 32·16·128→1
    Dzz=ALAD_CIFAR10['Dzz'])

ANOGAN_MNIST = dict(                                             # nz 200; biases before the norms are TensorFlow's, and are kept
    G=EGBAD_MNIST['G'],                                          # FC 200→1024, BN, FC →6272, BN, convT4 128→64, BN, convT4 64→1
    D=[1_088, 65_600, 128, 3_212_288, 2_048, 1_025])             # conv4 1→64, conv4 64→64, BN, FC 3136→1024, BN, FC →1
ANOGAN_KDD = dict(G=EGBAD_KDD['G'], D=[31_232, 32_896, 16_512, 129])                  # FC 121→256→128→128→1
ANOGAN_CIFAR10 = dict(G=ALAD_CIFAR10['G'], D=[6_272, 524_544, 512, 2_097_664, 1_024, 8_193])   # conv4 3→…→512; FC 8192→1
ANOGAN_ARRHYTHMIA = dict(G=ALAD_ARRHYTHMIA['G'], D=[70_400, 32_896, 129])             # FC 274→256→128→1

KIM_D = [384, 2_048, 16*2, 8_192, 32*2, 32_768, 64*2, 32_768]    # conv4 3→8, 8→16, 16→32, 32→64, 64→32; norms in the middle three
KIM = dict(                                                      # no bias; a norm has 2 weights a channel; 97,744 and 76,384 in all
    G=[384, 2_048, 16*2, 8_192, 32*2, 32_768, 64*2,              # conv4 3→8, 8→16, N, 16→32, N, 32→64, N
       32_768, 32*2, 16_384, 16*2, 4_096, 8*2, 768],             # convT4 64→32, N, 64→16, N, 32→8, N, 16→3: joined side by side
    Dn=KIM_D, Da=KIM_D)
REPORT_D = [1_024, 131_072, 128*2, 131_072, 64*2, 32_768, 32*2, 512]      # 1→64→128→64→32→1: 296,448 + 448 in norms ("296K")
REPORT = dict(                                                   # stages are added; 5,507,072 + 2,688 in norms ("5.5M")
    G=[1_024, 131_072, 128*2, 524_288, 256*2, 2_097_152, 512*2, 2_097_152, 256*2, 524_288, 128*2, 131_072, 64*2, 1_024],
    Dn=REPORT_D, Da=REPORT_D)

METHODS = dict(
    gan=NS(flow=of({}, ('real(D(x))', dict(d='D')), ('fake(D(G(z)))', dict(d='D')), ('real(D(G(z)))', dict(g='G'))),
           score=[({}, lambda o, x: -o.D(x))]),
    bigan=NS(flow=of({}, *PAIR), score=[({}, reconstruction)]),
    alice=NS(
        flow=of({}, *PAIR, ('dist(G(E(x)),x)', dict(ge='E G')))
           + of(dict(w_x=0, w_z=1.), *PAIR, ('dist(E(G(z)),z)', dict(ge='E G')))
           + of(dict(w_x=1., w_z=1.), *PAIR, ('dist(G(E(x)),x)', dict(ge='E G')), ('dist(E(G(z)),z)', dict(ge='E G')))
           + of(CRITICS, *PAIR, *CYCLES) + of(dict(dist=None), *PAIR, *CYCLES[:3]),
        weights=[({}, 'w_x', 'ge'), ({}, 'w_z', 'ge'), (dict(w_x=0.), 'w_z', 'ge'),
                 (dict(dist=None), 'w_x', 'ge'), (dict(dist=None, w_x=0.), 'w_z', 'ge')],
        score=[({}, reconstruction), (CRITICS, reconstruction)]),
    egbad=NS(
        flow=of(dict(w_rec=0.), *PAIR) + of({}, *PAIR, ('l1(x,G(E(x)))', dict(ge='E G')))
           + of(dict(train_fm=True, w_rec=0.), *PAIR[:2], ('fm(f(x,E(x)),f(G(z),z))', dict(ge='E G')))
           + of(dict(train_fm=True, w_rec=.5), *PAIR[:2], ('fm(f(x,E(x)),f(G(z),z))', dict(ge='E G')), ('l1(x,G(E(x)))', dict(ge='E G'))),
        weights=[({}, 'w_rec', 'ge'), (dict(train_fm=True), 'w_rec', 'ge')],
        score=[(dict(alpha=a, l_d=getattr(egbad, k)), mixture(a, f)) for a in (.9, .5, 0., 1.) for k, f in CASES.items()]
              + [(dict(l_g=l), mixture(.9, features, l)) for l in ('l1', 'l2')],
        paper=[('mnist', lambda: EGBAD.paper('mnist'), EGBAD_MNIST), ('kdd99', lambda: EGBAD.paper('kdd99'), EGBAD_KDD)]),
    alad=NS(
        flow=of({}, *PAIR, *CYCLES, ('l1(x,G(E(x)))', dict(ge='E G'))) + of(dict(w_rec=0.), *PAIR, *CYCLES)
           + of(dict(dzz=False, sn=False, w_rec=0.), *PAIR, *CYCLES[:3]),
        weights=[({}, 'w_rec', 'ge')],
        score=[(dict(by=k), f) for k, f in dict(l1=reconstruction, l2=distance, logits=cycle_logits, features=change).items()],
        paper=[('cifar10', lambda: ALAD.paper('cifar10'), ALAD_CIFAR10), ('svhn', lambda: ALAD.paper('svhn'), ALAD_CIFAR10),
               ('kdd99', lambda: ALAD.paper('kdd99'), ALAD_KDD), ('arrhythmia', lambda: ALAD.paper('arrhythmia'), ALAD_ARRHYTHMIA)]),
    ganomaly=NS(
        flow=[(kw, None, dict(g=g, d='D')) for kw, g in zip(ONLY, ('E G', 'E G', 'E G E2'))]
           + of({}, ('real(head(f(x)))', dict(d='D', g='E G E2')), ('fake(D(G(E(x))))', dict(d='D', g='E G E2'))),  # not in g: it stays
        weights=[(kw, w, 'g') for kw in (ONLY[0], {}) for w in ('w_adv', 'w_con', 'w_enc')],
        score=[({}, latent_gap)],
        paper=[('32, grey', lambda: GANomaly.paper(32), ganomaly_32(1)), ('32, colour', lambda: GANomaly.paper(32, 3), ganomaly_32(3))]))

METHODS['alad64'] = NS(flow=[f for f in METHODS['alad'].flow if f[0] == dict(w_rec=0.)], score=METHODS['alad'].score,
                       paper=[('100', ALAD64.paper, ALAD64_100)])

def search(ent, total):
    "AnoGAN: what the best of the searches leaves over, from the codes where they end"
    def f(o, x):
        m, all_x, fx = o.m, x.reshape(len(x), -1), o.D.features(x)
        *_, (z, _) = m.path(torch.tensor(x))

        def left(z):
            g = o.G(z); fg = o.D.features(g)
            d = softplus(-o.D.head(fg)) if ent else np.abs(fx - fg)
            return [total(np.abs(all_x - g.reshape(len(x), -1)), 1), total(d, 1)]
        r, d = np.array([left(s) for s in z.numpy()]).swapaxes(0, 1)
        u = m.unit.numpy().astype(float)
        return ((1 - m.lam)*r/u[0] + m.lam*d/u[1]).min(0)
    return f

METHODS['anogan'] = NS(
    flow=METHODS['gan'].flow + of(dict(encoder=True), *[f[1:] for f in METHODS['gan'].flow], ('mse(G(E(x)),x)', dict(e='E')),
                                  ('mse(f(G(E(x))),f(x))', dict(e='E'))),
    score=[(dict(steps=5, **kw), search(ent, total)) for kw, ent, total in [
        ({}, False, np.mean), (dict(sums=True), False, np.sum), (dict(l_d=anogan.cross_entropy, lam=.4), True, np.mean),
        (dict(encoder=True, starts=3), False, np.mean)]],
    paper=[(k, partial(anogan.AnoGAN.paper, k, steps=3), n) for k, n in dict(
        mnist=ANOGAN_MNIST, kdd99=ANOGAN_KDD, cifar10=ANOGAN_CIFAR10, arrhythmia=ANOGAN_ARRHYTHMIA).items()])

SIX = dict(rec=1.5, patch=1.5, lat=.5, adv=.5, abc=.5, odd=1.)                      # weights of algorithms.md 9.2
def only(*terms, **kw): return {f'w_{k}': float(k in terms) for k in SIX} | kw
TURNS = [dict(together=t) for t in (True, False)]
METHODS['twodiscriminators'] = NS(                               # G pays for fake(Da(G(a))) and so does Da: there they are no opponents
    flow=[f for t in TURNS for f in (
        *[(only(k, **t), None, dict(g='G')) for k in ('rec', 'patch', 'lat', 'abc')],
        *of(only('adv', **t), ('real(Dn(G(x)))', dict(g='G')), ('real(Dn(x))', dict(dn='Dn')), ('fake(Dn(G(x)))', dict(dn='Dn'))),
        *of(only('odd', **t), ('fake(Da(G(a)))', dict(g='G', da='Da')), ('real(Da(a))', dict(da='Da'))),
        (t, None, dict(g='G', dn='Dn', da='Da')))],
    weights=[(t, f'w_{k}', 'g') for t in TURNS for k in SIX],
    score=[({}, row_error), (dict(by='patches'), worst_patches)],
    paper=[('kim', lambda: TwoDiscriminators.paper('kim', 3), KIM), ('report', lambda: TwoDiscriminators.paper('report', 1), REPORT)])

def rows(part):
    "All rows of one part of the table, with the name of the method first"
    r = [(n, *row) for n, m in METHODS.items() for row in getattr(m, part, [])]
    tell = lambda v: ','.join(f'{k}={getattr(x, "__name__", x)}' for k, x in v.items()) if isinstance(v, dict) else str(v)
    return [pytest.param(*row, id='-'.join(tell(v) for v in row[:3] if v != {} and not callable(v))) for row in r]

def gans(): return [n for n, c in detectors().items() if not c.baseline]

def test_every_method_is_in_the_table():
    assert {*METHODS} == {*gans()}, 'add the new method to METHODS'

def known_rows(shape, n=64, seed=3): return toy_rows(shape, n, seed, odd=True)

def ready(m):
    "`m`, able to make a step before it is fitted"
    if m.labelled: m.known, m.augment = known_rows(m.shape), None
    return m

def make(name, shape, kw):
    set_seed(0)
    return ready((detectors()[name] if isinstance(name, str) else name)(shape, **kw))

# ---- which weights a loss moves

TERMS = dict(real_loss='real', fake_loss='fake', ls_real='real', ls_fake='fake', hinge_real='real', hinge_fake='fake', hinge_gen='real',
             feature_matching='fm', mse_loss='mse', l1='l1', l2='l2')

class Names:
    "What a tensor is, as a formula: 'x', 'z', 'G(E(x))'; a view or a detached copy is what it was made from, a batch of two is two"
    def __init__(self, x): self.kept, self.of, self.rows = [], {}, len(x); self.give(x, ['x'])
    def give(self, t, names):
        self.kept.append(t)
        for part, n in zip(t.split(self.rows), names): self.of[part.data_ptr()] = n
        return t
    def parts(self, t): return [self.of.get(p.data_ptr(), '?') for p in t.split(self.rows)]
    def __call__(self, f, args): return [f'{f}({",".join(a)})' for a in zip(*map(self.parts, args))]

def listen(m, names, monkeypatch):
    "Give names to noise, to batches put together, and to what networks, features and heads make"
    for r in ('randn', 'randn_like'):
        monkeypatch.setattr(torch, r, lambda *a, f=getattr(torch, r), **k: names.give(f(*a, **k), ['z']))
    cat = torch.cat
    def put_together(ts, dim=0):
        ts = [*ts]
        return cat(ts, dim) if dim else names.give(cat(ts), [n for t in ts if len(t) for n in names.parts(t)])
    monkeypatch.setattr(torch, 'cat', put_together)
    if m.labelled: m.pair = lambda x, f=m.pair: (x, names.give(f(x)[1], ['a']))
    for n, net in m.named_children():
        net.register_forward_hook(lambda _, i, o, n=n: names.give(o, names(n, i)))
        if isinstance(net, Skip):
            net.enc = lambda x, f=net.enc: [names.give(h, names('enc', [x])) for h in f(x)]
            net.dec = lambda hs, f=net.dec, n=n: names.give(f(hs), [v.replace('enc', n, 1) for v in names.parts(hs[-1])])
        if not isinstance(net, Critic): continue
        net.head.register_forward_hook(lambda _, i, o: names.give(o, names('head', i)))
        net.features = lambda *a, f=net.features: names.give(f(*a), names('f', a))

def gradients(m, x, monkeypatch, term=None):
    "What each player's gradient is in one `step` where only `term` counts, {player: {weight: gradient}}; and which terms there were"
    got, seen, names = {}, set(), Names(x)

    def alone(kind, f):
        def g(*a):
            name, = names(kind, a); seen.add(name)
            return f(*a) if term in (None, name) else sum(v.sum() for v in a)*0
        return g

    listen(m, names, monkeypatch)
    for mod in {sys.modules[c.__module__] for c in type(m).__mro__ if hasattr(c, 'score_batch')}:
        for f, kind in TERMS.items():
            if hasattr(mod, f): monkeypatch.setattr(mod, f, alone(kind, getattr(mod, f)))
    if getattr(m, 'dist', None): m.dist = alone('dist', m.dist)

    def took(k):                                                             # a player may step more than once
        g = got.setdefault(k, {})
        for n, p in m.named_parameters():
            if p.grad is not None and p.grad.any(): g[n] = g.get(n, 0) + p.grad
            p.grad = None
    for k, o in vars(m).items():
        if isinstance(o, torch.optim.Optimizer): o.step = lambda k=k[4:]: took(k)
    set_seed(1); m.train().step(x)
    monkeypatch.undo()
    assert term is None or term in seen, f'no {term} among {sorted(seen)}'
    return got, seen

def check_flow(m, x, term, moves, monkeypatch):
    got, _ = gradients(m, x, monkeypatch, term)
    for player, g in got.items():
        nets = {*moves.get(player, '').split()}
        assert {n.split('.')[0] for n in g} == nets, f'{term} of player {player} moves {sorted({n.split(".")[0] for n in g})}'
        still = {n for n, _ in m.named_parameters() if n.split('.')[0] in nets} - {*g}
        assert not still, f'{term} of player {player} does not reach {sorted(still)}'
        assert all(v.isfinite().all() for v in g.values())
    assert {*moves} <= {*got}

@shapes
@pytest.mark.parametrize('name,kw,term,moves', rows('flow'))
def test_a_loss_moves_its_networks_and_no_other(name, kw, term, moves, shape, monkeypatch):
    check_flow(make(name, shape, kw), toy_rows(shape, 16), term, moves, monkeypatch)

@pytest.mark.parametrize('name', METHODS)
def test_every_term_is_in_the_table(name, monkeypatch):
    flow = METHODS[name].flow
    for kw in [k for i, (k, *_) in enumerate(flow) if k not in [f[0] for f in flow[:i]]]:
        terms = {t for k, t, _ in flow if k == kw}
        _, seen = gradients(make(name, 4, kw), toy_rows(4, 16), monkeypatch)
        assert None in terms or seen == terms, kw

@pytest.fixture
def exact():
    "Everything in float64: differences of gradients are no rounding errors"
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)

def same(a, b, rtol=1e-6):
    "Equal gradients; a weight that is missing has none"
    for n in {*a, *b}:
        u, v = (g.get(n, torch.zeros(())) for g in (a, b))
        assert torch.allclose(u, v.expand_as(u) if v.ndim == 0 else v, rtol, rtol*max(u.abs().max(), v.abs().max()).item()), n

@shapes
@pytest.mark.parametrize('name,kw,weight,player', rows('weights'))
def test_a_weight_weighs_its_term(name, kw, weight, player, shape, monkeypatch, exact):
    x = toy_rows(shape, 16).double()
    g0, g1, g3 = (gradients(make(name, shape, {**kw, weight: w}), x, monkeypatch)[0][player] for w in (0., 1., 3.))
    sub = lambda a, b: {n: a.get(n, 0) - b.get(n, torch.zeros(())) for n in {*a, *b}}
    same(sub(g3, g0), {n: 3*v for n, v in sub(g1, g0).items()})
    assert any(v.abs().max() > 1e-8 for v in sub(g1, g0).values())

@shapes
@pytest.mark.parametrize('name,kw', [('alice', dict(w_x=0.)), ('alice', dict(w_x=0., dist=None)), ('egbad', dict(w_rec=0.))])
def test_without_its_terms_a_method_is_its_parent(name, kw, shape, monkeypatch, exact):
    x = toy_rows(shape, 16).double()
    a, b = (gradients(make(n, shape, k), x, monkeypatch)[0] for n, k in ((name, kw), ('bigan', {})))
    for k in b: same(a[k], b[k])

def test_alad_without_spectral_norm_and_latent_cycle_is_alice(monkeypatch, exact):
    "The paper's ablation, on tables, with one and the same critic of rows"
    monkeypatch.setattr('ganad.models.alad.row_critic', lambda n, wrap: Mlp(n).critic(x=2))
    two = ('alad', dict(nz=8, sn=False, dzz=False, w_rec=0.)), ('alice', dict(nz=8, dist=None, w_x=1.))
    a, b = (gradients(make(n, 4, k), toy_rows(4, 16).double(), monkeypatch)[0] for n, k in two)
    for k in b: same(a[k], b[k])

FORMULAS = [lambda m, x: (m.D.features(x) - m.D.features(m.G(m.E(x)))).square().mean(),            # as algorithms.md 6.2 has them
            lambda m, x: (x - m.G(m.E(x))).abs().mean(),
            lambda m, x: (m.E(x) - m.E2(m.G(m.E(x)))).square().mean()]

@shapes
@pytest.mark.parametrize('kw,formula', [*zip(ONLY, FORMULAS)], ids=['adversarial', 'contextual', 'encoder'])
def test_terms_of_ganomaly_are_their_formulas(kw, formula, shape, monkeypatch, exact):
    "Value and gradient: each weight belongs to its term, and no half of a difference is held still"
    x, m, twin = toy_rows(shape, 16).double(), make('ganomaly', shape, kw), make('ganomaly', shape, kw)
    loss = formula(twin.train(), x); loss.backward()
    want = {n: p.grad for n, p in twin.named_parameters() if p.grad is not None and n.split('.')[0] in ('E', 'G', 'E2')}
    got, _ = gradients(m, x, monkeypatch)
    same(got['g'], want)
    assert make('ganomaly', shape, kw).train().step(x)['g'] == pytest.approx(loss.item())

@shapes
def test_ganomaly_without_terms_stands_still(shape, monkeypatch):
    got, _ = gradients(make('ganomaly', shape, dict(w_adv=0, w_con=0, w_enc=0)), toy_rows(shape, 16), monkeypatch)
    assert not got['g'] and got['d']

# ---- two discriminators: six terms, two kinds of rows

TERMS_OF_TWO = dict(                                                              # as algorithms.md 9.2 has them; a mean, not a sum, of pixels
    rec=lambda m, x, a: (x - m.G(x)).abs().mean(),
    patch=lambda m, x, a: torch.stack(patches((x - m.G(x)).abs())).sort(0).values[-3:].mean(),
    lat=lambda m, x, a: (m.G.enc(x)[-1] - m.G.enc(m.G(x))[-1]).abs().mean(),
    adv=lambda m, x, a: (m.Dn(m.G(x)) - 1).square().mean(),
    abc=lambda m, x, a: -(1 - (-(a - m.G(a)).abs().flatten(1).mean(1)).exp()).log().mean(),
    odd=lambda m, x, a: m.Da(m.G(a)).square().mean())
CRITICS_OF_TWO = dict(
    dn=lambda m, x, a: (m.Dn(x) - 1).square().mean() + m.Dn(m.G(x)).square().mean(),
    da=lambda m, x, a: (m.Da(a) - 1).square().mean() + m.Da(m.G(a)).square().mean())

def check_terms(kw, weights, shape, monkeypatch):
    "Value and gradient of what each player pays, against the formulas, on 16 normal rows and 16 anomalies"
    x, a = toy_rows(shape, 16).double(), known_rows(shape, 16).double()
    m, twin, fresh = (make('twodiscriminators', shape, kw) for _ in range(3))
    for o in (m, twin, fresh): o.pair = lambda x: (x, a)
    losses = dict(g=sum(w*TERMS_OF_TWO[k](twin.train(), x, a) for k, w in weights.items()))
    losses |= {k: CRITICS_OF_TWO[k](twin, x, a) for k, w in dict(dn='adv', da='odd').items() if w in weights}
    got, _ = gradients(m, x, monkeypatch)
    assert {*got} == {*losses}
    for k, loss in losses.items():
        own = {n: p for n, p in twin.named_parameters() if n.split('.')[0] == dict(g='G', dn='Dn', da='Da')[k]}
        same(got[k], dict(zip(own, torch.autograd.grad(loss, own.values(), retain_graph=True))), 1e-5)    # boundary has an eps
    if kw.get('together', True): assert fresh.train().step(x)['g'] == pytest.approx(losses['g'].item(), rel=1e-5)

SIX_AND_ALL = [*[pytest.param(only(k), {k: 1.}, id=k) for k in SIX], pytest.param({}, SIX, id='all')]
three_shapes = pytest.mark.parametrize('shape', [4, (1, 8, 8), (2, 12, 12)], ids=str)

@three_shapes
@pytest.mark.parametrize('turns', TURNS, ids=['together', 'in-turn'])
@pytest.mark.parametrize('kw,weights', SIX_AND_ALL)
def test_terms_of_two_discriminators_are_their_formulas(kw, weights, turns, shape, monkeypatch, exact):
    check_terms(kw | turns, weights, shape, monkeypatch)

@three_shapes
def test_patches_over_the_whole_picture_are_noticed(shape, monkeypatch, exact):
    "The report's: its patch loss is the reconstruction loss once more"
    monkeypatch.setattr(imbalance, 'patch_error', lambda x, r, n=3: imbalance.error(x, r))
    with pytest.raises(AssertionError, match='weight|bias'): check_terms(only('patch'), dict(patch=1.), shape, monkeypatch)

@shapes
def test_one_kind_after_the_other_is_the_same_game(shape, monkeypatch, exact):
    "With weights held still, two turns add up to the step on both kinds"
    a, b = (gradients(make('twodiscriminators', shape, t), toy_rows(shape, 16).double(), monkeypatch)[0] for t in TURNS)
    assert {*a} == {*b} == {'g', 'dn', 'da'}
    for k in a: same(a[k], b[k])

def test_turns_come_in_either_order():
    m = make('twodiscriminators', 4, dict(together=False)).train()
    orders = [tuple(k for k in m.step(toy_rows(4, 1)) if k != 'g') for _ in range(30)]
    assert {*orders} == {('dn', 'da'), ('da', 'dn')}

@shapes
@pytest.mark.parametrize('turns', TURNS, ids=['together', 'in-turn'])
def test_a_batch_of_one_moves_everything(turns, shape, monkeypatch):
    check_flow(make('twodiscriminators', shape, turns), toy_rows(shape, 1), None, dict(g='G', dn='Dn', da='Da'), monkeypatch)

def remade(nets, shape, known):
    "What `G` makes of 8 normal rows in training, while these anomalies are in the batch"
    m, kept = make('twodiscriminators', shape, dict(nets=nets)).train(), []
    m.G.dec = lambda hs, f=m.G.dec: kept.append(f(hs).detach()) or f(hs)
    m.known = known; m.step(toy_rows(shape, 8))
    return kept[0][:8]

@pytest.mark.parametrize('nets,shape', [(unet, 4), (unet, (1, 8, 8)), (imbalance.NETS['kim'][0], (1, 8, 8)), (imbalance.NETS['report'][0], (1, 32, 32))])
def test_a_normal_row_does_not_see_the_anomalies_beside_it(nets, shape):
    a, b = (remade(nets, shape, known_rows(shape, 16, seed)*k) for seed, k in ((3, 1), (4, 5)))
    torch.testing.assert_close(a, b, rtol=1e-5, atol=1e-6)

def test_batch_norm_would_let_it_see_them():
    a, b = (remade(partial(UNet, norm=nn.BatchNorm2d), (1, 8, 8), known_rows((1, 8, 8), 16, seed)*k) for seed, k in ((3, 1), (4, 5)))
    assert (a - b).abs().max() > .01

@shapes
def test_what_normal_rows_teach_does_not_depend_on_the_anomalies(shape, monkeypatch, exact):
    def taught(seed):
        m = make('twodiscriminators', shape, dict(w_abc=0., w_odd=0.)); m.known = known_rows(shape, 64, seed)
        return gradients(m, toy_rows(shape, 16).double(), monkeypatch)[0]
    a, b = taught(3), taught(4)
    assert {*a} == {*b} == {'g', 'dn'}
    for k in a: same(a[k], b[k])

# ---- what a score is made of

class AsNumpy:
    "A network as a function of arrays: float64 in, float64 out, in evaluation mode"
    def __init__(self, f): self.f = f
    def __call__(self, *a):
        with torch.no_grad(): return self.f(*(torch.tensor(np.asarray(v), dtype=torch.float32) for v in a)).numpy().astype(float)
    def __getattr__(self, k): return AsNumpy(getattr(self.f, k))

class Outputs:
    def __init__(self, m): self.m = m.eval()
    def __getattr__(self, k): return AsNumpy(getattr(self.m, k))

@pytest.fixture(scope='module')
def fitted():
    "Each method after an epoch, so that norms and weights are no longer those of the beginning"
    kept = {}

    def get(name, kw, shape):
        k = name, shape, str(kw)
        if k not in kept:
            m = make(name, shape, kw)
            kept[k] = m.fit(toy_rows(shape, 64), epochs=1, bs=32, progress=False, **(dict(known=m.known) if m.labelled else {}))
        return kept[k]
    return get

def odd_and_even(shape): return torch.cat([toy_rows(shape, 20, seed=3), toy_rows(shape, 20, seed=3, odd=True)])

@shapes
@pytest.mark.parametrize('name,kw,formula', rows('score'))
def test_score_is_its_formula(fitted, name, kw, formula, shape):
    m, x = fitted(name, kw, shape), odd_and_even(shape)
    want, got = formula(Outputs(m), x.numpy()), m.score(x)
    assert got.dtype == torch.float32 and got.shape == (40,) and np.ptp(want) > 0
    np.testing.assert_allclose(got.numpy(), want, rtol=1e-4, atol=1e-5*np.abs(want).max())

@shapes
@pytest.mark.parametrize('name,kw,formula', rows('score'))
def test_a_row_alone_scores_the_same(fitted, name, kw, formula, shape):
    m, x = fitted(name, kw, shape), odd_and_even(shape)
    s = m.score(x)
    close = dict(rtol=1e-4, atol=1e-5*s.abs().max().item())
    torch.testing.assert_close(m.score(x, bs=1), s, **close)
    torch.testing.assert_close(m.score(x[7:8]), s[7:8], **close)
    if hasattr(m, 'rec_batch'): torch.testing.assert_close(m.reconstruct(x, bs=1), m.reconstruct(x), rtol=1e-4, atol=1e-5)

@pytest.mark.parametrize('name,kw,formula', [r for i, r in enumerate(rows('score')) if r.values[0] not in [q.values[0] for q in rows('score')[:i]]])
def test_colour_images(fitted, name, kw, formula):
    "Networks work in channels-last memory, where one channel or three are not the same"
    m, x = fitted(name, kw, (3, 8, 8)), odd_and_even((3, 8, 8))
    want = formula(Outputs(m), x.numpy())
    np.testing.assert_allclose(m.score(x).numpy(), want, rtol=1e-4, atol=1e-5*np.abs(want).max())
    if hasattr(m, 'rec_batch'): assert m.reconstruct(x).shape == x.shape

def test_scaled_scores_of_ganomaly():
    s, val = torch.randn(50), torch.rand(30)
    v = val.double().numpy()
    want = (s.double().numpy() - v.min())/(np.quantile(v, .9) - v.min())
    np.testing.assert_allclose(scaled(s, val, .9).numpy(), want, rtol=1e-5, atol=1e-6)

# ---- how many weights a paper's networks have

def layers(net):
    "Parameters of each layer that has some, in the order in which rows, then codes, then both pass them"
    parts = [net.fx, net.fz, net.joint, net.head] if isinstance(net, Critic) else [net]
    kinds = nn.Linear, nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.GroupNorm
    return [sum(w.numel() for w in m.parameters()) for p in parts if p is not None for m in p.modules() if isinstance(m, kinds)]

@pytest.mark.parametrize('name,data,new,nets', rows('paper'))
def test_paper_has_as_many_weights_as_its_tables_say(name, data, new, nets):
    m = new()
    assert {k: layers(getattr(m, k)) for k in nets} == nets
    assert sum(p.numel() for p in m.parameters()) == sum(map(sum, nets.values()))                  # and there is nothing else

@pytest.mark.parametrize('name,data,new,nets', [r for r in rows('paper') if r.values[1] != 'svhn'])         # svhn's are cifar10's
def test_a_row_alone_scores_the_same_in_the_papers_networks(name, data, new, nets):
    set_seed(0); m = ready(new())
    x = toy_rows(m.shape, 3)
    m.train().step(x)                                                                              # running averages that are not 0 and 1
    torch.testing.assert_close(m.score(x, bs=1), m.score(x), rtol=1e-4, atol=1e-6)

# ---- these tests notice: each of these has one defect

class ForgotEncoder(BiGAN):
    def ge_loss(self, x, z): return fake_loss(self.D(x, self.E(x).detach())) + real_loss(self.D(self.G(z), z))

class CodeOfReconstructionIsHeld(GANomaly):
    def cycle(self, x): z, xr, _ = super().cycle(x); return z, xr, self.E2(xr.detach())

class ContextIsDetached(GANomaly):
    def terms(self, x, fx, z, xr, zr): a, b, c = super().terms(x, fx, z, xr, zr); return a, b.detach() + 0*xr.sum(), c

class MatchesFeaturesOfDataOnly(EGBAD):
    def ge_loss(self, x, z):
        g = self.G(z).detach() if self.train_fm else self.G(z)
        if not self.train_fm: return super().ge_loss(x, z)
        return (self.D.features(x, self.E(x)).mean(0) - self.D.features(g, z).mean(0)).pow(2).sum()

class HalfACycle(ALICE):
    def cycle(self, D, a, ar): return super().cycle(D, a, ar.detach() + 0*ar)

DEFECTS = [(ForgotEncoder, {}, 'fake(D(x,E(x)))', dict(ge='E')), (CodeOfReconstructionIsHeld, ONLY[2], None, dict(g='E G E2', d='D')),
           (ContextIsDetached, ONLY[1], None, dict(g='E G', d='D')), (MatchesFeaturesOfDataOnly, dict(train_fm=True), None, dict(d='D', ge='E G')),
           (HalfACycle, {}, 'dist(G(E(x)),x)', dict(ge='E G'))]

@shapes
@pytest.mark.parametrize('cls,kw,term,moves', DEFECTS, ids=lambda v: getattr(v, '__name__', ''))
def test_a_lost_gradient_is_noticed(cls, kw, term, moves, shape, monkeypatch):
    parent, x = cls.__mro__[1].__name__.lower(), toy_rows(shape, 16)
    check_flow(make(parent, shape, kw), x, term, moves, monkeypatch)
    with pytest.raises(AssertionError): check_flow(make(cls, shape, kw), x, term, moves, monkeypatch)

# Three public versions of the two discriminators have a term that is printed and moves nothing (algorithms.md 9.6)

def number(e): return torch.tensor(-math.log(1 - math.exp(-e.mean().item()))) + 0*e.sum()          # math.log of a tensor
def wrapped(x, r, n=3, f=imbalance.patch_error): return torch.tensor([v.item() for v in f(x, r, n)]) + 0*r.sum()

@shapes
@pytest.mark.parametrize('turns', TURNS, ids=['together', 'in-turn'])
@pytest.mark.parametrize('term,name,dead', [('abc', 'boundary', number), ('patch', 'patch_error', wrapped)])
def test_a_loss_that_is_a_number_is_noticed(term, name, dead, turns, shape, monkeypatch):
    case = only(term, **turns), None, dict(g='G')
    check = lambda: check_flow(make('twodiscriminators', shape, case[0]), toy_rows(shape, 16), *case[1:], monkeypatch)
    check()
    monkeypatch.setattr(imbalance, name, dead)
    with pytest.raises(AssertionError, match=r'of player g moves \[\]'): check()

class Low(nn.Module):
    def forward(self, l): return l - 100

@shapes
@pytest.mark.parametrize('critic,term', [('Dn', 'real(Dn(x))'), ('Da', 'real(Da(a))')])
def test_a_dead_relu_at_the_end_of_a_critic_is_noticed(critic, term, shape, monkeypatch):
    "Where the report's ended up: no output is positive, and the loss is 1.000 in every epoch"
    x, k = toy_rows(shape, 16), critic.lower()
    def low(*end):
        m = make('twodiscriminators', shape, only('adv', 'odd')); setattr(m, critic, nn.Sequential(getattr(m, critic), Low(), *end))
        return m
    check_flow(low(), x, term, {k: critic}, monkeypatch)
    assert low(nn.ReLU()).train().step(x)[k] == 1
    with pytest.raises(AssertionError, match=rf'of player {k} moves \[\]'): check_flow(low(nn.ReLU()), x, term, {k: critic}, monkeypatch)

# ---- families of networks

@pytest.mark.parametrize('size', range(1, 70))
def test_every_size_of_image_works_or_is_refused(size):
    try: f = Conv((1, size, size), ch=2)
    except ValueError as e:
        assert str(e) == f'images of {size} pixels cannot be halved down to 3 to 7; resize them to 8, 32 or 64'
        return
    x, z = torch.zeros(2, 1, size, size), torch.zeros(2, 3)
    assert f.gen(3)(z).shape == x.shape and f.enc(3)(x).shape == z.shape and f.critic(z=3)(x, z).shape == (2,)

# ---- the second question for GANomaly's critic

def turning(): return make('ganomaly', (1, 8, 8), dict(turns=True))

def doubt(o, m, x):
    "-log p(t | f(t(x))) over the 36 turns t, in NumPy"
    w, b = (p.detach().numpy() for p in (m.Turn.heads.weight, m.Turn.heads.bias))
    total, n = 0, x.shape[-1]//4
    for k in range(4):
        t = np.pad(np.rot90(x, k, (2, 3)), [(0, 0), (0, 0), (n, n), (n, n)], constant_values=-1)
        for row in range(3):
            for col in range(3):
                crop = t[:, :, (2-row)*n:(6-row)*n, (2-col)*n:(6-col)*n]
                for l, i in zip(np.split(o.D.features(np.ascontiguousarray(crop))@w.T + b, (4, 7), 1), (k, row, col)):
                    total = total + np.log(np.exp(l).sum(1)) - l[:, i]
    return total

def test_doubts_are_their_formula(fitted):
    "(9): the distance of codes and the doubt, each in units of its spread over the first rows it learned from"
    m, x = fitted('ganomaly', dict(turns=True), (1, 8, 8)), odd_and_even((1, 8, 8)).numpy()
    o = Outputs(m); both = lambda x: np.stack([latent_gap(o, x), doubt(o, m, x)], 1)
    unit = both(toy_rows((1, 8, 8), 64).numpy()).std(0)
    np.testing.assert_allclose(m.Turn.unit.numpy(), unit, rtol=1e-3)
    np.testing.assert_allclose(m.score(x).numpy(), (both(x)/unit).sum(1), rtol=1e-3)

def test_doubts_teach_the_critic_alone(monkeypatch):
    x, plain = toy_rows((1, 8, 8), 16), make('ganomaly', (1, 8, 8), {})
    m = turning(); plain.load_state_dict({k: v for k, v in m.state_dict().items() if not k.startswith('Turn')})
    (a, _), (b, _) = (gradients(v, x, monkeypatch) for v in (m, plain))
    assert {n for n in a['g']} == {n for n in b['g']} and all(torch.equal(a['g'][n], v) for n, v in b['g'].items())
    assert {n.split('.')[0] for n in a['d']} == {'D', 'Turn'} and not any(torch.equal(a['d'][n], v) for n, v in b['d'].items() if 'fx' in n)

def log_p(m, x):
    "The logs of the three answers to images, in NumPy"
    w, b = (p.detach().numpy() for p in (m.Turn.heads.weight, m.Turn.heads.bias))
    with torch.no_grad(): f = m.D.features(torch.as_tensor(np.ascontiguousarray(x))).numpy()
    return [l - np.log(np.exp(l).sum(1, keepdims=True)) for l in np.split(f@w.T + b, (4, 7), 1)]

def moved_by_hand(x, k, row, col):
    "One image (C,8,8): turned, and moved by two pixels, black behind"
    t, out = np.rot90(x, k, (1, 2)), np.full_like(x, -1)
    dr, dc = 2*(row-1), 2*(col-1)
    out[:, max(dr, 0):8+min(dr, 0), max(dc, 0):8+min(dc, 0)] = t[:, max(-dr, 0):8-max(dr, 0), max(-dc, 0):8-max(dc, 0)]
    return out

def test_turns_are_taught_by_the_turns_that_were_made():
    "(8): each image in one way, and the price of not knowing this way"
    m, x = turning(), toy_rows((1, 8, 8), 16)
    set_seed(5); t = [ganomaly.TURNS[i] for i in torch.randint(36, (16,)).tolist()]
    set_seed(5); got = m.Turn.loss(m.D, x).item()
    made = np.stack([moved_by_hand(r, *w) for r, w in zip(x.numpy(), t)])
    want = -np.mean([sum(l[i, w[j]] for j, l in enumerate(log_p(m, made))) for i, w in enumerate(t)])
    assert len({*t}) > 10 and got == pytest.approx(want, rel=1e-5)

def test_the_critic_pays_for_both_questions():
    m, x = turning(), toy_rows((1, 8, 8), 16)
    z, xr, zr = m.cycle(x); d = m.d_loss(m.D.features(x), xr).item()
    set_seed(7); turn = m.Turn.loss(m.D, x).item()
    m.load_state_dict(turning().state_dict()); set_seed(7)
    assert m.step(x)['d'] == pytest.approx(d + turn, rel=1e-5)

@pytest.mark.parametrize('shape', [(3, 8, 8), (1, 28, 28)])
def test_turns_keep_the_contract_and_come_back(shape, tmp_path):
    "Scored by both halves after saving, after resuming, and after learning again"
    from ganad.detector import load_model, save_model
    x, f = toy_rows(shape, 40), dict(bs=16, progress=False)
    m = make('ganomaly', shape, dict(turns=True)).fit(x, epochs=2, **f); s = m.score(x)
    n = load_model(save_model(m, tmp_path/'m.safetensors'))
    assert torch.equal(n.score(x), s) and n.SCORES == m.SCORES
    half = make('ganomaly', shape, dict(turns=True)).fit(x, epochs=1, checkpoint=tmp_path/'c', **f)
    assert not torch.equal(half.score(x), s)
    assert torch.equal(make('ganomaly', shape, dict(turns=True)).fit(x, epochs=2, checkpoint=tmp_path/'c', **f).score(x), s)
    unit = m.Turn.unit.clone(); m.fit(x.flip(3), epochs=2, **f)
    assert not torch.equal(m.Turn.unit, unit) and m.score(x).isfinite().all()

def test_contract_with_turns(): check(ganomaly.GANomaly, shape=(1, 8, 8), turns=True)

def test_units_of_doubts_come_from_all_of_the_rows():
    "Sorted rows, many of them; one row; rows that are all alike"
    x = toy_rows((1, 8, 8), 64); many = torch.cat([x[:1].repeat(1500, 1, 1, 1), x.repeat(24, 1, 1, 1)])
    f = dict(epochs=1, bs=512, progress=False)
    m = make('ganomaly', (1, 8, 8), dict(turns=True)).fit(many, **f)
    h = m._by_batch(m.halves, many, 512); assert (m.Turn.unit/h.std(0) - 1).abs().max() < .1
    for few in x[:1], x[:1].repeat(5, 1, 1, 1):
        m = make('ganomaly', (1, 8, 8), dict(turns=True)).fit(few, **f)
        assert (m.Turn.unit >= .99e-5*m._by_batch(m.halves, few, 512).mean(0)).all() and m.score(x).abs().max() < 1e6

def test_without_turns_there_is_one_half():
    m = make('ganomaly', (1, 8, 8), {}).fit(toy_rows((1, 8, 8), 16), epochs=1, progress=False)
    assert [*m.scores(toy_rows((1, 8, 8), 4))] == ['codes'] and not hasattr(m, 'SCORES')

@pytest.mark.parametrize('shape', [4, (1, 8, 12)])
def test_turns_are_for_square_images(shape):
    with pytest.raises((ganomaly.ShapeError, ValueError), match='square images'): make('ganomaly', shape, dict(turns=True))
