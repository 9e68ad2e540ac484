"The adapter behind `python -m ganad.site.docs`, on a small site made for it; nothing is fetched"
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import time
from urllib.error import HTTPError
from urllib.request import urlopen

import networkx as nx
import prepared
import pytest
from browser import Visit
from project import ROOT

pytest.importorskip('nbdev')
pytest.importorskip('smalldocs')
from ganad.core import GanadError
from ganad.site import docs, rooms

SCRIPTS = pytest.mark.skipif(os.name=='nt', reason='scripts with a first line for the shell stand in')
COMMAND = [sys.executable, '-W', 'ignore', '-u', '-m', 'ganad.site.docs']
SETTINGS = """[DEFAULT]
repo = toy
lib_name = toy
version = 0.0.1
min_python = 3.10
license = apache2
black_formatting = False
doc_path = _docs
lib_path = toy
nbs_path = nbs
recursive = True
tst_flags = slow
put_version_in_init = True
branch = main
custom_sidebar = True
doc_host = https://toy.example
doc_baseurl = /toy
git_url = https://git.example/toy
title = toy
description = toy
author = x
author_email = x@example.org
copyright = x
keywords = x
language = English
status = 3
user = x
readme_nb = index.ipynb
jupyter_hooks = False
"""
QUARTO = """project: {type: website, output-dir: _docs, resources: [site.js]}
website:
  title: toy
  navbar: {search: true, left: [{text: Start, href: index.ipynb}]}
  sidebar:
    contents:
      - index.ipynb
      - {section: Tools, contents: "tools/0*.ipynb"}
      - {section: Nothing yet, contents: "5*.ipynb"}
format:
  html:
    theme: {light: cosmo, dark: darkly}
    include-in-header: {text: '<script src="site.js" defer></script>'}
    toc: true
"""
WIDGET = 'application/vnd.jupyter.widget-'
LAYOUT = dict(model_module='@jupyter-widgets/base', model_module_version='2.0.0', model_name='LayoutModel',
              state={})
STATE = {WIDGET + 'state+json':dict(version_major=2, version_minor=0, state=dict(m=LAYOUT))}
SLIDER = {WIDGET + 'view+json':dict(model_id='m', version_major=2), 'text/plain':'Slider()'}
WORDS = """## Losses

$$a = b$$

$$\\min_G \\max_D V$$ {#eq-value}

The game @eq-value, its picture @fig-net, `@eq-value` in code, $$x^2$$ in a line;
[start](../index.ipynb#begin).

![Two nets](../images/net.svg){#fig-net}

| a | b |
|---|---|
| 1 | 2 |

: Numbers {#tbl-n}

See @tbl-n and @fig-loss, [the picture inside](#fig-inside), and [`Loss.step`](https://toy.example/toy/tools/losses.html#loss.step).
"""


def cell(i, content):
    "A string is a markdown cell, a tuple a code cell and its outputs"
    if isinstance(content, str): return dict(cell_type='markdown', id=f'c{i}', metadata={}, source=content)
    source, *shown = content
    outputs = [dict(output_type='display_data', metadata={}, data=data) for data in shown]
    return dict(cell_type='code', id=f'c{i}', metadata={}, execution_count=None, source=source,
                outputs=outputs)


def notebook(*contents, **metadata):
    kernel = dict(kernelspec=dict(display_name='python3', language='python', name='python3'))
    cells = [cell(i, content) for i, content in enumerate(contents)]
    return json.dumps(dict(nbformat=4, nbformat_minor=5, metadata={**kernel, **metadata}, cells=cells))


# a picture of one pixel
DOT = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAAAAAA6fptVAAAACklEQVR4nGNgAAAAAgABSK+kcQAAAABJRU5ErkJggg=='
INDEX = """d = dict(settings={}, syms={'toy.losses':{
    'toy.losses.Loss':('tools/losses.html#loss', 'toy/losses.py')}})"""
BEGIN = """## Begin

[losses](tools/03_losses.ipynb#eq-value)

## Get it

<!-- how to get the project stands here -->"""
LOSSES = notebook(
    '# Losses\n\n> What is lost', WORDS, ('#| hide\nsecret = 1',),
    ('#| label: fig-loss\n#| fig-cap: "Loss: by step"\nplot()', {'image/png':DOT}),
    '### Check: what `plot` moves\n\nunderneath',
    ('#| label: fig-inside\n#| fig-cap: Inside\nplot(1)', {'image/png':DOT}),
    '---\n\nThe story goes on.\n\n## Exercises\n\n'
    '<details><summary>Solution to 1</summary>\n\nSolved.\n\n</details>',
    ('slider', SLIDER), widgets=STATE)
