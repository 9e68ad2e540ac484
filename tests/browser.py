"A real browser, a server for folders and the built site, for tests that look at pages (see `conftest.py`)"
import functools
import http.server
import os
import shutil
import threading

import prepared
import pytest
from project import NBS, ROOT

FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update',
         '--disable-sync', '--no-first-run']
CONTRAST = """([back, ink]) => {
  const linear = value => (value /= 255) <= .04045 ? value/12.92 : ((value + .055)/1.055)**2.4
  const light = colour => {
    const [red, green, blue] = colour.match(/[\\d.]+/g).slice(0, 3).map(linear)
    return .2126*red + .7152*green + .0722*blue
  }
  const [more, less] = [light(back), light(ink)].sort((a, b) => b - a)
  return (more + .05)/(less + .05)
}"""


def missing(what, how):
    "A tool that is not there fails the run, unless somebody asks to leave the pages out"
    end = pytest.skip if os.environ.get('GANAD_NO_BROWSER') else pytest.fail
    end(f'no {what}: {how}; GANAD_NO_BROWSER=1 leaves these tests out')


def need_katex():
    "KaTeX comes from npm, once"
    fetched = [*(ROOT/'build').glob('npm/katex@*')]
    if not fetched and not shutil.which('npm'): missing('npm', 'apt-get install npm')


def sources():
    "All that the site is made from"
    in_notebooks = [path for path in NBS.rglob('*') if path.is_file() and path.parent.name[0]!='.']
    in_package = [path for path in (ROOT/'ganad').rglob('*')
                  if path.is_file() and path.parent.name!='__pycache__']
    return [*in_notebooks, *in_package, ROOT/'_quarto.yml', ROOT/'settings.ini']


@pytest.fixture(scope='session')
def docs():
    "The site, built unless it is newer than all it is made from; one worker builds, the others wait"
    pytest.importorskip('smalldocs')
    pytest.importorskip('nbdev')
    from filelock import FileLock
    index = ROOT/'_docs/index.html'
    (ROOT/'build').mkdir(exist_ok=True)
    with FileLock(ROOT/'build/site.lock'):
        newest = max(path.stat().st_mtime for path in sources())
        if not (index.exists() and 'smalldocs' in index.read_text() and index.stat().st_mtime>newest):
            done = prepared.run('-m', 'ganad.site.docs', '--engine', 'smalldocs', cwd=ROOT)
            assert done.returncode==0, done.stderr[-3000:]
    return index.parent


class Quiet(http.server.SimpleHTTPRequestHandler):
    "A server of files that says nothing"
    def log_message(self, *args): pass


@pytest.fixture(scope='session')
def serve():
    "Serve folders on this machine: folder → its address"
    servers = {}
    def start(folder):
        if folder not in servers:
            handler = functools.partial(Quiet, directory=folder)
            servers[folder] = http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler)
            threading.Thread(target=servers[folder].serve_forever, daemon=True).start()
        return f'http://127.0.0.1:{servers[folder].server_port}/'
    yield start
    for server in servers.values(): server.shutdown()


@pytest.fixture(scope='session')
def chrome():
    "One browser for all tests of a process"
    try: from playwright.sync_api import sync_playwright
    except ImportError: missing('playwright', "pip install 'ganad[dev]'")
    program = shutil.which('chromium') or shutil.which('google-chrome')
    if not program: missing('Chromium', 'apt-get install chromium')
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield browser
        browser.close()


class Visit:
    "One page in the browser, and what went wrong there"
    def __init__(self, chrome, base, name, width=1400, **options):
        self.base = base
        self.errors = []
        self.foreign = []                  # addresses on other hosts that the page asked for
        self.n_bytes = 0
        self.page = chrome.new_page(viewport=dict(width=width, height=900), **options)
        self.page.on('pageerror', lambda error: self.errors.append(str(error)))
        self.page.on('console', self.said)
        self.page.on('response', self.answered)
        self.page.route('**/*', self.route)
        self.status = self.page.goto(base + name, wait_until='networkidle').status

    def said(self, message):
        if message.type=='error': self.errors.append(message.text)

    def answered(self, response):
        self.n_bytes += int(response.headers.get('content-length', 0))
        if response.status>=400: self.errors.append(f'{response.status} {response.url}')

    def route(self, route):
        "Nothing leaves this machine"
        if route.request.url.startswith((self.base, 'data:', 'blob:')): return route.continue_()
        self.foreign.append(route.request.url)
        route.abort()

    def count(self, selector): return self.page.locator(selector).count()
    def evaluate(self, script, *args): return self.page.evaluate(script, *args)
    def close(self): self.page.close()

    def close_clean(self):
        "The end of a visit on which nothing may have gone wrong"
        assert self.errors==self.foreign==[]
        self.close()
