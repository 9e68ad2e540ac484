"The explorers without a browser: a control moves, picture and text follow"
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch

pytest.importorskip('ipywidgets')
from ganad import widgets
from ganad.core import DataError, is_live_notebook
from ganad.metrics import fpr_at


@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    y = rng.random(600)<.2
    return y.astype(int), rng.normal(size=600)+2*y


def changes(explorer, **values):
    "What an explorer says after a control moved; picture and text must differ from before"
    picture, text = bytes(explorer.image.value), explorer.text
    explorer.set(**values)
    assert bytes(explorer.image.value)!=picture
    assert explorer.text!=text and explorer.line.value==explorer.text
    return explorer.text


def test_threshold(labelled):
    y, s = labelled
    explorer = widgets.threshold(y, s)
    at = np.sort(s[y==1])[int(.05*(y==1).sum())]            # 95 % of the anomalies lie there or above
    said = changes(explorer, at=at)
    shown = explorer.controls['at'].value                   # a slider moves in steps
    caught, flagged = (s[y==1]>shown).mean(), (s[y==0]>shown).mean()
    assert f'{caught:.0%} of anomalies caught, {flagged:.1%} of normals flagged' in said
    assert flagged==pytest.approx(fpr_at(y, s), abs=.03)
    precision = .01*caught/(.01*caught + .99*flagged)
    assert f'precision {precision:.0%}' in changes(explorer, rate=.01)
    said = changes(explorer, at=s.max()+1)
    shown = explorer.controls['at'].value                   # a slider keeps to its ends
    assert said.startswith(f'threshold {shown:.3g}')


@pytest.mark.parametrize('frame', [torch.randn(30, 2), torch.rand(4, 1, 8, 8)], ids=['points', 'images'])
def test_training(frame):
    history = dict(d=[*np.linspace(2, 1, 40)], g=[*np.linspace(0, 1, 40)])
    explorer = widgets.training(history, {0: frame, 20: frame*.5, 40: frame*.1})
    assert explorer.controls['step'].value==40
    assert f"d {np.mean(history['d'][:20]):.2f}" in changes(explorer, step=20)


def test_latent_walks():
    def gen(z): return torch.tanh(z.sum(1).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)*torch.linspace(.1, 1, 8))
    explorer = widgets.latent(gen, [1., 0., 0.], [0., 0., 2.])
    assert explorer.text.startswith('code of length 1.00')
    assert changes(explorer, way=1.).startswith('code of length 2.00')
    assert changes(explorer, way=0., z1=2.).startswith(f'code of length {5**.5:.2f}')
    assert list(widgets.latent(gen, torch.zeros(2)).controls)==['z0', 'z1']


def test_search_steps():
    x = torch.rand(1, 8, 8)
    explorer = widgets.search(x, [x*share for share in (0, .5, 1)], [3., 2., 1.])
    assert changes(explorer, step=1)=='step 1 of 2: 2.000 left over, 1.000 at best'
    with pytest.raises(DataError, match='3 frames but 2 losses'): widgets.search(x, [x]*3, [1., 2.])


def test_a_notebook_without_kernel_shows_the_picture(labelled):
    explorer = widgets.threshold(*labelled)
    assert explorer._repr_mimebundle_()=={} and explorer._repr_png_()[1:4]==b'PNG'


def test_a_live_notebook_shows_the_controls(labelled, monkeypatch):
    monkeypatch.setattr(widgets, 'is_live_notebook', lambda: True)
    assert 'application/vnd.jupyter.widget-view+json' in widgets.threshold(*labelled)._repr_mimebundle_()


def test_without_ipywidgets(labelled, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ipywidgets', None)
    with pytest.raises(ImportError, match=r"pip install 'ganad\[widgets\]'"): widgets.threshold(*labelled)


@pytest.mark.parametrize('config, is_live', [({}, False), (dict(IPKernelApp={}), True), (None, False)])
def test_a_slider_is_live_where_a_kernel_answers(config, is_live, monkeypatch):
    "A notebook has one; a terminal of IPython, or a script in which it was only imported, has none"
    shell = None if config is None else SimpleNamespace(config=config)
    monkeypatch.setitem(sys.modules, 'IPython', SimpleNamespace(get_ipython=lambda: shell))
    assert is_live_notebook() == is_live
