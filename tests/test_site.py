"The built site in a real browser: no error, no dead link, nothing from elsewhere, readable on a phone"
import ast
import collections
import configparser
import copy
import functools
import importlib
import json
import re
import types

import pytest
from browser import CONTRAST, Visit, need_katex
from project import NOTEBOOKS, NUMBERED, ROOT, about_pages, folder_of, is_lesson, name_of, page_of, sources

SETTINGS = configparser.ConfigParser(delimiters=['='])
SETTINGS.read(ROOT/'settings.ini', encoding='utf-8')
ADDRESS = SETTINGS['DEFAULT']['repository']


def equations(notebook):
    "Labels of equations in a notebook; what stands in code is no label"
    texts = [re.sub(r'```.*?```|`[^`\n]+`', '', text, flags=re.S) for text in sources(notebook)]
    return [label for text in texts for label in re.findall(r'\{#(eq-[\w-]+)\}', text)]


def faults(visits, name):
    "Page → what its visit found, for pages where it found something"
    return {page:getattr(visit, name) for page, visit in visits.items() if getattr(visit, name)}


@pytest.fixture(scope='session')
def pages(docs, serve, chrome):
    "Every page, looked at once on a wide screen and once on a phone: page → visit"
    visits = {}
    for path in sorted(docs.glob('*.html')):
        visit = visits[path.name] = Visit(chrome, serve(docs), path.name)
        in_sidebar = visit.page.locator('#quarto-sidebar a[href]')
        visit.sidebar = in_sidebar.evaluate_all('links => links.map(link => link.href)')
        visit.n_numbers = visit.count('.katex-display .tag')
        visit.n_bad_formulas = visit.count('.katex-error')
        visit.n_formulas = visit.count('.math')
        visit.n_drawn = visit.count('.math .katex')
        visit.lost_pictures = visit.evaluate("""[...document.images]
                                             .filter(image => !(image.complete && image.naturalWidth))
                                             .map(image => image.src.slice(0, 80))""")
        visit.lost_diagrams = visit.evaluate("""[...document.querySelectorAll('pre.mermaid')]
                                             .filter(diagram => !diagram.querySelector('svg')).length""")
        visit.wide_width = visit.evaluate('document.documentElement.scrollWidth')
        visit.page.set_viewport_size(dict(width=360, height=740))
        visit.phone_width = visit.evaluate('document.documentElement.scrollWidth')
        visit.close()
    return visits


def test_every_notebook_has_a_page(pages):
    assert {page_of(notebook) for notebook in NOTEBOOKS}<=pages.keys()


def test_addresses_outlive_every_move(pages):
    "A link that somebody saved leads somewhere: a page may come, none may go"
    addresses = (ROOT/'tests/addresses.txt').read_text().split()
    assert {*addresses}<=pages.keys()


def test_every_page_loads_without_an_error(pages):
    assert {page:visit.status for page, visit in pages.items() if visit.status!=200}=={}
    assert faults(pages, 'errors')=={}


def test_nothing_is_asked_of_another_host(pages): assert faults(pages, 'foreign')=={}


def test_sidebar_lists_every_notebook(pages):
    for page, visit in pages.items():
        listed = {link.partition('#')[0] for link in visit.sidebar}
        assert {visit.base + page_of(notebook) for notebook in NOTEBOOKS}<=listed, page


def test_links_and_anchors_lead_somewhere(docs):
    from ganad.site.docs import dead_links
    assert dead_links(docs)==[]


def test_equations_are_drawn_and_numbered(docs, pages):
    need_katex()
    wanted = {page_of(notebook):len(equations(notebook)) for notebook in NOTEBOOKS}
    assert {page:pages[page].n_numbers for page in wanted}==wanted
    assert faults(pages, 'n_bad_formulas')=={}
    assert all(visit.n_drawn==visit.n_formulas for visit in pages.values())
    for notebook in NOTEBOOKS:
        html = (docs/page_of(notebook)).read_text()
        for number, label in enumerate(equations(notebook), 1):
            assert re.search(rf'id="{label}"[^$]*?\\tag\{{{number}\}}', html, re.S), (notebook.name, label)


