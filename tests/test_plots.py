"ganad.plots: what is drawn, in which colour, to which bytes, and what is refused"
import subprocess,sys
import numpy as np, pytest, torch
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from ganad import metrics,plots
from ganad.plots import (ANOMALOUS, CURVES, GENERATED, MUTED, NORMAL, image_grid, leaderboard,
                         plot_losses, png, reconstructions, roc_pr, score_field, score_hist)

R = np.random.default_rng(0)
Y = np.repeat([0,1], [80,20])
S = R.normal(size=100) + 2*Y
X = torch.tensor(R.uniform(-1, 1, (10,3,8,8)), dtype=torch.float32)
ROWS = [dict(name='ALAD', auroc=.9, baseline=False, sd=.02), dict(name='PCA', auroc=.7, baseline=True),
        dict(name='kNN', auroc=.95, baseline=True)]

DRAW = dict(
    losses=lambda **k: plot_losses(dict(d=[1.,.5,.4,.6]*9, g=[.7,.8]*18), **k),
    grid=lambda **k: image_grid(X, n=7, ncols=3, title='seven', **k),
    gray=lambda **k: image_grid(X[:,:1], **k),
    rec=lambda **k: reconstructions(X, X*.9, scores=torch.arange(10.), **k),
    hist=lambda **k: score_hist(Y, S, **k),
    field=lambda **k: score_field(lambda q: q.norm(dim=1), 2, torch.randn(9, 2), [0]*8+[1], n=20, **k),
    board=lambda **k: leaderboard(ROWS, **k))
ALL = {**DRAW, 'roc_pr': lambda: roc_pr(Y, dict(good=S, bad=-S))}

@pytest.mark.parametrize('name', ALL)
def test_draws_a_figure_with_stable_bytes(name):
    fig = ALL[name]()
    assert isinstance(fig, Figure)
    a = png(fig)
    assert a[:8]==b'\x89PNG\r\n\x1a\n' and len(a)>500 and b'Software' not in a and b'atplotlib' not in a
    assert a==png(fig)

@pytest.mark.parametrize('name', ['losses','grid','hist','board','rec','roc_pr'])
def test_same_input_same_bytes(name): assert png(ALL[name]())==png(ALL[name]())

def test_dpi_scales_the_picture():
    fig = score_hist(Y, S)
    w = lambda b: int.from_bytes(b[16:20], 'big')
    assert w(png(fig, 180)) == pytest.approx(2*w(png(fig, 90)), abs=3)

@pytest.mark.parametrize('name', DRAW)
def test_draws_on_the_axes_that_it_is_given(name):
    fig = Figure(); ax = fig.add_subplot()
    out = DRAW[name](ax=ax)
    assert out is ax and isinstance(out, Axes) and (ax.lines or ax.images or ax.patches)
    png(fig)

def test_a_picture_shows_itself_and_leaves_pyplot_alone():
    fig = score_hist(Y, S)
    assert fig._repr_png_()==png(fig)
    code = ("import sys; from ganad.plots import *\n"
            "png(leaderboard([dict(name='a', auroc=.5, baseline=True)]))\n"
            "assert 'matplotlib.pyplot' not in sys.modules")
    subprocess.run([sys.executable,'-c',code], check=True)

def test_import_forces_no_backend():
    code = "import matplotlib as m; m.use('svg'); import ganad.plots; assert m.get_backend().lower()=='svg'"
    subprocess.run([sys.executable,'-c',code], check=True)

def test_colours_mean_one_thing():
    assert len({NORMAL,ANOMALOUS,GENERATED,MUTED,*CURVES})==9
    faces = {to_hex(p.get_facecolor()).upper() for p in score_hist(Y, S).axes[0].patches}
    assert faces=={NORMAL,ANOMALOUS}
    dots = [to_hex(c.get_facecolor()[0]).upper() for c in DRAW['field']().axes[0].collections]
    assert dots==[NORMAL,ANOMALOUS]
    assert {l.get_color() for l in DRAW['losses']().axes[0].lines} <= set(CURVES)
    bars = leaderboard(ROWS).axes[0].patches
    assert [to_hex(p.get_facecolor()).upper() for p in bars]==[MUTED,CURVES[0],MUTED]    # PCA, ALAD, kNN
    assert [p.get_width() for p in bars]==[.7,.9,.95]
    assert reconstructions(X, X).axes[0].get_yticklabels()[1].get_color()==GENERATED

def test_legend_says_the_areas_and_the_base_rate():
    a,b = [[t.get_text() for t in ax.get_legend().get_texts()] for ax in roc_pr(Y, dict(good=S)).axes]
    assert a==[f'good  {metrics.auroc(Y, S):.3f}','chance  0.500']
    assert b==[f'good  {metrics.auprc(Y, S):.3f}','base rate  0.200']

