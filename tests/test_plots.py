"ganad.plots: what is drawn, in which colour, to which bytes, and what is refused"
import io
import os
import subprocess
import sys
from types import SimpleNamespace

import numpy as np
import prepared
import pytest
import torch
from ganad import metrics, plots
from ganad.core import GanadError
from ganad.plots import (ANOMALOUS, CURVES, GENERATED, MUTED, NORMAL, image_grid, leaderboard, lesson_style,
                         plot_losses, png, reconstructions, roc_pr, score_field, score_hist)
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from PIL import Image
from project import ROOT

RNG = np.random.default_rng(0)
Y = np.repeat([0, 1], [80, 20])
S = RNG.normal(size=100) + 2*Y
X = torch.tensor(RNG.uniform(-1, 1, (10, 3, 8, 8)), dtype=torch.float32)
HISTORY = dict(d=[1., .5, .4, .6]*9, g=[.7, .8]*18)
ROWS = [dict(name='ALAD', auroc=.9, baseline=False, sd=.02), dict(name='PCA', auroc=.7, baseline=True),
        dict(name='kNN', auroc=.95, baseline=True)]


def radius(points): return points.norm(dim=1)
def first(points): return points[:, 0]
def second(points): return points[:, 1]


def draw_losses(**kw): return plot_losses(HISTORY, **kw)
def draw_grid(**kw): return image_grid(X, n=7, ncols=3, title='seven', **kw)
def draw_gray(**kw): return image_grid(X[:, :1], **kw)
def draw_reconstructions(**kw): return reconstructions(X, X*.9, scores=torch.arange(10.), **kw)
def draw_histogram(**kw): return score_hist(Y, S, **kw)
def draw_field(**kw): return score_field(radius, 2, torch.randn(9, 2), [0]*8 + [1], n=20, **kw)
def draw_board(**kw): return leaderboard(ROWS, **kw)
def draw_curves(): return roc_pr(Y, dict(good=S, bad=-S))


ON_AXES = [draw_losses, draw_grid, draw_gray, draw_reconstructions, draw_histogram, draw_field, draw_board]
REPEATABLE = [draw_losses, draw_grid, draw_histogram, draw_board, draw_reconstructions, draw_curves]


def pixels(fig): return np.asarray(fig.axes[0].images[0].get_array())


def width_of(content): return int.from_bytes(content[16:20], 'big')


@pytest.mark.parametrize('draw', [*ON_AXES, draw_curves])
def test_draws_a_figure_with_stable_bytes(draw):
    fig = draw()
    assert isinstance(fig, Figure)
    content = png(fig)
    assert content[:8]==b'\x89PNG\r\n\x1a\n' and len(content)>500
    assert b'Software' not in content and b'atplotlib' not in content
    assert content==png(fig)


@pytest.mark.parametrize('draw', REPEATABLE)
def test_same_input_same_bytes(draw): assert png(draw())==png(draw())


def test_dpi_scales_the_picture():
    fig = score_hist(Y, S)
    assert width_of(png(fig, 180)) == pytest.approx(2*width_of(png(fig, 90)), abs=3)


def test_fewer_colours_fewer_bytes_same_picture():
    fig = score_hist(Y, S)
    small = png(fig, colours=16)
    assert len(small) < len(png(fig)) and width_of(small)==width_of(png(fig))
    assert small==png(fig, colours=16)


@pytest.mark.parametrize('draw', ON_AXES)
def test_draws_on_the_axes_that_it_is_given(draw):
    fig = Figure()
    ax = fig.add_subplot()
    out = draw(ax=ax)
    assert out is ax and isinstance(out, Axes) and (ax.lines or ax.images or ax.patches)
    png(fig)


def test_a_picture_shows_itself_and_leaves_pyplot_alone():
    fig = score_hist(Y, S)
    content, size = fig._repr_png_()
    assert width_of(content) == pytest.approx(2*width_of(png(fig)), abs=3)          # sharp on a fine screen
    assert size['width'] == pytest.approx(width_of(png(fig)), abs=2)
    code = ("import sys; from ganad.plots import *\n"
            "png(leaderboard([dict(name='a', auroc=.5, baseline=True)]))\n"
            "assert 'matplotlib.pyplot' not in sys.modules")
    subprocess.run([sys.executable, '-c', code], check=True)


