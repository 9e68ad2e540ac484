"How many parameters each layer of a paper's networks has, by hand from the tables of the papers"
import inspect
import json
from functools import partial

import pytest
import torch
from ganad import papernets
from ganad.contract import toy_rows
from ganad.core import ShapeError, set_seed
from ganad.models.alad import ALAD
from ganad.models.alad64 import ALAD64
from ganad.models.anogan import AnoGAN
from ganad.models.egbad import EGBAD
from ganad.models.ganomaly import GANomaly
from ganad.models.imbalance import TwoDiscriminators
from ganad.networks import Critic, Skip
from project import NUMBERED, name_of
from torch import nn
from tracing import ready

EGBAD_MNIST = dict(
    # conv3 1→32, conv3 32→64, BN, conv3 64→128, BN, FC 6272→200
    E=[320, 18_496, 128, 73_856, 256, 1_254_600],
    # FC 200→1024, BN, FC →6272, BN, convT4 128→64, BN, convT4 64→1
    G=[205_824, 2_048, 6_428_800, 12_544, 131_136, 128, 1_025],
    # x: conv4 1→64, conv4 64→64, BN; z: FC 200→512; FC 3648→1024, FC →1
    D=[1_088, 65_600, 128, 102_912, 3_736_576, 1_025])
EGBAD_KDD = dict(
    E=[7_808, 2_080],                                            # FC 121→64→32
    G=[2_112, 8_320, 15_609],                                    # FC 32→64→128→121
    D=[15_616, 4_224, 32_896, 129])                              # x: FC 121→128; z: FC 32→128; FC 256→128→1


def ganomaly_32(channels):
    "No bias anywhere but in the norms; nz 100, 64 channels"
    down = [1_024*channels, 131_072, 256, 524_288, 512]          # conv4 c→64, 64→128, BN, 128→256, BN
    up = [524_288, 256, 131_072, 128, 1_024*channels]            # convT4 256→128, BN, 128→64, BN, 64→c
    return dict(E=down + [409_600],                              # conv4 256→100
                E2=down + [409_600],
                G=[409_600, 512] + up,                           # convT4 100→256, BN
                D=down + [4_096])                                # conv4 256→1


# nz 100; no norm after the first convolution of D, one in E
ALAD_CIFAR10 = dict(
    # conv4 3→128, BN, 128→256, BN, 256→512, BN, 512→100
    E=[6_272, 256, 524_544, 512, 2_097_664, 1_024, 819_300],
    # convT4 100→512, BN, 512→256, BN, 256→128, BN, 128→3
    G=[819_712, 1_024, 2_097_408, 512, 524_416, 256, 6_147],
    D=[6_272, 524_544, 512, 2_097_664, 1_024,                    # x: as E
       51_712, 262_656,                                          # z: FC 100→512→512
       8_913_920, 1_025],                                        # FC 8704→1024→1
    # conv5 3→64, 64→128; FC 16·8·128→1 (one above the other)
    Dxx=[4_864, 204_928, 16_385],
    Dzz=[12_864, 2_080, 33])                                     # FC 200→64→32→1
ALAD_KDD = dict(
    E=[7_808, 2_080],                                            # FC 121→64→32
    G=[2_112, 8_320, 15_609],                                    # FC 32→64→128→121
    # x: FC 121→128, BN; z: FC 32→128; FC 256→128→1
    D=[15_616, 256, 4_224, 32_896, 129],
    Dxx=[31_104, 129],                                           # FC 242→128→1
    Dzz=[2_080, 33])                                             # FC 64→32→1
ALAD_ARRHYTHMIA = dict(
    E=[70_400, 32_896, 8_256],                                   # FC 274→256→128→64
    G=[8_320, 33_024, 70_418],                                   # FC 64→128→256→274
    # x: FC 274→128, BN; z: FC 64→128; FC 256→256→1
    D=[35_200, 256, 8_320, 65_792, 257],
    Dxx=[140_544, 32_896, 129],                                  # FC 548→256→128→1
    Dzz=[8_256, 2_080, 33])                                      # FC 128→64→32→1