FILES = {
    'settings.ini':SETTINGS, '_quarto.yml':QUARTO,
    'toy/__init__.py':'', 'toy/losses.py':'class Loss: "What is lost"', 'toy/_modidx.py':INDEX,
    'nbs/site.js':(ROOT/'nbs/site.js').read_text(encoding='utf-8'),
    'nbs/images/net.svg':'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>',
    'nbs/index.ipynb':notebook('# Toy\n\n> A toy', BEGIN),
    'nbs/tools/03_losses.ipynb':LOSSES}


def environment(root, path=None):
    "Without npm and Quarto, unless a folder `path` has them"
    return {**os.environ, 'PYTHONPATH':str(ROOT), 'PATH':str(path or root/'nothing'), 'OMP_NUM_THREADS':'1'}


@pytest.fixture(scope='session')
def built(tmp_path_factory):
    "A project of two pages, built once by the command: equations, figures, tables, widgets, a hidden cell"
    root = tmp_path_factory.mktemp('site')
    for name, text in FILES.items():
        (root/name).parent.mkdir(parents=True, exist_ok=True)
        (root/name).write_text(text)
    return root, prepared.run('-m', 'ganad.site.docs', cwd=root, env=environment(root))


@pytest.fixture
def toy(built): return built[0]


@pytest.fixture
def build(toy, monkeypatch, capsys):
    "The command in this process, in the toy project or another: its exit code and what it said"
    def start(*arguments, root=toy, path=None):
        monkeypatch.chdir(root)
        monkeypatch.setenv('PATH', str(path or root/'nothing'))
        code = docs.main([*arguments])
        said = capsys.readouterr()
        return code, said.out, said.err
    return start


def page(toy, name='losses.html'): return (toy/'_docs'/name).read_text()


def test_builds_and_says_what_it_left_out(built):
    root, done = built
    assert done.returncode==0, done.stderr
    assert re.match(r'_docs: 2 pages by smalldocs in \d+ s\n$', done.stdout)
    left_out = done.stderr.splitlines()
    assert len(left_out)==2
    assert all(line.startswith('left out: ') and 'npm is missing' in line for line in left_out)
    assert not [*root.glob('*.tmp')] and not [*root.glob('_docs.*')]


def test_equation_is_numbered_and_linked(toy):
    html = page(toy)
    assert re.search(r'<div id="eq-value"[^>]*>.*?\\tag\{1\}.*?</div>', html, re.S)
    assert html.count(r'\tag{')==1           # an equation without a label has no number
    assert '<a href="#eq-value">Equation 1</a>' in html
    assert '<code>@eq-value</code>' in html
    assert 'x^2' in html


def test_figures_and_tables_are_numbered_and_linked(toy):
    html = page(toy)
    assert '<a href="#fig-net">Figure 1</a>' in html and 'Figure 1: Two nets' in html
    assert '<a href="#fig-loss">Figure 2</a>' in html and 'Figure 2: Loss: by step' in html
    assert '<a href="#tbl-n">Table 1</a>' in html and 'Table 1: Numbers' in html
    assert 'id="fig-loss"' in html and 'id="tbl-n"' in html


def test_links_stay_on_the_site(toy):
    html = page(toy)
    assert 'toy.example' not in html
    assert re.search(r'<a href="(./)?losses.html"><code>Loss.step</code>', html) # no such heading: the page
    assert docs.dead_links(toy/'_docs')==[]


@pytest.fixture(scope='module')
def on_github(built, tmp_path_factory):
    "The toy project with an address, built and with its README"
    root = shutil.copytree(built[0], tmp_path_factory.mktemp('address')/'project')
    settings = SETTINGS + 'repository = https://github.com/Us/toy/\n'
    (root/'settings.ini').write_text(settings)
    for option in [], ['--readme']:
        done = prepared.run('-m', 'ganad.site.docs', *option, cwd=root, env=environment(root))
        assert done.returncode==0, done.stderr
    return root


def test_one_address_gives_all_that_needs_one(on_github):
    "Icon, clone command, Colab, source, editing, canonical address, cards, a map for search engines"
    html, start = page(on_github), page(on_github, 'index.html')
    at = 'https://github.com/Us/toy'
    notebook = 'main/nbs/tools/03_losses.ipynb'
    for link in (f'{at}/blob/{notebook}', f'{at}/edit/{notebook}',
                 f'https://colab.research.google.com/github/Us/toy/blob/{notebook}'):
        assert f'<a href="{link}">' in html
    assert f'git clone {at}' in start
    assert re.search(rf'<nav.*href="{at}".*bi-github', html, re.S)
    assert '<link rel="canonical" href="https://us.github.io/toy/losses.html">' in html
    assert '<loc>https://us.github.io/toy/losses.html</loc>' in (on_github/'_docs/sitemap.xml').read_text()
    said = (on_github/'README.md').read_text()
    assert f'git clone {at}' in said and f'({at}/blob/main/nbs/tools/03_losses.ipynb#eq-value)' in said


