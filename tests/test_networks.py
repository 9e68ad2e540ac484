"Families of networks, at sizes that the notebooks leave out"
import pytest
import torch
from ganad.core import ShapeError, set_seed
from ganad.networks import Conv, Critic, Skip, UNet, _side_by_side
from torch import nn


@pytest.mark.parametrize('size', range(1, 70))
def test_every_size_of_image_works_or_is_refused(size):
    try:
        networks = Conv((1, size, size), ch=2)
    except ShapeError as error:
        what = f'images of {size} pixels cannot be halved down to 3 to 7'
        assert str(error) == f'{what}; resize them to 8, 32 or 64'
        return
    x, z = torch.zeros(2, 1, size, size), torch.zeros(2, 3)
    assert networks.gen(3)(z).shape == x.shape
    assert networks.enc(3)(x).shape == z.shape
    assert networks.critic(z=3)(x, z).shape == (2,)


@pytest.mark.parametrize('make', [lambda: Conv((1, 8, 8), ch=4).gen(3), lambda: UNet((1, 8, 8)).gen()],
                         ids=['Conv', 'UNet'])
def test_generated_images_stay_in_the_range_of_pixels(make):
    "tanh at the end: whatever the weights, nothing leaves [-1,1], and both ends are reached"
    set_seed(0)
    net = make()
    last = [layer for layer in net.modules() if isinstance(layer, nn.ConvTranspose2d)][-1]
    with torch.no_grad():
        last.weight.mul_(1e3)
        images = net(torch.randn(5, 1, 8, 8) if isinstance(net, Skip) else torch.randn(5, 3))
    assert images.abs().max() <= 1
    assert images.min() < -.9 and images.max() > .9


def test_a_stage_of_the_decoder_stands_before_the_skipped_one():
    "Weights that were learned in one order mean something else in the other, and models are kept in files"
    one, two = torch.zeros(1, 2, 4, 4), torch.ones(1, 3, 4, 4)
    assert _side_by_side(one, two)[0, :, 0, 0].tolist() == [0, 0, 1, 1, 1]

    seen = []

    def noted(decoded, skipped):
        seen.append((decoded.item(), skipped.item()))
        return decoded
    net = Skip([nn.Identity()]*3, [nn.Identity()]*3, noted)
    stages = [torch.tensor(float(stage)) for stage in (1, 2, 3)]
    assert net.dec(stages) == 3                                  # nothing but the code has passed
    assert seen == [(3, 2), (3, 1)]                  # the decoder's, then the encoder's, deepest first


@pytest.mark.parametrize('n_x', [1, 2])
def test_a_critic_puts_rows_before_codes(n_x):
    "And what comes first stays first"
    critic = Critic(n_x, nn.Flatten(), nn.Flatten(), nn.Identity(), nn.Linear(1, 1))
    inputs = [torch.full((1, 1), float(place)) for place in range(n_x+2)]
    assert critic.features(*inputs)[0].tolist() == [*range(n_x+2)]
