"The built site in a real browser: nothing fetched from elsewhere, no error, no dead link, numbers on equations, readable on a phone"
import atexit, collections, functools, http.server, json, os, re, shutil, subprocess, sys, threading
import pytest
from project import NOTEBOOKS, NUMBERED, ROOT, about_pages, is_lesson, name_of, page_of
from project import sources as cells

FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run']

def missing(what, how):
    "A tool that is not there fails the run, unless somebody asks to leave the pages out"
    (pytest.skip if os.environ.get('GANAD_NO_BROWSER') else pytest.fail)(f'no {what}: {how}; GANAD_NO_BROWSER=1 leaves these tests out')

def equations(nb):
    "Labels of equations in a notebook; what stands in code is no label"
    return [l for s in cells(nb) for l in re.findall(r'\{#(eq-[\w-]+)\}', re.sub(r'```.*?```|`[^`\n]+`', '', s, flags=re.S))]

def sources(): return [p for p in (ROOT/'nbs').rglob('*') if p.is_file() and p.parent.name[0]!='.'] + [
    *ROOT.glob('ganad/**/*.py'), ROOT/'_quarto.yml', ROOT/'settings.ini']

@pytest.fixture(scope='session')
def docs():
    "The site, built by smalldocs unless it is there and newer than all it is made from"
    pytest.importorskip('smalldocs'); pytest.importorskip('nbdev')
    from filelock import FileLock
    index = ROOT/'_docs/index.html'
    (ROOT/'build').mkdir(exist_ok=True)
    with FileLock(ROOT/'build/site.lock'):
        fresh = index.exists() and 'smalldocs' in index.read_text() and index.stat().st_mtime>max(p.stat().st_mtime for p in sources())
        if not fresh:
            r = subprocess.run([sys.executable,'-W','ignore','-m','ganad.site.docs','--engine','smalldocs'], cwd=ROOT, capture_output=True, text=True)
            assert r.returncode==0, r.stderr[-3000:]
    return index.parent

class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *a): pass

@pytest.fixture(scope='session')
def serve():
    "Serve folders on this machine"
    servers = []
    def start(folder):
        s = http.server.ThreadingHTTPServer(('127.0.0.1', 0), functools.partial(Quiet, directory=folder))
        threading.Thread(target=s.serve_forever, daemon=True).start()
        servers.append(s)
        return f'http://127.0.0.1:{s.server_port}/'
    yield start
    for s in servers: s.shutdown()

BROWSER = []                      # one for all tests of this process, whichever file asks first

@pytest.fixture(scope='session')
def chrome():
    if BROWSER: return BROWSER[0]
    try: from playwright.sync_api import sync_playwright
    except ImportError: missing('playwright', "pip install 'ganad[dev]'")
    exe = shutil.which('chromium') or shutil.which('google-chrome')
    if not exe: missing('Chromium', 'apt-get install chromium')
    p = sync_playwright().start()
    BROWSER.append(p.chromium.launch(executable_path=exe, args=FLAGS))
    atexit.register(lambda: (BROWSER[0].close(), p.stop()))
    return BROWSER[0]

class Visit:
    "One page in the browser, and what went wrong there"
    def __init__(self, chrome, base, name, width=1400, **kw):
        self.page,self.errors,self.foreign,self.bytes = chrome.new_page(viewport=dict(width=width, height=900), **kw),[],[],0
        self.page.on('pageerror', lambda e: self.errors.append(str(e)))
        self.page.on('console', lambda m: self.errors.append(m.text) if m.type=='error' else None)
        self.page.on('response', self.answered)
        self.page.route('**/*', lambda r: r.continue_() if r.request.url.startswith((base,'data:','blob:')) else self.stop(r))
        self.status = self.page.goto(base+name, wait_until='networkidle').status
    def answered(self, r):
        self.bytes += int(r.headers.get('content-length', 0))
        if r.status>=400: self.errors.append(f'{r.status} {r.url}')
    def stop(self, route): self.foreign.append(route.request.url); route.abort()

