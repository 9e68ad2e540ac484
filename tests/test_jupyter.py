"The explorers in a real JupyterLab, in a real browser: a key moves the slider, picture and text follow"
import json
import os
import re
import shutil
import subprocess
import sys
import time

import pytest
from browser import missing
from project import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
START = """import numpy as np
import torch
from ganad import widgets
rng = np.random.default_rng(0)
y = (np.arange(400)%5==0).astype(int)
scores = rng.normal(size=400) + 2*y
x = torch.rand(1, 8, 8)
samples = {step:torch.randn(30, 2) for step in (0, 20, 40)}
def generator(z): return torch.tanh(z.sum(1)).view(-1, 1, 1, 1).expand(-1, 1, 8, 8)"""
CELLS = dict(
    threshold='widgets.threshold(y, scores)',
    training='widgets.training(dict(d=[*np.linspace(2, 1, 40)]), samples)',
    latent='widgets.latent(generator, [0., 0.], [1., 2.])',
    search='widgets.search(x, torch.stack([x*share for share in (0, .5, 1)]), [3., 2., 1.])')


def notebook():
    "A notebook of the four explorers"
    cells = [dict(cell_type='code', id=f'c{i}', metadata={}, outputs=[], execution_count=None, source=source)
             for i, source in enumerate([START, *CELLS.values()])]
    kernel = dict(name='python3', display_name='Python 3', language='python')
    return dict(nbformat=4, nbformat_minor=5, metadata=dict(kernelspec=kernel), cells=cells)


@pytest.fixture(scope='module')
def lab(tmp_path_factory):
    "JupyterLab on a free port, in a folder with the notebook; its address"
    programs = f'{os.path.dirname(sys.executable)}{os.pathsep}{os.environ["PATH"]}'
    if not shutil.which('jupyter-lab', path=programs): missing('JupyterLab', "pip install 'ganad[dev]'")
    folder = tmp_path_factory.mktemp('lab')
    (folder/'work').mkdir()
    (folder/'work/four.ipynb').write_text(json.dumps(notebook()))
    environment = {
        **os.environ, 'PYTHONPATH':str(ROOT), 'OMP_NUM_THREADS':'1', 'MPLBACKEND':'agg',
        'IPYTHONDIR':str(folder/'ipython'),
        'JUPYTER_CONFIG_DIR':str(folder/'config'), 'JUPYTER_RUNTIME_DIR':str(folder/'runtime'),
        'JUPYTERLAB_SETTINGS_DIR':str(folder/'settings')}
    options = [
        '--no-browser', '--allow-root', '--ServerApp.ip=127.0.0.1', '--ServerApp.port=0',
        '--IdentityProvider.token=secret',
        f'--ServerApp.root_dir={folder/"work"}', f'--LabApp.workspaces_dir={folder/"ws"}',
        '--LabApp.news_url=None', '--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate']
    log = folder/'log'
    with log.open('w') as said:
        process = subprocess.Popen([sys.executable, '-m', 'jupyterlab', *options], env=environment,
                                   stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT)
        address = None
        for _ in range(600):
            address = re.search(r'http://127\.0\.0\.1:\d+/', log.read_text())
            if address or process.poll() is not None: break
            time.sleep(.1)
        assert address and process.poll() is None, log.read_text()[-2000:]
        yield address[0]
        process.terminate()
        process.wait(20)


@pytest.fixture(scope='module')
def page(lab, chrome):
    "The notebook, opened and run from top to bottom"
    page = chrome.new_page(viewport=dict(width=1200, height=2600))
    page.errors = []
    page.on('pageerror', lambda error: page.errors.append(str(error)))
    page.goto(f'{lab}doc/tree/four.ipynb?token=secret')
    page.locator('.jp-Notebook .jp-CodeCell').nth(len(CELLS)).wait_for(timeout=90_000)
    idle = page.locator('[data-status=idle], .jp-Notebook-ExecutionIndicator[data-status=idle]')
    idle.first.wait_for(timeout=60_000)
    page.get_by_role('menuitem', name='Run', exact=True).click()
    page.locator('[data-command="runmenu:run-all"]').click()
    page.locator('.jp-OutputArea .widget-vbox img').nth(len(CELLS)-1).wait_for(timeout=90_000)
    yield page
    page.close()


@pytest.mark.parametrize('name', CELLS)
def test_a_key_moves_the_picture(page, name):
    "Each slider twice by keyboard; each time picture and text are new"
    box = page.locator('.jp-OutputArea .widget-vbox').nth([*CELLS].index(name))
    handle = box.locator('.noUi-handle').first
    line = box.locator('.widget-label').last
    picture = box.locator('img')
    def shown(): return line.inner_text(), picture.get_attribute('src')
    def wait_for_change(before):
        for _ in range(600):
            now = shown()
            if now[0]!=before[0] and now[1]!=before[1]: return
            page.wait_for_timeout(50)
        pytest.fail(f'{name}: {shown()[0]!r} for half a minute')
    for _ in range(2):
        before = shown()
        handle.focus()
        page.keyboard.press('ArrowLeft')
        wait_for_change(before)
        page.wait_for_timeout(200)                 # a drawing on its way is not taken for the next answer
    assert shown()[1].startswith('blob:')
    assert picture.evaluate('image => image.naturalWidth')>300
    assert page.errors==[]
