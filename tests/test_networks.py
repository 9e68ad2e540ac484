"Families of networks, at sizes that the notebooks leave out"
import pytest
import torch
from ganad.core import ShapeError
from ganad.networks import Conv


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