def test_equation_number_is_a_link(tmp_path, serve, chrome):
    "The same on a page of its own, so that it holds whatever the notebooks hold"
    need_katex()
    from ganad.site.docs import _finish, _prepare, _render
    text = '# T\n\n$$a$$\n\n$$b$$ {#eq-b}\n\n' + 'word\n\n'*80 + '$$c$$ {#eq-c}\n\nsee @eq-c and @eq-b'
    cell = dict(cell_type='markdown', metadata={}, source=text)
    notebook = dict(nbformat=4, nbformat_minor=5, metadata={}, cells=[cell])
    nbs, src = tmp_path/'nbs', tmp_path/'src'
    nbs.mkdir()
    src.mkdir()
    (nbs/'index.ipynb').write_text(json.dumps(notebook))
    (src/'_quarto.yml').write_text('project: {type: website, output-dir: _docs}\nwebsite: {title: t}\n')
    out = _prepare(nbs, src, 'smalldocs')
    assert _render(src, 'smalldocs')==[]
    assert _finish(out, ROOT/'build/npm')==[]
    visit = Visit(chrome, serve(out), 'index.html')
    assert visit.page.locator('.katex-display .tag').all_inner_texts()==['(1)', '(2)']
    visit.page.get_by_role('link', name='Equation 1').click()
    in_sight = "(y => y>=0 && y<900)(document.querySelector('#eq-b').getBoundingClientRect().y)"
    visit.page.wait_for_function(in_sight, timeout=5000)
    assert visit.page.url.endswith('#eq-b')
    visit.close_clean()


@pytest.mark.parametrize('dark', [False, True])
def test_search_finds_a_word_and_can_be_read(docs, serve, chrome, dark):
    visit = Visit(chrome, serve(docs), 'index.html')
    if dark: visit.page.locator('.quarto-color-scheme-toggle').first.click()
    visit.page.locator('input[type=search]').first.fill('set_seed')
    hit = visit.page.locator('.search-result').first
    hit.wait_for(timeout=5000)
    ground = hit.evaluate('hit => getComputedStyle(hit.closest(".smalldocs-search-results")).backgroundColor')
    for part in 'title', 'text':
        ink = hit.locator(f'.search-result-{part}').evaluate('part => getComputedStyle(part).color')
        assert visit.evaluate(CONTRAST, [ground, ink])>4.5, (part, ground, ink)
    hit.click()
    visit.page.wait_for_load_state('networkidle')
    assert 'set_seed' in visit.page.locator('main').inner_text()
    visit.close_clean()


def test_no_page_is_wider_than_its_screen(pages):
    assert {page:visit.phone_width for page, visit in pages.items() if visit.phone_width>360}=={}
    assert {page:visit.wide_width for page, visit in pages.items() if visit.wide_width>1400}=={}


def test_pictures_and_diagrams_are_there(pages):
    assert faults(pages, 'lost_pictures')=={}
    assert faults(pages, 'lost_diagrams')=={}


def test_tables_are_tables(docs):
    "A table that the renderer cannot read, as one with a bar in a formula, is a paragraph full of bars"
    bars = {path.name:re.findall(r'<p>\|[^\n]{0,80}', path.read_text()) for path in docs.glob('*.html')}
    assert {page:found[:3] for page, found in bars.items() if found}=={}


def test_pages_are_light(docs, pages):
    "In megabytes, all that a page loads; models and widgets that answer in the page may weigh twice as much"
    def limit(page):
        answers = any(word in (docs/page).read_text() for word in ('ganad-live', 'jupyter.widget-view'))
        return 3 if answers else 2
    assert {page:visit.n_bytes/1e6 for page, visit in pages.items() if visit.n_bytes>limit(page)*1e6}=={}
    sizes = {path:path.stat().st_size for path in docs.rglob('*') if path.is_file()}
    to_download = sum(size for path, size in sizes.items() if docs/'get' in path.parents)
    assert sum(sizes.values())-to_download<34e6 and to_download<22e6


@functools.cache
def search_entries(docs): return json.loads((docs/'search.json').read_text())


def test_search_knows_every_page(docs):
    known = {entry['href'].partition('#')[0] for entry in search_entries(docs) if entry['text'].strip()}
    assert {path.name for path in docs.glob('*.html')}<=known