# one more block in E, G and D. Its channels are not given,
ALAD64_100 = dict(
    # 64 is the lesson's. conv4 3→64, BN, 64→128, BN, then as above
    E=[3_136, 128, 131_200, 256, *ALAD_CIFAR10['E'][2:]],
    # …, convT4 128→64, BN, and last 64→3 (no BN, no ReLU: see Deviations)
    G=[*ALAD_CIFAR10['G'][:6], 131_136, 128, 3_075],
    # conv4 3→64, BN; 64→128, without, as the first of 32×32; then as above
    D=[3_136, 128, 131_200, *ALAD_CIFAR10['D'][1:]],
    Dxx=[4_864, 204_928, 65_537],                                # the same two layers; FC 32·16·128→1
    Dzz=ALAD_CIFAR10['Dzz'])

# nz 200; biases before the norms are TensorFlow's, and are kept
ANOGAN_MNIST = dict(
    # FC 200→1024, BN, FC →6272, BN, convT4 128→64, BN, convT4 64→1
    G=EGBAD_MNIST['G'],
    # conv4 1→64, conv4 64→64, BN, FC 3136→1024, BN, FC →1
    D=[1_088, 65_600, 128, 3_212_288, 2_048, 1_025])
ANOGAN_KDD = dict(
    G=EGBAD_KDD['G'],
    D=[31_232, 32_896, 16_512, 129])                             # FC 121→256→128→128→1
ANOGAN_CIFAR10 = dict(
    G=ALAD_CIFAR10['G'],
    D=[6_272, 524_544, 512, 2_097_664, 1_024, 8_193])            # conv4 3→…→512; FC 8192→1
ANOGAN_ARRHYTHMIA = dict(
    G=ALAD_ARRHYTHMIA['G'],
    D=[70_400, 32_896, 129])                                     # FC 274→256→128→1

# conv4 3→8, 8→16, 16→32, 32→64, 64→32; norms in the middle three
KIM_D = [384, 2_048, 16*2, 8_192, 32*2, 32_768, 64*2, 32_768]
# no bias; a norm has 2 weights a channel; 97,744 and 76,384 in all
KIM = dict(
    G=[384, 2_048, 16*2, 8_192, 32*2, 32_768, 64*2,              # conv4 3→8, 8→16, N, 16→32, N, 32→64, N
       # convT4 64→32, N, 64→16, N, 32→8, N, 16→3: joined side by side
       32_768, 32*2, 16_384, 16*2, 4_096, 8*2, 768],
    Dn=KIM_D, Da=KIM_D)
# 1→64→128→64→32→1: 296,448 + 448 in norms ("296K")
REPORT_D = [1_024, 131_072, 128*2, 131_072, 64*2, 32_768, 32*2, 512]
# stages are added; 5,507,072 + 2,688 in norms ("5.5M")
REPORT = dict(
    G=[1_024, 131_072, 128*2, 524_288, 256*2, 2_097_152, 512*2,
       2_097_152, 256*2, 524_288, 128*2, 131_072, 64*2, 1_024],
    Dn=REPORT_D, Da=REPORT_D)

anogan = partial(AnoGAN.paper, steps=3)
# constructor, {network: [parameters of each layer that has some]}
PAPERS = {
    'egbad-mnist':              (partial(EGBAD.paper, 'mnist'), EGBAD_MNIST),
    'egbad-kdd99':              (partial(EGBAD.paper, 'kdd99'), EGBAD_KDD),
    'alad-cifar10':             (partial(ALAD.paper, 'cifar10'), ALAD_CIFAR10),
    'alad-svhn':                (partial(ALAD.paper, 'svhn'), ALAD_CIFAR10),
    'alad-kdd99':               (partial(ALAD.paper, 'kdd99'), ALAD_KDD),
    'alad-arrhythmia':          (partial(ALAD.paper, 'arrhythmia'), ALAD_ARRHYTHMIA),
    'ganomaly-32, grey':        (partial(GANomaly.paper, 32), ganomaly_32(1)),
    'ganomaly-32, colour':      (partial(GANomaly.paper, 32, 3), ganomaly_32(3)),
    'alad64-100':               (ALAD64.paper, ALAD64_100),
    'anogan-mnist':             (partial(anogan, 'mnist'), ANOGAN_MNIST),
    'anogan-kdd99':             (partial(anogan, 'kdd99'), ANOGAN_KDD),
    'anogan-cifar10':           (partial(anogan, 'cifar10'), ANOGAN_CIFAR10),
    'anogan-arrhythmia':        (partial(anogan, 'arrhythmia'), ANOGAN_ARRHYTHMIA),
    'twodiscriminators-kim':    (partial(TwoDiscriminators.paper, 'kim', 3), KIM),
    'twodiscriminators-report': (partial(TwoDiscriminators.paper, 'report', 1), REPORT),
}
WITH_PARAMETERS = nn.Linear, nn.modules.conv._ConvNd, nn.modules.batchnorm._BatchNorm, nn.GroupNorm


