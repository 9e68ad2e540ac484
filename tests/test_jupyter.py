"The explorers in a real JupyterLab, in a real browser: a key moves the slider, picture and line of text follow"
import json, os, re, shutil, subprocess, sys, threading, time
from urllib.request import urlopen
import pytest
from test_site import ROOT, chrome, missing     # noqa: F401 (a fixture)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
START = """import numpy as np, torch
from ganad import widgets as explore
rng = np.random.default_rng(0); y = (np.arange(400)%5==0).astype(int); s = rng.normal(size=400) + 2*y"""
CELLS = dict(
    threshold='explore.threshold(y, s)',
    training='explore.training(dict(d=[*np.linspace(2, 1, 40)]), {t:torch.randn(30, 2) for t in (0,20,40)})',
    latent='explore.latent(lambda z: torch.tanh(z.sum(1)).view(-1, 1, 1, 1).expand(-1, 1, 8, 8), [0.,0.], [1.,2.])',
    search='x = torch.rand(1, 8, 8); explore.search(x, torch.stack([x*t for t in (0,.5,1)]), [3.,2.,1.])')

@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "JupyterLab on a free port, in a folder with a notebook of the four explorers; its address"
    if not shutil.which('jupyter-lab', path=f'{os.path.dirname(sys.executable)}{os.pathsep}{os.environ["PATH"]}'): missing('JupyterLab', "pip install 'ganad[dev]'")
    at = tmp_path_factory.mktemp('lab')
    cell = lambda i,src: dict(cell_type='code', id=f'c{i}', metadata={}, outputs=[], execution_count=None, source=src)
    kernel = dict(name='python3', display_name='Python 3', language='python')
    nb = dict(nbformat=4, nbformat_minor=5, metadata=dict(kernelspec=kernel), cells=[cell(i, c) for i,c in enumerate([START, *CELLS.values()])])
    (at/'work').mkdir(); (at/'work/four.ipynb').write_text(json.dumps(nb))
    env = os.environ | {f'JUPYTER_{k}_DIR':str(at/k.lower()) for k in ('CONFIG','RUNTIME')} | dict(
        PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1', MPLBACKEND='agg', IPYTHONDIR=str(at/'ipython'), JUPYTERLAB_SETTINGS_DIR=str(at/'settings'))
    asked = ['--no-browser', '--ServerApp.ip=127.0.0.1', '--ServerApp.port=0', '--IdentityProvider.token=secret', f'--ServerApp.root_dir={at/"work"}',
             '--allow-root', '--LabApp.news_url=None', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate', '--LabApp.workspaces_dir='+str(at/'ws')]
    log = (at/'log').open('w')
    p = subprocess.Popen([sys.executable,'-m','jupyterlab',*asked], env=env, stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    url = None
    for _ in range(600):
        if p.poll() is not None or (url := re.search(r'http://127\.0\.0\.1:\d+/', (at/'log').read_text())): break
        time.sleep(.1)
    assert url and p.poll() is None, (at/'log').read_text()[-2000:]
    yield url[0]
    p.terminate(); p.wait(20); log.close()

@pytest.fixture(scope='module')
def page(lab, chrome):
    "The notebook, opened and run from top to bottom"
    page = chrome.new_page(viewport=dict(width=1200, height=2600)); page.errors = []
    page.on('pageerror', lambda e: page.errors.append(str(e)))
    page.goto(f'{lab}doc/tree/four.ipynb?token=secret')
    page.locator('.jp-Notebook .jp-CodeCell').nth(len(CELLS)).wait_for(timeout=90_000)
    page.locator('[data-status=idle], .jp-Notebook-ExecutionIndicator[data-status=idle]').first.wait_for(timeout=60_000)
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.locator('[data-command="runmenu:run-all"]').click()
    page.locator('.jp-OutputArea .widget-vbox img').nth(len(CELLS)-1).wait_for(timeout=90_000)
    yield page
    page.close()

@pytest.mark.parametrize('name', CELLS)
def test_a_key_moves_the_picture(page, name):
    "Threshold, step of a training, code and step of a search: each slider twice by keyboard; each time picture and text are new"
    box = page.locator('.jp-OutputArea .widget-vbox').nth([*CELLS].index(name))
    handle,line,picture = box.locator('.noUi-handle').first,box.locator('.widget-label').last,box.locator('img')
    shown = lambda: (line.inner_text(), picture.get_attribute('src'))
    def until(ok):
        for _ in range(600):
            if ok(now := shown()): return now
            page.wait_for_timeout(50)
        pytest.fail(f'{name}: {shown()[0]!r} for half a minute')
    was = shown()
    for _ in range(2):
        handle.focus(); page.keyboard.press('ArrowLeft')
        was = until(lambda s: s[0]!=was[0] and s[1]!=was[1])
        page.wait_for_timeout(200)                            # a drawing that is on its way is not taken for the next answer
        was = shown()
    assert was[1].startswith('blob:') and picture.evaluate('i => i.naturalWidth')>300
    assert page.errors==[]
