"Pictures for the tests, drawn and packed in many ways"
import zipfile

import numpy as np
import pytest
from hypothesis import settings
from PIL import Image


few = settings(max_examples=60, deadline=None, derandomize=True)


def is_one_line(error): return '\n' not in str(error.value) and len(str(error.value))<400


@pytest.fixture
def pictures(tmp_path):
    folder = tmp_path/'pics'
    rng = np.random.default_rng(0)
    for name in ('good', 'bad'): (folder/name).mkdir(parents=True)
    for i in range(4):
        x = (rng.random((40, 30, 3))*255).astype('u1')
        Image.fromarray(x).save(folder/f'good/{i}.jpg')
    return folder


def of_type(kind, ending='png'):
    def save(x, path): Image.fromarray(x.astype(kind)).save(path.with_suffix(f'.{ending}'))
    return save


# ---- grey pictures that are saved in colour

def grain(*shape, seed=0): return np.random.default_rng(seed).integers(0, 256, shape).astype('u1')


def save_pictures(folder, pictures):
    "0.png, 1.png, …"
    folder.mkdir(parents=True, exist_ok=True)
    for i, x in enumerate(pictures): Image.fromarray(x).save(folder/f'{i}.png')
    return folder


def zipped(folder):
    path = folder.with_suffix('.zip')
    with zipfile.ZipFile(path, 'w') as archive:
        for file in sorted(folder.rglob('*.png')): archive.write(file, file.relative_to(folder))
    return path