def test_without_an_address_nothing_needs_one(toy):
    for path in (toy/'_docs').rglob('*.*'):
        if path.suffix not in ('.html', '.md', '.txt', '.json'): continue
        text = path.read_text(encoding='utf-8')
        for word in 'git.example', 'toy.example', 'rel="canonical"', 'Colab', 'git clone', 'download:':
            assert word not in text, (path.name, word)
    assert not (toy/'_docs/sitemap.xml').exists()


def test_the_notebook_of_a_page_is_beside_it(toy):
    at_home = json.loads((toy/'_docs/get/03_losses.ipynb').read_text())
    assert 'href="get/03_losses.ipynb"' in page(toy)
    first, _, words, *_ = at_home['cells']
    assert 'This notebook is the page `losses.html`' in first['source']
    assert 'attachment:net.svg' in words['source'] and '[start](index.ipynb#begin)' in words['source']
    assert all(not cell.get('outputs') for cell in at_home['cells'])


def test_folders_of_notebooks_are_not_seen_in_addresses(toy):
    assert {path.name for path in (toy/'_docs').rglob('*.html')}=={'index.html', 'losses.html'}
    assert 'href="losses.html#eq-value"' in page(toy, 'index.html').replace('./', '')
    assert 'href="index.html#begin"' in page(toy).replace('./', '')
    assert 'src="images/net.svg"' in page(toy).replace('./', '')


def test_hidden_cells_stay_hidden(toy): assert 'secret' not in page(toy)


def test_widgets_keep_their_state(toy):
    html = page(toy)
    assert html.count('vnd.jupyter.widget-state+json')==1
    assert html.count('vnd.jupyter.widget-view+json')==1
    assert '"model_id": "m"' in html


def test_sidebar_has_the_sections_that_have_pages(toy):
    html = page(toy, 'index.html')
    assert 'Tools' in html and 'losses.html' in html and 'Nothing yet' not in html


def test_nothing_points_elsewhere(toy):
    for path in (toy/'_docs').rglob('*.html'):
        assert not re.search(r'<(script|link|img)[^>]*(src|href)="(https?:)?//', path.read_text()), path.name
    for path in (toy/'_docs').rglob('*.css'): assert '@import' not in path.read_text(), path.name


@pytest.fixture
def another_page(toy):
    "Write one more page; it is gone after the test"
    path = toy/'nbs/04_more.ipynb'
    yield lambda text: path.write_text(notebook('# More\n\n> More', text))
    path.unlink()


def test_a_fault_keeps_the_old_site(toy, build, another_page):
    before = page(toy)
    another_page('see @eq-nowhere, [gone](tools/05_gone.ipynb), [there](tools/03_losses.ipynb#nowhere)')
    code, _, said = build()
    assert code==2
    assert 'eq-nowhere' in said and '05_gone' in said
    assert said.splitlines()[-1]=='ganad.site.docs: 2 fault(s) in the site (above); _docs is as it was'
    assert page(toy)==before
    assert not (toy/'_docs/more.html').exists() and not [*toy.glob('_docs.*')]


def test_a_dead_anchor_is_a_fault(build, another_page):
    another_page('[there](tools/03_losses.ipynb#nowhere)')
    code, _, said = build()
    assert code==2
    assert 'more.html: ' in said and '#nowhere' in said


def test_an_unknown_setting_is_a_fault(toy, tmp_path):
    (tmp_path/'_quarto.yml').write_text(QUARTO.replace('search: true', 'search: true, serch: 1'))
    shutil.copytree(toy/'nbs/images', tmp_path/'images')
    docs._prepare(toy/'nbs', tmp_path, 'smalldocs')
    assert docs._render(tmp_path, 'smalldocs')==['unknown key website.navbar.serch']