@pytest.fixture(scope='session')
def visits(docs, serve, chrome):
    base,seen = serve(docs),{}
    for p in sorted(docs.glob('*.html')):
        v = Visit(chrome, base, p.name)
        v.sidebar = v.page.eval_on_selector_all('#quarto-sidebar a[href]', 'as => as.map(a => a.href)')
        v.tags,v.bad = v.page.locator('.katex-display .tag').count(),v.page.locator('.katex-error').count()
        v.maths,v.drawn = v.page.locator('.math').count(),v.page.locator('.math .katex').count()
        v.lost = v.page.evaluate("[...document.images].filter(i => !(i.complete && i.naturalWidth)).map(i => i.src.slice(0, 80))")
        v.wide = v.page.evaluate('document.documentElement.scrollWidth')
        v.drawings = v.page.evaluate("[...document.querySelectorAll('pre.mermaid')].filter(e => !e.querySelector('svg')).length")
        v.page.set_viewport_size(dict(width=360, height=740))
        v.width = v.page.evaluate('document.documentElement.scrollWidth')
        v.page.close()
        seen[p.name] = v
    seen['base'] = base
    return seen

@pytest.fixture(scope='session')
def pages(visits): return {n:v for n,v in visits.items() if n!='base'}

def test_every_notebook_has_a_page(pages): assert {page_of(n) for n in NOTEBOOKS}<=pages.keys()

def test_addresses_outlive_every_move(pages):
    "A link that somebody saved leads somewhere: a page may come, none may go"
    addresses = (ROOT/'tests/addresses.txt').read_text().split()
    assert {*addresses}<=pages.keys()

def test_every_page_loads_without_an_error(pages):
    assert {n:v.status for n,v in pages.items() if v.status!=200}=={}
    assert {n:v.errors for n,v in pages.items() if v.errors}=={}

def test_nothing_is_asked_of_another_host(pages): assert {n:v.foreign for n,v in pages.items() if v.foreign}=={}

def test_sidebar_lists_every_notebook(visits, pages):
    want = {visits['base']+page_of(n) for n in NOTEBOOKS}
    for n,v in pages.items(): assert want<={l.split('#')[0] for l in v.sidebar}, n

def test_links_and_anchors_lead_somewhere(docs):
    from ganad.site.docs import dead_links
    assert dead_links(docs)==[]

def katex():
    if not shutil.which('npm') and not [*(ROOT/'build').glob('npm/katex@*')]: missing('npm', 'apt-get install npm')

def test_equations_are_drawn_and_numbered(docs, pages):
    katex()
    want = {page_of(n):len(equations(n)) for n in NOTEBOOKS}
    assert {n:pages[n].tags for n in want}==want
    assert {n:v.bad for n,v in pages.items() if v.bad}=={} and all(v.drawn==v.maths for v in pages.values())
    for n in NOTEBOOKS:
        for i,label in enumerate(equations(n), 1):
            html = (docs/page_of(n)).read_text()
            assert re.search(rf'id="{label}"[^$]*?\\tag\{{{i}\}}', html, re.S), (n.name, label)

def test_equation_number_is_a_link(tmp_path, serve, chrome):
    "The same on a page of its own, so that it holds whatever the notebooks hold"
    katex()
    from ganad.site.docs import finish, prepare, render
    text = '# T\n\n$$a$$\n\n$$b$$ {#eq-b}\n\n' + 'word\n\n'*80 + '$$c$$ {#eq-c}\n\nsee @eq-c and @eq-b'
    nb = dict(nbformat=4, nbformat_minor=5, metadata={}, cells=[dict(cell_type='markdown', metadata={}, source=text)])
    (tmp_path/'index.ipynb').write_text(json.dumps(nb))
    (tmp_path/'_quarto.yml').write_text('project: {type: website, output-dir: _docs}\nwebsite: {title: t}\n')
    out = prepare(tmp_path, 'smalldocs')
    assert render(tmp_path, out, 'smalldocs')==[] and finish(out, ROOT/'build/npm')==[]
    v = Visit(chrome, serve(out), 'index.html')
    assert v.page.locator('.katex-display .tag').all_inner_texts()==['(1)','(2)'] and v.errors==v.foreign==[]
    v.page.get_by_role('link', name='Equation 1').click()
    v.page.wait_for_function("(y => y>=0 && y<900)(document.querySelector('#eq-b').getBoundingClientRect().y)", timeout=5000)
    assert v.page.url.endswith('#eq-b')
    v.page.close()

RATIO = """([back, ink]) => { const l = c => { const [r,g,b] = c.match(/[\\d.]+/g).slice(0,3).map(v => (v/=255)<=.04045 ? v/12.92 : ((v+.055)/1.055)**2.4);
  return .2126*r+.7152*g+.0722*b }; const [a,b] = [l(back),l(ink)].sort((x,y) => y-x); return (a+.05)/(b+.05) }"""