def rarest_words(docs):
    "Page → of the long words of its text the one that stands on the fewest other pages"
    words, begins = collections.defaultdict(set), collections.defaultdict(set)
    for entry in search_entries(docs):
        page = entry['href'].partition('#')[0]
        words[page].update(re.findall(r'(?<![\w-])[a-z]{8,14}(?![\w-])', entry['text']))
        begins[page].update(re.findall(r'(?<![a-z])[a-z]{6}', entry['text'].lower()))
    n_pages = collections.Counter(begin for found in begins.values() for begin in found)
    def rarity(word): return n_pages[word[:6]], -len(word), word      # 'reconstructing' finds 'reconstruct'
    return {page:min(found, key=rarity) for page, found in words.items()}


def test_search_finds_a_word_of_every_page(docs, serve, chrome):
    "Typed into the box of one page, as a reader does; each page is among the results that are shown"
    visit = Visit(chrome, serve(docs), 'symbols.html')
    box, results = visit.page.locator('input[type=search]').first, visit.page.locator('.search-result')
    lost = {}
    for page, word in rarest_words(docs).items():
        old = "document.querySelectorAll('.smalldocs-search-results')"
        visit.evaluate(f"{old}.forEach(box => box.replaceChildren())")
        box.fill(word)
        results.first.wait_for(timeout=5000)
        links = results.evaluate_all("links => links.map(link => link.getAttribute('href'))")
        found = {link.removeprefix('./').partition('#')[0] for link in links}
        if page not in found: lost[page] = word, sorted(found)
    assert lost=={}
    visit.close_clean()


# What the build adds to a page

@functools.cache
def soup(docs, name):
    from bs4 import BeautifulSoup
    return BeautifulSoup((docs/name).read_text(), 'html.parser')


def head_of(docs, notebook): return soup(docs, page_of(notebook)).select_one('main .head')


def test_minutes_for_teachers_are_those_of_the_pages(docs):
    "But for a few words that were changed since that page was run"
    lines = soup(docs, 'teaching.html').select('main table')[0].select('tbody tr')
    assert len(lines)>=13
    for line in lines:
        page = line.a['href'].removeprefix('./')
        head = soup(docs, page).select_one('main .head').get_text()
        minutes = [int(re.search(r'(\d+) min', text)[1]) for text in (line.select('td')[1].get_text(), head)]
        assert abs(minutes[0]-minutes[1])<=1, f'{page}: run 80_teaching again'


@pytest.mark.parametrize('notebook', NUMBERED, ids=lambda path: path.stem)
def test_every_notebook_says_how_long_and_how_to_run(docs, notebook):
    head = ' '.join(head_of(docs, notebook).get_text(' ').split())
    assert re.search(r'Time: \d+ min to read', head)
    assert f'make lab NB={notebook.stem}' in head
    assert notebook.relative_to(ROOT).as_posix() in head
    assert soup(docs, page_of(notebook)).select('.page-navigation a[href]')


def test_what_a_person_says_of_a_page_is_shown(docs):
    page = {name_of(notebook):page_of(notebook) for notebook in NUMBERED}
    for notebook in NUMBERED:
        about, head = about_pages().get(name_of(notebook), {}), head_of(docs, notebook)
        assert ('You will be able to' in head.get_text())==('able' in about), notebook.name
        first = [page[name] for name in about.get('first', []) if name in page]
        before = [part for part in head.select('p') if 'Before this' in part.get_text()]
        assert [link['href'] for part in before for link in part.select('a')]==first, notebook.name


def test_the_path_names_every_page_and_no_other():
    about = about_pages()
    assert {*about}=={name_of(notebook) for notebook in NUMBERED}
    assert {name for line in about.values() for name in line.get('first', ())}<={*about}


def test_the_map_has_every_lesson(docs):
    items = soup(docs, 'index.html').select('main .path li')
    places = {link['href']:item for item in items for link in item.select('a')}
    assert {page_of(notebook) for notebook in NUMBERED if is_lesson(notebook)}<=places.keys()
    assert all('min to read' in item.get_text() for item in places.values())