@SCRIPTS
def test_quarto_is_taken_when_it_is_there(toy, tmp_path, build):
    "A stand-in that writes down what it was given"
    quarto, root = tmp_path/'quarto', tmp_path/'project'
    quarto.write_text(f"""#!{sys.executable}
import pathlib, shutil, sys
site = pathlib.Path('_docs')
site.mkdir()
shutil.copy('_quarto.yml', site/'given.yml')
pages = sorted(path.name for path in pathlib.Path().glob('*.ipynb'))
(site/'index.html').write_text(' '.join([*sys.argv[1:], *pages]))
""")
    quarto.chmod(0o755)
    shutil.copytree(toy, root)
    code, said, fault = build(root=root, path=tmp_path)
    assert code==0 and 'by quarto' in said, fault
    assert (root/'_docs/index.html').read_text()=='render --no-cache index.ipynb losses.ipynb'
    assert '- losses.ipynb' in (root/'_docs/given.yml').read_text()     # the same pages, the same sidebar


def test_quarto_that_is_not_there(capsys, monkeypatch):
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    assert docs.main(['--engine', 'quarto'])==2
    assert 'quarto is not on PATH' in capsys.readouterr().err


def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as end: docs.main(['--help'])
    assert end.value.code==0
    assert 'python -m ganad.site.docs --serve' in capsys.readouterr().out


def test_without_the_tools(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'nbdev.config', None)
    assert docs.main([])==2
    assert capsys.readouterr().err=="ganad.site.docs: the site needs nbdev; pip install 'ganad[dev]'\n"


def test_a_page_has_a_head_and_folded_imports(toy):
    html = page(toy)
    assert 'class="head"' in html
    assert 'min to read' in html
    assert 'make lab NB=03_losses' in html and 'nbs/tools/03_losses.ipynb' in html


@pytest.fixture
def lesson(toy, serve, chrome):
    visit = Visit(chrome, serve(toy/'_docs'), 'losses.html')
    yield visit
    visit.close()


def is_open(visit, fold): return visit.page.locator(fold).evaluate('fold => fold.open')


PROOF = '#check-what-plot-moves'
SOLUTION = 'details:has-text("Solved.")'


def test_proofs_and_solutions_are_closed_at_first(lesson):
    assert lesson.page.locator(f'{PROOF} > summary').inner_text()=='Check: what plot moves'
    assert not is_open(lesson, PROOF) and not is_open(lesson, SOLUTION)
    assert not lesson.page.get_by_text('underneath').is_visible()
    assert not lesson.page.locator('#fig-inside').is_visible()
    assert lesson.page.get_by_text('The story goes on.').is_visible()


def test_folds_open_by_keyboard(lesson):
    for fold in PROOF, SOLUTION:
        lesson.page.locator(f'{fold} > summary').focus()
        for wanted in True, False:
            lesson.page.keyboard.press('Enter')
            assert is_open(lesson, fold)==wanted


def test_a_link_opens_the_fold_that_it_leads_into(toy, lesson, serve, chrome):
    "In the page, twice, and from elsewhere"
    for _ in range(2):
        lesson.page.get_by_role('link', name='the picture inside').click()
        lesson.page.wait_for_function(f"document.querySelector('{PROOF}').open", timeout=5000)
        assert lesson.page.locator('#fig-inside').is_visible()
        lesson.evaluate(f"document.querySelector('{PROOF}').open = false")
    for inside in '#fig-inside', PROOF:
        visit = Visit(chrome, serve(toy/'_docs'), f'losses.html{inside}')
        visit.page.wait_for_function(f"document.querySelector('{PROOF}').open", timeout=5000)
        visit.close()


def test_what_is_folded_is_printed_and_found(toy, lesson):
    lesson.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert is_open(lesson, PROOF) and is_open(lesson, SOLUTION)
    found = [entry['href'] for entry in json.loads((toy/'_docs/search.json').read_text())
             if 'underneath' in entry['text']]
    assert f'losses.html{PROOF}' in found