def test_import_forces_no_backend():
    code = "import matplotlib as m; m.use('svg'); import ganad.plots; assert m.get_backend().lower()=='svg'"
    assert prepared.run('-c', code, env={**os.environ, 'PYTHONPATH':ROOT}).returncode==0


def test_lesson_style_shows_figures_as_png_writes_them(monkeypatch):
    "A notebook is asked once, and a script is left alone"
    plt = pytest.importorskip('matplotlib.pyplot')
    plt.close(plt.figure())                                             # pyplot has met no notebook so far
    registered = {}
    formatter = SimpleNamespace(for_type=registered.__setitem__)
    shell = SimpleNamespace(display_formatter=SimpleNamespace(formatters={'image/png': formatter}))
    with plt.rc_context():
        monkeypatch.setitem(sys.modules, 'IPython', SimpleNamespace(get_ipython=lambda: None))
        lesson_style(77)
        assert plt.rcParams['figure.dpi']==77 and not registered
        monkeypatch.setitem(sys.modules, 'IPython', SimpleNamespace(get_ipython=lambda: shell))
        lesson_style(colours=8)
        fig = plt.figure()
        content, size = registered[Figure](fig)
        picture = Image.open(io.BytesIO(content))
        assert len(picture.getcolors())<=8 and picture.width == pytest.approx(2*size['width'], abs=1)
        assert not plt.get_fignums(), 'a figure that was shown is closed, else the cell shows it again'


def test_colours_mean_one_thing():
    assert len({NORMAL, ANOMALOUS, GENERATED, MUTED, *CURVES})==9
    faces = {to_hex(bar.get_facecolor()).upper() for bar in score_hist(Y, S).axes[0].patches}
    assert faces=={NORMAL, ANOMALOUS}
    dots = [to_hex(points.get_facecolor()[0]).upper() for points in draw_field().axes[0].collections]
    assert dots==[NORMAL, ANOMALOUS]
    assert {line.get_color() for line in draw_losses().axes[0].lines} <= set(CURVES)
    bars = leaderboard(ROWS).axes[0].patches
    colours = [to_hex(bar.get_facecolor()).upper() for bar in bars]
    assert colours==[MUTED, CURVES[0], MUTED]                           # PCA, ALAD, kNN
    assert [bar.get_width() for bar in bars]==[.7, .9, .95]
    labels = reconstructions(X, X).axes[0].get_yticklabels()
    assert [label.get_color() for label in labels]==['black', GENERATED, 'black']


def test_legend_says_the_areas_and_the_base_rate():
    legends = [ax.get_legend() for ax in roc_pr(Y, dict(good=S)).axes]
    roc, pr = [[text.get_text() for text in legend.get_texts()] for legend in legends]
    assert roc==[f'good  {metrics.auroc(Y, S):.3f}', 'chance  0.500']
    assert pr==[f'good  {metrics.auprc(Y, S):.3f}', 'base rate  0.200']


@pytest.mark.parametrize('levels', [None, 2])
def test_the_drawn_curves_have_the_area_that_the_legend_claims(levels):
    s = S if levels is None else np.round(S*levels)/levels
    roc, pr = roc_pr(Y, dict(m=s)).axes
    fpr, tpr = roc.lines[0].get_data()
    recall, precision = pr.lines[0].get_data()
    assert np.sum(np.diff(fpr)*(tpr[1:]+tpr[:-1])/2)==pytest.approx(metrics.auroc(Y, s))
    assert np.sum(-np.diff(recall)*precision[:-1])==pytest.approx(metrics.auprc(Y, s))         # steps-post