def test_times_are_measured(docs):
    "Seconds come from a file that `make times` writes, and only from there"
    seconds = json.loads((ROOT/'nbs/times.json').read_text())
    for notebook in NUMBERED:
        assert ('to run' in head_of(docs, notebook).get_text(' '))==(notebook.stem in seconds), notebook.name
    assert all(0<measured<120 for measured in seconds.values())


def as_imported(name):
    "'ganad.estimator.x' for 'ganad.estimator.estimator.x': a module that has the name of its room"
    return re.sub(r'^ganad\.(\w+)\.\1\.', r'ganad.\1.', name)


def test_every_public_name_is_in_the_reference(docs):
    from ganad._modidx import d as index
    page = soup(docs, 'api.html')
    ids = {tag['id'] for tag in page.select('main [id]')}
    public = {name for module in index['syms'].values() for name in module
              if name.rpartition('.')[2][0]!='_' and not re.search(r'[A-Z]\w*\.', name) and '._' not in name}
    names = {as_imported(name) for name in public}
    assert names and names<=ids, sorted(names-ids)
    links = [link['href'] for link in page.select('main p a') if link.find('code')]
    assert len(links)>=len(names)
    assert sum('#' in link for link in links)>.9*len(links)                # to the cell, not only to the page


def test_the_reference_is_grouped_by_room_and_links_the_line(docs):
    page = soup(docs, 'api.html')
    rooms = [heading.get_text(strip=True) for heading in page.select('main h2')]
    assert rooms==['Toolkit', 'Methods', 'Evidence', 'Estimator', 'Files', 'Site']
    modules = [heading.get_text(strip=True) for heading in page.select('main h3')]
    assert 'ganad.estimator' in modules and 'ganad.estimator.estimator' not in modules
    links = [link['href'] for link in page.select('main p a') if link.get_text()=='source']
    assert len(links)>100 if ADDRESS else links==[]
    for link in links:
        path, _, line = link.partition('/blob/main/')[2].partition('#L')
        lines = (ROOT/path).read_text(encoding='utf-8').splitlines()
        assert re.match(r'(def|class|@)\b|[A-Za-z_, ]+=', lines[int(line)-1]), link


def test_copies_for_machines(docs):
    "A Markdown copy of each page and a list of them; where an address is set, a map and cards with it"
    llms, sitemap = (docs/'llms.txt').read_text(), docs/'sitemap.xml'
    assert sitemap.exists()==bool(ADDRESS)
    for path in docs.glob('*.html'):
        if ADDRESS: assert f'/{path.name}<' in sitemap.read_text()
        assert re.search(rf'[(/]{path.stem}\.llms\.md', llms)
        assert (docs/f'{path.stem}.llms.md').stat().st_size>200, path.name
        tags = soup(docs, path.name).select('meta')
        meta = {tag.get('property') or tag.get('name'):tag.get('content') for tag in tags}
        assert meta['og:title'] and ('og:image' in meta)==bool(ADDRESS), path.name
        if ADDRESS: assert meta['og:image'].endswith('/images/card.png'), path.name
        assert meta['twitter:card']=='summary_large_image', path.name
    copy = (docs/'bigan.llms.md').read_text()
    assert '$$' in copy and 'data:image' not in copy
    assert (docs/'images/card.png').stat().st_size<200e3
    assert (docs/'images/logo.svg').exists()


def test_dark_theme_and_code_copy(docs, serve, chrome):
    visit = Visit(chrome, serve(docs), 'core.html')
    assert visit.page.locator('details.code-fold summary', has_text='Imports').count()==1
    ground = 'getComputedStyle(document.body).backgroundColor'
    light = visit.evaluate(ground)
    visit.page.locator('.quarto-color-scheme-toggle').first.click()
    visit.page.wait_for_timeout(300)
    assert visit.evaluate(ground)!=light
    assert visit.count('.code-copy-button')>3
    assert visit.count('#TOC a')>3
    visit.close()