@pytest.fixture
def preview(toy, tmp_path):
    "The command with `--serve`, on a copy of the toy project: the copy, and a function from page to text"
    root = shutil.copytree(toy, tmp_path/'project')
    process = subprocess.Popen([*COMMAND, '--serve'], cwd=root, env=environment(root), text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    address = next(found[0] for line in process.stdout if (found := re.search(r'http://\S+', line)))
    yield root, lambda name: urlopen(address + name, timeout=10).read().decode()
    process.terminate()
    process.wait(10)
    process.stdout.close()


def test_preview_builds_again_and_tells_the_pages(preview):
    "A change in a notebook: a new site, and a new version for the pages that are open"
    root, get = preview
    with pytest.raises(HTTPError, match='400'): get('%00.html')     # it names no file
    version = get('__smalldocs__/version')
    assert '__smalldocs__/version' in get('losses.html') and '__smalldocs__/version' in get('')
    assert '__smalldocs__/version' not in page(root)          # of the site itself
    path = root/'nbs/tools/03_losses.ipynb'
    path.write_text(path.read_text().replace('The game @eq-value', 'The new game @eq-value'))
    end = time.monotonic() + 120
    while get('__smalldocs__/version')==version and time.monotonic()<end: time.sleep(.3)
    assert get('__smalldocs__/version')!=version
    assert 'The new game' in get('losses.html')


def test_times_are_written_for_the_notebooks_there_are(toy, build, monkeypatch):
    monkeypatch.setattr(docs, '_run_time', lambda path: 1.5)
    times = toy/'nbs/times.json'
    times.write_text('{"99_gone": 3.0}')
    assert build('--times')[0]==0
    assert json.loads(times.read_text())=={'03_losses':1.5}


def test_workflows_name_what_is_there():
    "They cannot be run here; what they call must exist"
    import yaml
    for path in (ROOT/'.github/workflows').glob('*.yml'):
        jobs = yaml.safe_load(path.read_text(encoding='utf-8'))['jobs']
        commands = ' '.join(step.get('run', '') for job in jobs.values() for step in job['steps'])
        assert all((ROOT/name).exists() for name in re.findall(r'tests(?:/\w+\.py)?', commands)), path.name
    jobs = yaml.safe_load((ROOT/'.github/workflows/ci.yml').read_text())['jobs']
    matrix = jobs['test']['strategy']['matrix']
    assert matrix['python']==['3.10', '3.11', '3.12', '3.13']
    assert len(matrix['os'])==3


def test_who_cites_finds_the_same_twice():
    import yaml
    citation = yaml.safe_load((ROOT/'CITATION.cff').read_text(encoding='utf-8'))
    assert f"version = {citation['version']}" in (ROOT/'settings.ini').read_text(encoding='utf-8')
    assert citation['title'] in (ROOT/'README.md').read_text(encoding='utf-8')


def test_outside_a_checkout(tmp_path, build):
    code, _, said = build(root=tmp_path)
    assert code==2
    assert said.splitlines()[-1].startswith('ganad.site.docs: no settings.ini here or above')


def test_readme_is_the_index(toy, build):
    wanted = '# Toy\n\n> A toy\n\n## Begin\n\n[losses](nbs/tools/03_losses.ipynb#eq-value)\n\n## Get it\n\n'
    for _ in range(2):
        assert build('--readme')[0]==0
        said = (toy/'README.md').read_text()
        assert said.startswith(wanted) and 'make demo' in said and 'git clone' not in said


def test_a_package_is_unpacked_whole_or_not_at_all(tmp_path):
    (tmp_path/'bad.tgz').write_bytes(b'no archive')
    with pytest.raises(tarfile.TarError): docs._unpack(tmp_path/'bad.tgz', '.*', tmp_path/'npm/x@1')
    assert not (tmp_path/'npm/x@1').exists()


@SCRIPTS
def test_npm_that_fails_is_one_line(tmp_path, monkeypatch):
    npm = tmp_path/'npm'
    npm.write_text('#!/bin/sh\necho "npm error network" >&2\nexit 1\n')
    npm.chmod(0o755)
    monkeypatch.setenv('PATH', f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    with pytest.raises(GanadError, match='npm pack katex@1 failed: npm error network'):
        docs.fetch_package('katex@1', tmp_path/'cache')


# The picture of the rooms

def test_picture_of_the_rooms_is_fresh():
    drawn = (ROOT/'nbs/images/rooms.svg').read_text(encoding='utf-8')
    assert drawn==rooms.rooms_svg(ROOT/'ganad'), 'run python -m ganad.site.rooms'


def test_rooms_import_each_other_in_one_direction():
    imports = rooms.room_imports(ROOT/'ganad')
    layer = rooms._layers(imports)                                        # an error if there is a circle
    assert all(layer[other]<layer[room] for room, others in imports.items() for other in others)
    with pytest.raises(GanadError, match='rooms import each other'):
        rooms._layers({**imports, 'core':{'cli'}})


def test_arrows_lead_down_and_stand_for_every_import():
    imports = rooms.room_imports(ROOT/'ganad')
    shown = rooms._without_detours(imports)
    def reachable(graph, room): return nx.descendants(nx.DiGraph(graph), room)
    for room in imports: assert reachable(shown, room)==reachable(imports, room)
    places = re.findall(r'd="M\d+ (\d+)C.* \d+ (\d+)"', rooms.rooms_svg(ROOT/'ganad'))
    assert len(places)>=len(imports)
    assert all(int(start)<int(end) for start, end in places)