def test_histogram_keeps_every_row_though_one_score_is_huge():
    s = S.copy()
    s[-1] = 1e9
    ax = score_hist(Y, s).axes[0]
    area = sum(bar.get_height()*bar.get_width() for bar in ax.patches)
    assert ax.get_xlim()[1]<100 and area==pytest.approx(2)


def test_grid_holds_the_pixels():
    black_white_gray = torch.tensor([-1., 1., 0.]).view(3, 1, 1, 1).expand(3, 1, 4, 4)
    grid = pixels(image_grid(black_white_gray, ncols=2))
    assert grid.shape==(9, 9, 3) and (grid[:4, :4]==0).all()
    assert (grid[:4, 5:]==1).all() and (grid[5:, :4]==.5).all() and (grid[5:, 5:]==1).all()
    red = -torch.ones(1, 3, 4, 4)
    red[0, 0] = 1
    assert pixels(image_grid(red))[0, 0].tolist()==[1, 0, 0]


def test_reconstructions_differ_where_they_differ():
    xr = X.clone()
    xr[2, :, 3, 4] = -X[2, :, 3, 4].sign()
    lines = pixels(reconstructions(X, xr, n=4))                         # tiles of 8 pixels, 1 apart
    original, reconstruction = lines[:8], lines[9:17]
    assert (original==reconstruction).all(-1).sum() == original.shape[0]*lines.shape[1] - 1
    heat = lines[18:].sum(-1)
    heat[:, 8::9] = 0                                                   # without the white gaps
    assert np.unravel_index(heat.argmax(), heat.shape)==(3, 2*9+4)


def test_smoothing_keeps_a_constant_and_shows_the_raw_line():
    lines = plot_losses(dict(d=[2.]*40)).axes[0].lines
    assert len(lines)==2 and all(np.allclose(line.get_ydata(), 2) for line in lines)
    assert len(plot_losses(dict(d=[1., 2.]), smooth=0).axes[0].lines)==1


def test_field_is_not_transposed_or_flipped():
    x, y = pixels(score_field(first, 1, n=9)), pixels(score_field(second, 1, n=9))
    assert (np.diff(x, axis=1)>0).all() and (np.diff(x, axis=0)==0).all() and (np.diff(y, axis=0)>0).all()


def test_nan_images_and_constant_scores_are_drawn():
    png(image_grid(np.full((2, 1, 4, 4), np.nan)))
    png(score_hist(Y, np.ones(100)))
    png(reconstructions(X, X))
    png(roc_pr(Y, dict(same=np.ones(100))))
    png(plot_losses(dict(a=[1.], b=[])))


@pytest.mark.parametrize('draw,why', [
    (lambda: image_grid(X[0]), r'as \(N, C, H, W\)'), (lambda: image_grid(X[:0]), 'at least one'),
    (lambda: image_grid(X.permute(0, 2, 3, 1)), 'C of 1 or 3'),
    (lambda: reconstructions(X, X[:5]), 'one shape'),
    (lambda: reconstructions(X, X.flatten(1)), 'reconstructions of shape'),
    (lambda: plot_losses({}), 'no losses'),
    (lambda: plot_losses(dict(d=[])), 'no losses'),
    (lambda: plot_losses(dict(d=[1.]), smooth=1), 'weight of the past'),
    (lambda: score_hist(Y, S>0), 'binary predictions'),
    (lambda: score_hist(Y, S[:-1]), '99 scores for 100 labels'),
    (lambda: roc_pr(Y, {}), 'no scores'),
    (lambda: roc_pr(Y*0, dict(a=S)), 'all 100 labels are 0'),
    (lambda: score_field(lambda points: points, 1), 'one number a row'),
    (lambda: score_field(first, 1, torch.zeros(5, 3)), r'give \(N, 2\)'),
    (lambda: leaderboard([]), 'no rows'),
    (lambda: leaderboard([dict(name='m', auroc=float('nan'), baseline=True)]), 'failed runs')])
def test_bad_input_is_one_clear_line(draw, why):
    with pytest.raises(GanadError, match=why) as error: draw()
    assert '\n' not in str(error.value) and error.value.mend