@pytest.mark.parametrize('notebook', NOTEBOOKS, ids=lambda path: path.stem)
def test_title_cell_holds_nothing_but_the_title(notebook):
    "nbdev makes the page's head of that cell and drops what else stands in it: text needs its own cell"
    title = next(text for text in sources(notebook) if text.startswith('# '))
    lines = [line for line in title.splitlines() if line.strip()]
    assert [line for line in lines if not re.match(r'# |> |- \w+:', line)]==[]


# An order that holds

def path_of_reading(docs, name='index.html'):
    "The pages in the order of the sidebar"
    links = soup(docs, name).select('#quarto-sidebar a[href]')
    return list(dict.fromkeys(link['href'].removeprefix('./') for link in links if '.html' in link['href']))


def test_nobody_needs_a_page_that_comes_later(docs):
    order = path_of_reading(docs)
    for notebook in NUMBERED:
        before = [part for part in head_of(docs, notebook).select('p') if 'Before this' in part.get_text()]
        links = [link['href'] for part in before for link in part.select('a')]
        place = order.index(page_of(notebook))
        assert [link for link in links if order.index(link)>place]==[], notebook.name


def test_lessons_need_no_page_of_the_toolkit_but_those_of_the_path(docs):
    path = {link['href'] for link in soup(docs, 'index.html').select('main .path a')}
    for notebook in NUMBERED:
        if page_of(notebook) not in path: continue
        needed = about_pages()[name_of(notebook)].get('first', ())
        pages = {name_of(other):page_of(other) for other in NUMBERED}
        assert {pages[name] for name in needed}<=path, notebook.name


def test_next_and_previous_follow_the_path(docs):
    order = path_of_reading(docs)
    assert order.index('anogan.html')==order.index('gan.html')+1
    for before, page, after in zip(order, order[1:], order[2:]):
        links = [link['href'].removeprefix('./') for link in soup(docs, page).select('.page-navigation a')]
        assert links==[before, after], page
    on_the_map = [link['href'] for link in soup(docs, 'index.html').select('main .path li strong a')]
    assert on_the_map==[page for page in order if page in on_the_map]


def test_the_sidebar_shows_the_path_and_folds_the_reference(docs, serve, chrome):
    visit = Visit(chrome, serve(docs), 'gan.html')
    for page, shown in ('anogan', True), ('xrays', True), ('losses', False), ('docs', False):
        link = visit.page.locator(f'#quarto-sidebar a:is([href="{page}.html"], [href="./{page}.html"])')
        assert link.is_visible()==shown, page
    visit.page.locator('#quarto-sidebar a', has_text='Toolkit').click()
    visit.page.locator('#quarto-sidebar a', has_text='Losses').wait_for(state='visible', timeout=5000)
    visit.close_clean()


# Links of names

def imported_by(notebook):
    "Name → object of the package, for what the code cells of a notebook import"
    found = {}
    for source in sources(notebook, 'code'):
        try: tree = ast.parse(source)
        except SyntaxError: continue
        for node in ast.walk(tree):
            if not isinstance(node, ast.ImportFrom) or not (node.module or '').startswith('ganad'): continue
            module = importlib.import_module(node.module)
            found.update({name.asname or name.name:getattr(module, name.name) for name in node.names
                          if hasattr(module, name.name)})
    return found


def module_made_by(notebook):
    found = re.search(r'^#\| *default_exp +([\w.]+)', '\n'.join(sources(notebook, 'code')), re.M)
    return importlib.import_module(f'ganad.{found[1]}') if found else types.ModuleType('none')


@functools.cache
def pages_of_modules():
    return {module_made_by(notebook).__name__:page_of(notebook) for notebook in NUMBERED}


def name_links(docs, notebook):
    "Names that the text of a page links, and the page that each leads to"
    for link in soup(docs, page_of(notebook)).select('main a[href]'):
        name = link.get_text()
        target = link['href'].removeprefix('./').partition('#')[0] or page_of(notebook)
        if len(link.contents)==1 and link.find('code') and re.fullmatch(r'\w+(\(\))?', name):
            yield name.removesuffix('()'), target


