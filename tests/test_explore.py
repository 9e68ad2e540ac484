"The explorers without a browser: a control moves, picture and text follow"
import sys
import numpy as np, pytest, torch
pytest.importorskip('ipywidgets')
from ganad import widgets as explore
from ganad.metrics import fpr_at

@pytest.fixture
def labelled():
    rng = np.random.default_rng(0)
    y = rng.random(600)<.2
    return y.astype(int),rng.normal(size=600)+2*y

def changes(e, **values):
    "What an explorer shows after a control moved; it must differ from before"
    was = bytes(e.image.value),e.text
    e.set(**values)
    assert bytes(e.image.value)!=was[0] and e.text!=was[1] and e.line.value==e.text
    return e.text

def test_threshold(labelled):
    y,s = labelled
    e = explore.threshold(y, s)
    at = np.sort(s[y==1])[int(.05*(y==1).sum())]                       # 95 % of the anomalies lie at or above; those above are flagged
    said = changes(e, at=at)
    r,f = (s[y==1]>e.controls['at'].value).mean(),(s[y==0]>e.controls['at'].value).mean()
    assert f'{r:.0%} of anomalies caught, {f:.1%} of normals flagged' in said and f==pytest.approx(fpr_at(y, s), abs=.03)
    assert f"precision {.01*r/(.01*r+.99*f):.0%}" in changes(e, rate=.01)
    assert changes(e, at=s.max()+1).startswith(f"threshold {e.controls['at'].value:.3g}")          # a slider keeps to its ends

def test_training_of_points_and_of_images():
    history = dict(d=[*np.linspace(2, 1, 40)], g=[*np.linspace(0, 1, 40)])
    for frame in torch.randn(30, 2),torch.rand(4, 1, 8, 8):
        e = explore.training(history, {0:frame, 20:frame*.5, 40:frame*.1})
        assert e.controls['step'].value==40
        assert f"d {np.mean(history['d'][:20]):.2f}" in changes(e, step=20)

def test_latent_walks():
    gen = lambda z: torch.tanh(z.sum(1).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)*torch.linspace(.1, 1, 8))
    e = explore.latent(gen, [1.,0.,0.], [0.,0.,2.])
    assert e.text.startswith('code of length 1.00')
    assert changes(e, way=1.).startswith('code of length 2.00')
    assert changes(e, way=0., z1=2.).startswith(f'code of length {5**.5:.2f}')
    assert list(explore.latent(gen, torch.zeros(2)).controls)==['z0','z1']

def test_search_steps():
    x = torch.rand(1, 8, 8)
    e = explore.search(x, [x*t for t in (0,.5,1)], [3.,2.,1.])
    assert changes(e, step=1)=='step 1 of 2: 2.000 left over, 1.000 at best'
    with pytest.raises(ValueError, match='3 frames but 2 losses'): explore.search(x, [x]*3, [1.,2.])

def test_a_notebook_without_kernel_shows_the_picture(labelled):
    e = explore.threshold(*labelled)
    assert e._repr_mimebundle_()=={} and e._repr_png_()[1:4]==b'PNG'

def test_a_live_notebook_shows_the_controls(labelled, monkeypatch):
    monkeypatch.setattr(explore, 'live', lambda: True)
    assert 'application/vnd.jupyter.widget-view+json' in explore.threshold(*labelled)._repr_mimebundle_()

def test_without_ipywidgets(labelled, monkeypatch):
    monkeypatch.setitem(sys.modules, 'ipywidgets', None)
    with pytest.raises(ImportError, match=r"pip install 'ganad\[widgets\]'"): explore.threshold(*labelled)