def layers(net):
    "Parameters of each layer that has some, in the order in which rows, then codes, then both pass them"
    parts = [net.fx, net.fz, net.joint, net.head] if isinstance(net, Critic) else [net]
    modules = [module for part in parts if part is not None for module in part.modules()]
    found = [module for module in modules if isinstance(module, WITH_PARAMETERS)]
    return [sum(weights.numel() for weights in layer.parameters()) for layer in found]


@pytest.mark.parametrize('new,networks', PAPERS.values(), ids=PAPERS)
def test_paper_has_as_many_weights_as_its_tables_say(new, networks):
    model = new()
    assert {name: layers(getattr(model, name)) for name in networks} == networks
    in_all = sum(weights.numel() for weights in model.parameters())
    assert in_all == sum(map(sum, networks.values())), 'there is something else'


DIFFERENT = [name for name in PAPERS if name != 'alad-svhn']     # svhn's are cifar10's


@pytest.mark.parametrize('name', DIFFERENT)
def test_a_row_alone_scores_the_same_in_the_papers_networks(name):
    new, _ = PAPERS[name]
    set_seed(0)
    model = ready(new())
    x = toy_rows(model.shape, 3)
    model.train().step(x)                                        # running averages that are not 0 and 1
    torch.testing.assert_close(model.score(x, bs=1), model.score(x), rtol=1e-4, atol=1e-6)


# What a paper's configuration says besides its layers

def score_of(model):
    "Which score it is, by the names that its method gives to scores"
    if hasattr(model, 'by'): return model.by
    if isinstance(model, AnoGAN): return f'{1-model.lam:g} pixels + {model.lam:g} {model.l_d.__name__}'
    if isinstance(model, EGBAD):
        return f'{model.alpha:g} {model.l_g.__name__} + {1-model.alpha:g} {model.l_d.__name__}'
    if isinstance(model, GANomaly): return ' '.join(model.score_names())
    return model.error.__name__


ANOGAN_SCORE = '0.9 pixels + 0.1 features'
EGBAD_SCORE = '0.9 l1 + 0.1 features'
# score, decay of the average, latent size, step size; and what the lesson says of epochs and batches
STATED = {
    'egbad-mnist':       (EGBAD_SCORE, .999, 200, 1e-5, 'fit(x, epochs=100, bs=100)'),
    'egbad-kdd99':       (EGBAD_SCORE, .9999, 32, 1e-5, 'KDD99 had 50 epochs of batches of 50.'),
    'alad-cifar10':      ('features', .999, 100, 2e-4, 'fit(x, epochs=100, bs=32, val=v)'),
    'alad-svhn':         ('features', .999, 100, 2e-4, 'fit(x, epochs=100, bs=32, val=v)'),
    'alad-kdd99':        ('features', .999, 32, 1e-5, 'KDD99 had 100 epochs of batches of 50,'),
    'alad-arrhythmia':   ('features', .999, 64, 1e-5, 'arrhythmia 1000 of batches of 32.'),
    'ganomaly-32, grey':   ('codes', 0, 100, 2e-4, 'fit(x, epochs=15, bs=64)'),
    'ganomaly-32, colour': ('codes', 0, 100, 2e-4, 'fit(x, epochs=15, bs=64)'),
    'alad64-100':        ('features', .999, 100, 2e-4, '| 100, .0002, .999, 32 | 100, .0002, .999, 64 |'),
    'anogan-mnist':      (ANOGAN_SCORE, .999, 200, 1e-5, 'fit(x, epochs=100, bs=100)'),
    'anogan-kdd99':      (ANOGAN_SCORE, .9999, 32, 1e-5, 'KDD99 had 50 epochs of batches of 50,'),
    'anogan-cifar10':    (ANOGAN_SCORE, .999, 100, 2e-4, 'CIFAR-10 up to 100 epochs of batches of 32,'),
    'anogan-arrhythmia': (ANOGAN_SCORE, .999, 64, 1e-5, 'Arrhythmia 1000 of batches of 32.'),
    'twodiscriminators-kim':    ('error', 0, None, 1e-4, '| epochs | 300 |'),
    'twodiscriminators-report': ('error', 0, None, 1e-4, '| batch | 1 | 1 |'),
}
LESSONS = {cls: next(path for path in NUMBERED if name_of(path)==page)
           for cls, page in {EGBAD: 'egbad', ALAD: 'alad', ALAD64: 'alad64', GANomaly: 'ganomaly',
                             AnoGAN: 'anogan', TwoDiscriminators: 'imbalance'}.items()}