@pytest.mark.parametrize('dark', [False, True])
def test_search_finds_a_word_and_can_be_read(docs, serve, chrome, dark):
    v = Visit(chrome, serve(docs), 'index.html')
    if dark: v.page.locator('.quarto-color-scheme-toggle').first.click()
    v.page.locator('input[type=search]').first.fill('set_seed')
    hit = v.page.locator('.search-result').first
    hit.wait_for(timeout=5000)
    back = hit.evaluate('e => getComputedStyle(e.closest(".smalldocs-search-results")).backgroundColor')
    for part in 'title','text':
        ink = hit.locator(f'.search-result-{part}').evaluate('e => getComputedStyle(e).color')
        assert v.page.evaluate(RATIO, [back, ink])>4.5, (part, back, ink)
    hit.click()
    v.page.wait_for_load_state('networkidle')
    assert 'set_seed' in v.page.locator('main').inner_text() and v.errors==v.foreign==[]
    v.page.close()

def test_no_page_is_wider_than_its_screen(pages):
    assert {n:v.width for n,v in pages.items() if v.width>360}=={}
    assert {n:v.wide for n,v in pages.items() if v.wide>1400}=={}

def test_pictures_and_diagrams_are_there(pages):
    assert {n:v.lost for n,v in pages.items() if v.lost}=={}
    assert {n:v.drawings for n,v in pages.items() if v.drawings}=={}

def test_tables_are_tables(docs):
    "A table that the renderer cannot read, as one with a bar inside of a formula, is a paragraph full of bars"
    assert {p.name:bars[:3] for p in docs.glob('*.html') if (bars := re.findall(r'<p>\|[^\n]{0,80}', p.read_text()))}=={}

def test_pages_are_light(docs, pages):
    "In megabytes, all that a page loads; models and widgets that answer in the page may weigh twice as much"
    most = lambda n: 3 if any(w in (docs/n).read_text() for w in ('ganad-live','jupyter.widget-view')) else 1.5
    assert {n:v.bytes/1e6 for n,v in pages.items() if v.bytes>most(n)*1e6}=={}
    assert sum(p.stat().st_size for p in docs.rglob('*') if p.is_file())<40e6

def test_search_knows_every_page(docs):
    known = {e['href'].split('#')[0] for e in json.loads((docs/'search.json').read_text()) if e['text'].strip()}
    assert {p.name for p in docs.glob('*.html')}<=known

def own_words(docs):
    "Page → of the long words of its text the one that stands on the fewest other pages"
    words = {}
    for e in json.loads((docs/'search.json').read_text()):
        words.setdefault(e['href'].split('#')[0], set()).update(re.findall(r'(?<![\w-])[a-z]{8,14}(?![\w-])', e['text']))
    on = collections.Counter(w for ws in words.values() for w in ws)
    return {n:min(ws, key=lambda w: (on[w], -len(w), w)) for n,ws in words.items()}

def test_search_finds_a_word_of_every_page(docs, serve, chrome):
    "Typed into the box of one page, as a reader does; each page is among the results that are shown"
    v,lost = Visit(chrome, serve(docs), 'symbols.html'),{}
    box,found = v.page.locator('input[type=search]').first,v.page.locator('.search-result')
    for n,w in own_words(docs).items():
        v.page.evaluate("document.querySelectorAll('.smalldocs-search-results').forEach(e => e.replaceChildren())")
        box.fill(w)
        found.first.wait_for(timeout=5000)
        if n not in (hits := {h.removeprefix('./').split('#')[0] for h in found.evaluate_all("as => as.map(a => a.getAttribute('href'))")}): lost[n] = w,sorted(hits)
    assert lost=={} and v.errors==v.foreign==[]
    v.page.close()

# What the build adds to a page

@functools.lru_cache(None)
def soup(docs, name):
    from bs4 import BeautifulSoup
    return BeautifulSoup((docs/name).read_text(), 'html.parser')

@pytest.mark.parametrize('nb', NUMBERED, ids=lambda p: p.stem)
def test_every_notebook_says_how_long_and_how_to_run(docs, nb):
    s = soup(docs, page_of(nb))
    head = ' '.join(s.select_one('main .head').get_text(' ').split())
    assert re.search(r'Time: \d+ min to read', head) and f'make lab NB={nb.stem}' in head and nb.relative_to(ROOT).as_posix() in head
    assert [a['href'] for a in s.select('.page-navigation a')]