@pytest.mark.parametrize('notebook', NUMBERED, ids=lambda path: path.stem)
def test_a_name_leads_to_what_its_page_means(docs, notebook):
    "The objects themselves say where they come from: of the page's own module, and of what its cells import"
    known = {**imported_by(notebook), **vars(module_made_by(notebook))}
    for name, target in name_links(docs, notebook):
        if name in ('fit', 'score') and name not in known:
            wanted = 'commands.html' if folder_of(notebook)=='files' else 'detector.html'
            assert target==wanted, name
        elif name in known:
            module = getattr(known[name], '__module__', None) or getattr(known[name], '__name__', '')
            if module in pages_of_modules(): assert target==pages_of_modules()[module], name
        else: assert '_' in name or re.search('[A-Z]', name), f'{name} is a word, and leads to {target}'


@pytest.mark.parametrize('page, name', [
    ('gan', 'film'), ('bigan', 'chance'), ('alad', 'watch'), ('networks', 'head'), ('ganomaly', 'turns'),
    ('networks', 'features'), ('index', 'make'), ('symbols', 'error'), ('egbad', 'bn2'), ('egbad', 'leaky')])
def test_words_that_once_led_astray(docs, page, name):
    "What a reader stumbled over: a word of one page led to a function of another"
    links = [link['href'].removeprefix('./') for link in soup(docs, f'{page}.html').select('main a[href]')
             if link.get_text()==name]
    assert [link for link in links if not link.startswith((f'{page}.html', '#'))]==[]


def test_code_and_texts_show_no_markdown_of_links(docs):
    "As [`x`](…) in a signature; what is Python that speaks of such links, on the pages about pages, is none"
    for path in docs.glob('*.html'):
        if path.stem in ('docs', 'pages', 'matrices'): continue            # the last shows a file of Markdown
        main = copy.copy(soup(docs, path.name).select_one('main'))
        for code in main.select('.cell-code'): code.decompose()          # lines that make such links
        shown = main.get_text()
        assert re.findall(r'.{0,30}\]\((?:https?:|\.\./|[\w-]+\.(?:html|ipynb)).{0,30}', shown)==[], path.name


# What a reader takes home

def test_every_page_offers_its_notebook(docs):
    for notebook in NUMBERED:
        links = [link['href'] for link in head_of(docs, notebook).select('a[download]')]
        wanted = [] if folder_of(notebook)=='site' else [f'get/{notebook.name}']
        assert links==wanted and all((docs/link).exists() for link in wanted), notebook.name


def test_the_front_page_says_first_how_to_get_the_project(docs):
    page = soup(docs, 'index.html')
    assert page.select('main h2')[0].get_text(strip=True)=='Get it'
    version = SETTINGS['DEFAULT']['version']
    links = {link['href'] for link in page.select('main a[download]')}
    assert links=={f'get/ganad-{version}-py3-none-any.whl', f'get/ganad-{version}.tar.gz', 'get/results.zip'}
    assert all((docs/link).stat().st_size>1e5 for link in links)
    assert 'pip install "ganad-' in page.select_one('main').get_text()


def test_nothing_needs_an_address_that_is_not_set(docs):
    assert ADDRESS or not (docs/'sitemap.xml').exists()
    for path in [*docs.glob('*.html'), *docs.glob('*.md'), *docs.glob('*.txt')]:
        text = path.read_text(encoding='utf-8')
        assert 'ganad.invalid' not in text, path.name
        if not ADDRESS and path.stem.partition('.')[0] not in ('docs', 'pages', 'api'):
            for word in 'rel="canonical"', 'open in Colab', 'edit this page', 'git clone', 'blob/main':
                assert word not in text, (path.name, word)


def test_the_film_can_be_stopped_and_started(docs, serve, chrome):
    for motion, first in ('no-preference', 'Pause'), ('reduce', 'Play'):
        visit = Visit(chrome, serve(docs), 'index.html', reduced_motion=motion)
        button = visit.page.locator('.film-button')
        source = "document.querySelector('.moving img').currentSrc"
        for label in (first, 'Play' if first=='Pause' else 'Pause', first):
            assert button.inner_text()==label
            kind = 'webp' if label=='Pause' else 'png'
            visit.page.wait_for_function(f"{source}.endsWith('learning.{kind}')", timeout=5000)
            button.focus()
            visit.page.keyboard.press('Enter')
        visit.close_clean()