@pytest.mark.parametrize('levels', [None,2])
def test_the_drawn_curves_have_the_area_that_the_legend_claims(levels):
    s = S if levels is None else np.round(S*levels)/levels
    roc,pr = roc_pr(Y, dict(m=s)).axes
    f,t = roc.lines[0].get_data(); r,p = pr.lines[0].get_data()
    assert np.sum(np.diff(f)*(t[1:]+t[:-1])/2)==pytest.approx(metrics.auroc(Y, s))
    assert np.sum(-np.diff(r)*p[:-1])==pytest.approx(metrics.auprc(Y, s))   # steps-post

def test_histogram_keeps_every_row_though_one_score_is_huge():
    s = S.copy(); s[-1] = 1e9
    ax = score_hist(Y, s).axes[0]
    assert ax.get_xlim()[1]<100 and sum(p.get_height()*p.get_width() for p in ax.patches)==pytest.approx(2)

def test_grid_holds_the_pixels():
    x = torch.full((3,1,4,4), -1.); x[1] = 1; x[2] = 0
    m = image_grid(x, ncols=2).axes[0].images[0].get_array()
    assert m.shape==(9,9,3) and (m[:4,:4]==0).all()
    assert (m[:4,5:]==1).all() and (m[5:,:4]==.5).all() and (m[5:,5:]==1).all()
    x = -torch.ones(1,3,4,4); x[0,0] = 1                               # red
    assert image_grid(x).axes[0].images[0].get_array()[0,0].tolist()==[1,0,0]

def test_reconstructions_differ_where_they_differ():
    xr = X.clone(); xr[2,:,3,4] = -X[2,:,3,4].sign()
    m = reconstructions(X, xr, n=4).axes[0].images[0].get_array()      # tiles of 8 pixels, 1 apart
    assert (m[:8]==m[9:17]).all(-1).sum() == m[:8].shape[0]*m.shape[1] - 1
    heat = np.asarray(m[18:]).sum(-1); heat[:,8::9] = 0                # without the white gaps
    assert np.unravel_index(heat.argmax(), heat.shape)==(3, 2*9+4)

def test_smoothing_keeps_a_constant_and_shows_the_raw_line():
    ax = plot_losses(dict(d=[2.]*40)).axes[0]
    assert len(ax.lines)==2 and all(np.allclose(l.get_ydata(), 2) for l in ax.lines)
    assert len(plot_losses(dict(d=[1.,2.]), smooth=0).axes[0].lines)==1

def test_field_is_not_transposed_or_flipped():
    a = lambda f: np.asarray(score_field(f, 1, n=9).axes[0].images[0].get_array())
    x,y = a(lambda q: q[:,0]),a(lambda q: q[:,1])
    assert (np.diff(x, axis=1)>0).all() and (np.diff(x, axis=0)==0).all() and (np.diff(y, axis=0)>0).all()

def test_nan_images_and_constant_scores_are_drawn():
    png(image_grid(np.full((2,1,4,4), np.nan)))
    png(score_hist(Y, np.ones(100))); png(reconstructions(X, X)); png(roc_pr(Y, dict(same=np.ones(100))))
    png(plot_losses(dict(a=[1.], b=[])))

@pytest.mark.parametrize('draw,why', [
    (lambda: image_grid(X[0]), r'as \(N, C, H, W\)'), (lambda: image_grid(X[:0]), 'at least one'),
    (lambda: image_grid(X.permute(0,2,3,1)), 'C of 1 or 3'),
    (lambda: reconstructions(X, X[:5]), 'one shape'),
    (lambda: reconstructions(X, X.flatten(1)), 'reconstructions of shape'),
    (lambda: plot_losses({}), 'no losses'),
    (lambda: plot_losses(dict(d=[])), 'no losses'),
    (lambda: plot_losses(dict(d=[1.]), smooth=1), 'weight of the past'),
    (lambda: score_hist(Y, S>0), 'binary predictions'),
    (lambda: score_hist(Y, S[:-1]), '99 scores for 100 labels'),
    (lambda: roc_pr(Y, {}), 'no scores'),
    (lambda: roc_pr(Y*0, dict(a=S)), 'all 100 labels are 0'),
    (lambda: score_field(lambda q: q, 1), 'one number a row'),
    (lambda: score_field(lambda q: q[:,0], 1, torch.zeros(5, 3)), r'give \(N, 2\)'),
    (lambda: leaderboard([]), 'no rows'),
    (lambda: leaderboard([dict(name='m', auroc=float('nan'), baseline=True)]), 'failed runs')])
def test_bad_input_is_one_clear_line(draw, why):
    with pytest.raises(ValueError, match=why) as e: draw()
    assert '\n' not in str(e.value)
