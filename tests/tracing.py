"""Which term of a loss moves which weights, and what a network says in NumPy: tools for the tests of methods

`gradients` lets a method make one `step` and notes what reaches the weights. Every tensor gets
a name that is a formula, 'x', 'G(z)', 'f(x)', so a test can say which term of a loss is meant:
'fake(D(G(z),z))'. `Outputs` shows a fitted model's networks as functions of float64 arrays, so a score can be
written down a second time.
"""
import sys
from functools import partial

import numpy as np
import pytest
import torch
from ganad.contract import toy_rows
from ganad.core import set_seed
from ganad.detector import detectors
from ganad.networks import Critic, Skip

SHAPES = {'table': 4, 'image': (1, 8, 8)}
shapes = pytest.mark.parametrize('shape', SHAPES.values(), ids=SHAPES)


def known_rows(shape, n=64, seed=3):
    return toy_rows(shape, n, seed, odd=True)


def ready(model):
    "`model`, able to make a step before it is fitted"
    if model.labelled:
        model.known = known_rows(model.shape)
        model.augment = None
    return model


def make(method, shape, settings):
    "A method, by its name or its class, with the first weights of seed 0"
    set_seed(0)
    cls = detectors()[method] if isinstance(method, str) else method
    return ready(cls(shape, **settings))


def gans():
    return [name for name, cls in detectors().items() if not cls.baseline]


@pytest.fixture
def exact():
    "Everything in float64: differences of gradients are no rounding errors"
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


# Names of tensors

# function of a method's module → what its term is called
TERMS = dict(real_loss='real', ls_real='real', hinge_real='real', hinge_gen='real',
             fake_loss='fake', ls_fake='fake', hinge_fake='fake',
             feature_matching='fm', mse_loss='mse', l1='l1', l2='l2')


class Names:
    "What a tensor is, as a formula; a view or a detached copy is what it was made from"
    def __init__(self, x):
        self.kept = []                                   # so that no address is used twice
        self.of = {}
        self.rows = len(x)
        self.give(x, ['x'])

    def give(self, tensor, names):
        "Name the parts of a tensor; the tensor"
        self.kept.append(tensor)
        for part, name in zip(tensor.split(self.rows), names): self.of[part.data_ptr()] = name
        return tensor

    def parts(self, tensor):
        return [self.of.get(part.data_ptr(), '?') for part in tensor.split(self.rows)]

    def __call__(self, function, args):
        "The names of what `function` makes of named arguments"
        return [f'{function}({",".join(names)})' for names in zip(*map(self.parts, args))]


def name_noise(names, monkeypatch):
    def patch(function):
        original = getattr(torch, function)
        monkeypatch.setattr(torch, function, lambda *args, **kw: names.give(original(*args, **kw), ['z']))
    for function in ('randn', 'randn_like'): patch(function)


def name_batches(names, monkeypatch):
    "Batches that are put together keep the names of their parts"
    cat = torch.cat
    def put_together(tensors, dim=0):
        tensors = [*tensors]
        if dim: return cat(tensors, dim)
        return names.give(cat(tensors), [name for t in tensors if len(t) for name in names.parts(t)])
    monkeypatch.setattr(torch, 'cat', put_together)


def name_known(model, names):
    pair = model.pair
    def named_pair(x):
        x, anomalies = pair(x)
        return x, names.give(anomalies, ['a'])
    model.pair = named_pair


def name_stages(net, net_name, names):
    "A U-Net's encoder and decoder, whose stages are named alone"
    enc, dec = net.enc, net.dec
    def named_enc(x): return [names.give(stage, names('enc', [x])) for stage in enc(x)]
    def named_dec(stages):
        codes = names.parts(stages[-1])
        return names.give(dec(stages), [name.replace('enc', net_name, 1) for name in codes])
    net.enc = named_enc
    net.dec = named_dec


def name_outputs(module, name, names):
    module.register_forward_hook(lambda _, inputs, output: names.give(output, names(name, inputs)))


def name_features(critic, names):
    features = critic.features
    def named_features(*args): return names.give(features(*args), names('f', args))
    critic.features = named_features


def listen(model, names, monkeypatch):
    "Give names to noise, to batches put together, and to what networks, features and heads make"
    name_noise(names, monkeypatch)
    name_batches(names, monkeypatch)
    if model.labelled: name_known(model, names)
    for net_name, net in model.named_children():
        name_outputs(net, net_name, names)
        if isinstance(net, Skip): name_stages(net, net_name, names)
        if isinstance(net, Critic):
            name_outputs(net.head, 'head', names)
            name_features(net, names)