def test_what_a_person_says_of_a_page_is_shown(docs):
    said = about_pages()
    page = {name_of(nb):page_of(nb) for nb in NUMBERED}
    for nb in NUMBERED:
        about = said.get(name_of(nb), {})
        head = soup(docs, page_of(nb)).select_one('main .head')
        assert ('You will be able to' in head.get_text())==('able' in about), nb.name
        assert [a['href'] for a in head.select('a')]==[page[f] for f in about.get('first', []) if f in page], nb.name

def test_the_path_names_every_page_and_no_other():
    said = about_pages()
    assert {*said}=={name_of(n) for n in NUMBERED} and {f for v in said.values() for f in v.get('first', ())}<={*said}

def test_the_map_has_every_lesson(docs):
    at = {a['href']:li for li in soup(docs, 'index.html').select('main .path li') for a in li.select('a')}
    lessons = [*filter(is_lesson, NUMBERED)]
    assert {page_of(n) for n in lessons}<=at.keys()
    assert all('min to read' in li.get_text() for li in at.values())

def test_times_are_measured(docs):
    "Seconds come from a file that `make times` writes, and only from there"
    told = json.loads((ROOT/'nbs/times.json').read_text())
    for nb in NUMBERED:
        head = soup(docs, page_of(nb)).select_one('main .head').get_text(' ')
        assert ('to run' in head)==(nb.stem in told), nb.name
    assert all(0<s<120 for s in told.values())

def test_every_public_name_is_in_the_reference(docs):
    from ganad._modidx import d
    s = soup(docs, 'api.html')
    have = {h['id']:h for h in s.select('main h3')} if s.select('main h3[id]') else {h.parent['id']:h for h in s.select('main h3')}
    names = {n for m in d['syms'].values() for n in m if n.rpartition('.')[2][0]!='_' and not re.search(r'[A-Z]\w*\.', n)}
    assert names and names<=have.keys(), sorted(names-have.keys())
    links = [a['href'] for a in s.select('main p a') if a.find('code')]
    assert len(links)>=len(names) and sum('#' in l for l in links)>.9*len(links)     # to the cell, not only to the page

def test_copies_for_machines(docs):
    "A Markdown copy of each page and a list of them, a map for search engines, a card for those who share a link"
    pages = {p.stem for p in docs.glob('*.html')}
    llms,site = (docs/'llms.txt').read_text(),(docs/'sitemap.xml').read_text()
    for p in pages: assert f'/{p}.html<' in site and (docs/f'{p}.llms.md').stat().st_size>200 and f'/{p}.llms.md' in llms, p
    assert '$$' in (docs/'bigan.llms.md').read_text() and 'data:image' not in (docs/'bigan.llms.md').read_text()
    for p in pages:
        meta = {m.get('property') or m.get('name'):m.get('content') for m in soup(docs, f'{p}.html').select('meta')}
        assert meta['og:title'] and meta['og:image'].endswith('/images/card.png') and meta['twitter:card']=='summary_large_image', p
    assert (docs/'images/card.png').stat().st_size<200e3 and (docs/'images/logo.svg').exists()

def test_dark_theme_and_code_copy(docs, serve, chrome):
    v = Visit(chrome, serve(docs), 'core.html')
    assert v.page.locator('details.code-fold summary', has_text='Imports').count()==1
    ground = 'getComputedStyle(document.body).backgroundColor'
    light = v.page.evaluate(ground)
    v.page.locator('.quarto-color-scheme-toggle').first.click()
    v.page.wait_for_timeout(300)
    assert v.page.evaluate(ground)!=light and v.page.locator('.code-copy-button').count()>3 and v.page.locator('#TOC a').count()>3
    v.page.close()

@pytest.mark.parametrize('nb', NOTEBOOKS, ids=lambda p: p.stem)
def test_title_cell_holds_nothing_but_the_title(nb):
    "nbdev makes the page's head of that cell and drops whatever else stands in it: text needs a cell of its own"
    title = next(s for s in cells(nb) if s.startswith('# '))
    assert [l for l in title.splitlines() if l.strip() and not re.match(r'# |> |- \w+:', l)]==[]