def prose(notebook):
    cells = json.loads(notebook.read_text(encoding='utf-8'))['cells']
    return ' '.join(''.join(cell['source']) for cell in cells if cell['cell_type']=='markdown')


@pytest.mark.parametrize('name', PAPERS)
def test_paper_sets_what_the_paper_says(name):
    "Score, average, latent and step size; epochs and batches are for `fit`, and the lesson states them"
    new, _ = PAPERS[name]
    score, average, nz, lr, training = STATED[name]
    model = new()
    assert (score_of(model), model.ema) == (score, average)
    assert getattr(model, 'nz', nz) == nz
    optimisers = {key: value for key, value in vars(model).items() if key.startswith('opt_')}
    assert {group['lr'] for value in optimisers.values() for group in value.param_groups} == {lr}
    assert getattr(model, 'w_rec', 0) == 0, 'a residual loss is ours'
    assert training in ' '.join(prose(LESSONS[type(model)]).split())


def images_of(model, nz):
    "What the generator makes of codes, or a U-Net of pictures, when its last layer is pushed hard"
    net = model.G
    last = [layer for layer in net.modules() if isinstance(layer, nn.ConvTranspose2d)][-1]
    with torch.no_grad(): last.weight.mul_(1e3)
    given = toy_rows(model.shape, 3) if isinstance(net, Skip) else torch.randn(3, nz)
    with torch.no_grad(): return net(given)


OF_IMAGES = [name for name in PAPERS if not name.endswith(('kdd99', 'arrhythmia'))]


@pytest.mark.parametrize('name', OF_IMAGES)
def test_images_of_the_papers_stay_in_the_range_of_pixels(name):
    "tanh at the end: whatever the weights, nothing leaves [-1,1], and both ends are reached"
    new, _ = PAPERS[name]
    set_seed(0)
    model = new()
    images = images_of(model, nz=STATED[name][2])
    assert images.abs().max() <= 1
    assert images.min() < -.9 and images.max() > .9


PUBLIC = [getattr(papernets, name) for name in papernets.__all__]
FAMILIES = [public for public in PUBLIC if hasattr(public, 'critic')]
each_family = pytest.mark.parametrize('family', FAMILIES, ids=lambda family: family.__name__)


@each_family
@pytest.mark.parametrize('shape', [50, 121, (274,), (1, 8, 8), (1, 28, 28), (3, 32, 32), (2, 16, 24)],
                         ids=str)
def test_rows_of_another_shape_are_refused_at_once(family, shape):
    "Either these networks are for rows of this shape, or they say so before anything is built"
    try:
        networks = family(shape)
    except ShapeError as error:
        assert error.mend
        return
    arguments = dict(z=5) if 'z' in inspect.signature(networks.critic).parameters else {}
    rows = torch.zeros(2, *([shape] if isinstance(shape, int) else shape))
    codes = [torch.zeros(2, 5)] if arguments else []
    assert len(networks.critic(**arguments)(rows, *codes)) == 2


@each_family
def test_a_critic_judges_as_many_rows_as_it_is_asked_for(family):
    "Or it has no such argument"
    networks = family((3, 32, 32)) if family is papernets.GanomalyImages else family()
    if 'x' not in inspect.signature(networks.critic).parameters:
        with pytest.raises(TypeError): networks.critic(x=2)
        return
    for x in (1, 2): assert networks.critic(x=x, z=5 if x == 1 else 0).n_x == x


def test_networks_for_other_rows_end_in_one_line():
    with pytest.raises(ShapeError, match=r'for rows of shape \(121,\), not \(50,\)'):
        EGBAD(50, nets=papernets.EgbadKdd99)