# What reaches the weights

def modules_of(model):
    "The modules of a method and of those that it extends"
    return {sys.modules[cls.__module__] for cls in type(model).__mro__ if hasattr(cls, 'score_batch')}


def optimisers(model):
    "Player → optimiser: `opt_d` belongs to player d"
    found = {name: value for name, value in vars(model).items() if isinstance(value, torch.optim.Optimizer)}
    return {name.removeprefix('opt_'): optimiser for name, optimiser in found.items()}


def gradients(model, x, monkeypatch, term=None):
    "{player: {weight: gradient}} of one `step` where only `term` counts; and the names of all terms"
    found = {}
    seen = set()
    names = Names(x)

    def alone(kind, function):
        def counted(*args):
            name, = names(kind, args)
            seen.add(name)
            if term in (None, name): return function(*args)
            return sum(arg.sum() for arg in args)*0
        return counted

    listen(model, names, monkeypatch)
    for module in modules_of(model):
        for function, kind in TERMS.items():
            if not hasattr(module, function): continue
            monkeypatch.setattr(module, function, alone(kind, getattr(module, function)))
    if getattr(model, 'dist', None): model.dist = alone('dist', model.dist)

    def note(player):                                    # a player may step more than once
        gradient = found.setdefault(player, {})
        for name, weight in model.named_parameters():
            if weight.grad is not None and weight.grad.any():
                gradient[name] = gradient.get(name, 0) + weight.grad
            weight.grad = None
    for player, optimiser in optimisers(model).items(): optimiser.step = partial(note, player)
    set_seed(1)
    model.train().step(x)
    monkeypatch.undo()
    assert term is None or term in seen, f'no {term} among {sorted(seen)}'
    return found, seen


def networks_of(weights):
    return {name.split('.')[0] for name in weights}


def check_flow(model, x, term, moves, monkeypatch):
    "Player k (of `opt_k`) gives a gradient to every weight of exactly the networks that `moves` names for it"
    found, _ = gradients(model, x, monkeypatch, term)
    for player, gradient in found.items():
        expected = {*moves.get(player, '').split()}
        moved = networks_of(gradient)
        assert moved == expected, f'{term} of player {player} moves {sorted(moved)}'
        weights = {name for name, _ in model.named_parameters() if name.split('.')[0] in expected}
        still = weights - {*gradient}
        assert not still, f'{term} of player {player} does not reach {sorted(still)}'
        assert all(values.isfinite().all() for values in gradient.values())
    assert {*moves} <= {*found}


def own_networks(name):
    "Player → networks that its optimiser holds: whom all terms together should move, if nothing else is said"
    model = make(name, 4, {})
    owners = {}
    for player, optimiser in optimisers(model).items():
        held = {id(weight) for group in optimiser.param_groups for weight in group['params']}
        weights = [name for name, weight in model.named_parameters() if id(weight) in held]
        owners[player] = ' '.join(sorted(networks_of(weights)))
    return owners


def same(a, b, rtol=1e-6):
    "Equal gradients; a weight that is missing has none"
    for name in {*a, *b}:
        u = a.get(name, torch.zeros(()))
        v = b.get(name, torch.zeros(()))
        if v.ndim == 0: v = v.expand_as(u)
        assert torch.allclose(u, v, rtol, rtol*max(u.abs().max(), v.abs().max()).item()), name


# What networks say, in NumPy

class AsNumpy:
    "A network as a function of arrays: float64 in, float64 out"
    def __init__(self, function): self.function = function

    def __call__(self, *arrays):
        inputs = [torch.tensor(np.asarray(array), dtype=torch.float32) for array in arrays]
        with torch.no_grad(): return self.function(*inputs).numpy().astype(float)

    def __getattr__(self, name): return AsNumpy(getattr(self.function, name))


class Outputs:
    "The networks of a model in evaluation mode, each `AsNumpy`"
    def __init__(self, model): self.m = model.eval()

    def __getattr__(self, name): return AsNumpy(getattr(self.m, name))


@pytest.fixture(scope='module')
def fitted():
    "Each method after an epoch, so that norms and weights are no longer those of the beginning"
    kept = {}

    def get(name, settings, shape):
        key = name, shape, str(settings)
        if key not in kept:
            model = make(name, shape, settings)
            known = dict(known=model.known) if model.labelled else {}
            kept[key] = model.fit(toy_rows(shape, 64), epochs=1, bs=32, progress=False, **known)
        return kept[key]
    return get


def odd_and_even(shape):
    return torch.cat([toy_rows(shape, 20, seed=3), toy_rows(shape, 20, seed=3, odd=True)])
