"The adapter behind `python -m ganad.site.docs`, on a small site made for it; nothing is fetched"
import json, os, re, shutil, subprocess, sys, tarfile
from pathlib import Path
import pytest

pytest.importorskip('nbdev')
pytest.importorskip('smalldocs')
from ganad.site import docs
from ganad.core import GanadError

ROOT = Path(__file__).resolve().parent.parent
SCRIPTS = pytest.mark.skipif(os.name=='nt', reason='scripts with a first line for the shell stand in')
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
QUARTO = """project: {type: website, output-dir: _docs}
website:
  title: toy
  navbar: {search: true, left: [{text: Start, href: index.ipynb}]}
  sidebar:
    contents:
      - index.ipynb
      - {section: Tools, contents: "0*.ipynb"}
      - {section: Nothing yet, contents: "5*.ipynb"}
format: {html: {theme: {light: cosmo, dark: darkly}, toc: true}}
"""
STATE = {'application/vnd.jupyter.widget-state+json': dict(version_major=2, version_minor=0, state=dict(m=dict(
    model_module='@jupyter-widgets/base', model_module_version='2.0.0', model_name='LayoutModel', state={})))}
WORDS = """## Losses

$$a = b$$

$$\\min_G \\max_D V$$ {#eq-value}

The game @eq-value, its picture @fig-net, `@eq-value` in code, $$x^2$$ in a line; [start](index.ipynb#begin).

![Two nets](net.svg){#fig-net}

| a | b |
|---|---|
| 1 | 2 |

: Numbers {#tbl-n}

See @tbl-n and @fig-loss, and [`Loss.step`](https://toy.example/toy/losses.html#loss.step).
"""

def nb(*cells, **meta):
    "A notebook; a tuple is a code cell and its outputs, a string a markdown cell"
    def cell(i, c):
        if isinstance(c, str): return dict(cell_type='markdown', id=f'c{i}', metadata={}, source=c)
        outs = [dict(output_type='display_data', metadata={}, data=d) for d in c[1:]]
        return dict(cell_type='code', id=f'c{i}', metadata={}, execution_count=None, source=c[0], outputs=outs)
    kernel = dict(kernelspec=dict(display_name='python3', language='python', name='python3'))
    return dict(nbformat=4, nbformat_minor=5, metadata=kernel | meta, cells=[cell(i, c) for i,c in enumerate(cells)])

def write_site(root):
    "A project of two pages: equations, figures, tables, widgets, a hidden cell, an address of its own site"
    for d in 'nbs','toy': (root/d).mkdir()
    for f,t in {'settings.ini':SETTINGS, '_quarto.yml':QUARTO, 'toy/__init__.py':'', 'toy/_modidx.py':"d = dict(syms={}, settings={})",
                'nbs/net.svg':'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"></svg>'}.items(): (root/f).write_text(t)
    page = nb('# Losses\n\n> What is lost', WORDS, ('#| hide\nsecret = 1',),
              ('#| label: fig-loss\n#| fig-cap: "Loss: by step"\nplot()', {'image/png':'iVBORw0KGgo='}),
              ('slider', {'application/vnd.jupyter.widget-view+json':dict(model_id='m', version_major=2), 'text/plain':'Slider()'}), widgets=STATE)
    for f,n in {'03_losses':page, 'index':nb('# Toy\n\n> A toy', '## Begin\n\n[losses](03_losses.ipynb#eq-value)')}.items():
        (root/'nbs'/f'{f}.ipynb').write_text(json.dumps(n))
    return root

def run(root, *args, path=None):
    "`python -m ganad.site.docs` in a project, without npm and Quarto unless `path` has them"
    env = os.environ | dict(PYTHONPATH=str(ROOT), PATH=str(path or root/'nothing'), OMP_NUM_THREADS='1')
    return subprocess.run([sys.executable,'-W','ignore','-m','ganad.site.docs',*args], cwd=root, env=env, capture_output=True, text=True)

@pytest.fixture(scope='module')
def toy(tmp_path_factory):
    root = write_site(tmp_path_factory.mktemp('site'))
    return root, run(root)

def page(toy, name='losses.html'): return (toy[0]/'_docs'/name).read_text()

def test_builds_and_says_what_it_left_out(toy):
    root,r = toy
    assert r.returncode==0, r.stderr
    assert re.match(r'_docs: 2 pages by smalldocs in \d+ s\n$', r.stdout)
    left = r.stderr.splitlines()
    assert len(left)==2 and all(l.startswith('left out: ') and 'npm is missing' in l for l in left)
    assert not [*root.glob('*.tmp')] and not [*root.glob('_docs.*')]

def test_equation_is_numbered_and_linked(toy):
    t = page(toy)
    assert re.search(r'<div id="eq-value"[^>]*>.*?\\tag\{1\}.*?</div>', t, re.S)
    assert t.count(r'\tag{')==1                                  # the equation without a label has no number
    assert '<a href="#eq-value">Equation 1</a>' in t and '<code>@eq-value</code>' in t
    assert 'x^2' in t and 'href="losses.html#eq-value"' in page(toy, 'index.html').replace('./','')

def test_figures_and_tables_are_numbered_and_linked(toy):
    t = page(toy)
    assert '<a href="#fig-net">Figure 1</a>' in t and 'Figure 1: Two nets' in t
    assert '<a href="#fig-loss">Figure 2</a>' in t and 'Figure 2: Loss: by step' in t and 'id="fig-loss"' in t
    assert '<a href="#tbl-n">Table 1</a>' in t and 'Table 1: Numbers' in t and 'id="tbl-n"' in t

def test_links_stay_on_the_site(toy):
    t = page(toy)
    assert 'toy.example' not in t
    assert re.search(r'<a href="(./)?losses.html"><code>Loss.step</code>', t)   # no such heading: the page itself
    assert docs.dead_links(toy[0]/'_docs')==[]

def test_hidden_cells_stay_hidden(toy): assert 'secret' not in page(toy)

def test_widgets_keep_their_state(toy):
    t = page(toy)
    assert t.count('vnd.jupyter.widget-state+json')==1 and t.count('vnd.jupyter.widget-view+json')==1 and '"model_id": "m"' in t

def test_sidebar_has_the_sections_that_have_pages(toy):
    t = page(toy, 'index.html')
    assert 'Tools' in t and 'losses.html' in t and 'Nothing yet' not in t

def test_nothing_points_elsewhere(toy):
    for f in (toy[0]/'_docs').rglob('*.html'): assert not re.search(r'<(script|link|img)[^>]*(src|href)="(https?:)?//', f.read_text()), f.name
    for f in (toy[0]/'_docs').rglob('*.css'): assert '@import' not in f.read_text(), f.name

def test_a_fault_keeps_the_old_site(toy):
    root,_ = toy
    old = page(toy)
    more = root/'nbs/04_more.ipynb'
    more.write_text(json.dumps(nb('# More\n\n> More', 'see @eq-nowhere, [gone](05_gone.ipynb), [there](03_losses.ipynb#nowhere)')))
    try: r = run(root)
    finally: more.unlink()
    assert r.returncode==2 and 'eq-nowhere' in r.stderr and '05_gone' in r.stderr
    assert r.stderr.splitlines()[-1]=='ganad.site.docs: 2 fault(s) in the site (above); _docs is as it was'
    assert page(toy)==old and not (root/'_docs/more.html').exists() and not [*root.glob('_docs.*')]

def test_a_dead_anchor_is_a_fault(toy):
    (toy[0]/'nbs/04_more.ipynb').write_text(json.dumps(nb('# More\n\n> More', '[there](03_losses.ipynb#nowhere)')))
    try: r = run(toy[0])
    finally: (toy[0]/'nbs/04_more.ipynb').unlink()
    assert r.returncode==2 and 'more.html: ' in r.stderr and '#nowhere' in r.stderr

def test_an_unknown_setting_is_a_fault(tmp_path):
    (tmp_path/'_quarto.yml').write_text(QUARTO.replace('search: true', 'search: true, serch: 1'))
    (tmp_path/'index.ipynb').write_text(json.dumps(nb('# T')))
    out = docs.prepare(tmp_path, 'smalldocs')
    assert docs.render(tmp_path, out, 'smalldocs')==['unknown key website.navbar.serch']

@SCRIPTS
def test_quarto_is_taken_when_it_is_there(toy, tmp_path):
    "A stand-in that writes down what it was given"
    q = tmp_path/'quarto'
    q.write_text(f'#!{sys.executable}\nimport pathlib,shutil,sys\np=pathlib.Path("_docs"); p.mkdir()\n'
                 'shutil.copy("_quarto.yml", p/"given.yml")\n(p/"index.html").write_text(" ".join(sys.argv[1:]))\n')
    q.chmod(0o755)
    root = tmp_path/'project'
    shutil.copytree(toy[0], root)
    r = run(root, path=tmp_path)
    assert r.returncode==0 and 'by quarto' in r.stdout, r.stderr
    assert (root/'_docs/index.html').read_text()=='render --no-cache'
    assert '03_losses.ipynb' in (root/'_docs/given.yml').read_text()         # the same sidebar, by the notebooks' own names

def test_quarto_that_is_not_there(capsys, monkeypatch):
    monkeypatch.setattr(shutil, 'which', lambda name: None)
    assert docs.main(['--engine','quarto'])==2
    assert 'quarto is not on PATH' in capsys.readouterr().err

def test_help_has_examples(capsys):
    with pytest.raises(SystemExit) as e: docs.main(['--help'])
    assert e.value.code==0 and 'python -m ganad.site.docs --serve' in capsys.readouterr().out

def test_without_the_tools(monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, 'nbdev.config', None)
    assert docs.main([])==2
    assert capsys.readouterr().err=="ganad.site.docs: the site needs nbdev: pip install 'ganad[dev]'\n"

def test_a_page_has_a_head_and_folded_imports(toy):
    t = page(toy)
    assert 'min to read' in t and 'make lab NB=03_losses' in t and 'class="head"' in t

def test_preview_builds_again_and_tells_the_pages(tmp_path):
    "A change in a notebook: a new site, and a new version for the pages that are open"
    import time
    from urllib.request import urlopen
    root = write_site(tmp_path)
    env = os.environ | dict(PYTHONPATH=str(ROOT), PATH=str(root/'nothing'), OMP_NUM_THREADS='1')
    p = subprocess.Popen([sys.executable,'-W','ignore','-u','-m','ganad.site.docs','--serve'], cwd=root, env=env, stdout=subprocess.PIPE,
                         stderr=subprocess.DEVNULL, text=True)
    try:
        url = next(re.search(r'http://\S+', l)[0] for l in p.stdout if 'http://' in l)
        get = lambda f: urlopen(url+f, timeout=10).read().decode()
        version = get('.version')
        assert '/.version' in get('losses.html') and '/.version' in get('') and '/.version' not in (root/'_docs/losses.html').read_text()
        f = root/'nbs/03_losses.ipynb'
        f.write_text(f.read_text().replace('The game @eq-value', 'The new game @eq-value'))
        for _ in range(300):
            if get('.version')!=version: break
            time.sleep(.3)
        assert get('.version')!=version and 'The new game' in get('losses.html')
    finally: p.terminate(); p.wait(10); p.stdout.close()

def test_times_are_written_for_the_notebooks_there_are(toy, monkeypatch, capsys):
    monkeypatch.setattr(docs, 'run_time', lambda p: 1.5)
    monkeypatch.chdir(toy[0])
    (toy[0]/'nbs/times.json').write_text('{"99_gone": 3.0}')
    assert docs.main(['--times'])==0
    assert json.loads((toy[0]/'nbs/times.json').read_text())=={'03_losses':1.5}

def test_workflows_name_what_is_there():
    "They cannot be run here; what they call must exist"
    import yaml
    for f in (ROOT/'.github/workflows').glob('*.yml'):
        jobs = yaml.safe_load(f.read_text(encoding='utf-8'))['jobs']
        runs = ' '.join(s.get('run', '') for j in jobs.values() for s in j['steps'])
        assert all((ROOT/t).exists() for t in re.findall(r'tests(?:/\w+\.py)?', runs)), f.name
    matrix = yaml.safe_load((ROOT/'.github/workflows/ci.yml').read_text())['jobs']['test']['strategy']['matrix']
    assert matrix['python']==['3.10','3.11','3.12','3.13'] and len(matrix['os'])==3

def test_who_cites_finds_the_same_twice():
    import yaml
    cff,ini = yaml.safe_load((ROOT/'CITATION.cff').read_text(encoding='utf-8')),(ROOT/'settings.ini').read_text(encoding='utf-8')
    assert f"version = {cff['version']}" in ini and cff['title'] in (ROOT/'README.md').read_text(encoding='utf-8')

def test_outside_a_checkout(tmp_path):
    r = run(tmp_path)
    assert r.returncode==2 and r.stderr.splitlines()[-1].startswith('ganad.site.docs: no settings.ini here or above')

def test_readme_is_the_index(toy):
    root,_ = toy
    assert run(root, '--readme').returncode==0
    first = (root/'README.md').read_text()
    assert first=='# Toy\n\n> A toy\n\n## Begin\n\n[losses](nbs/03_losses.ipynb#eq-value)\n'
    run(root, '--readme')
    assert (root/'README.md').read_text()==first

def test_a_package_is_unpacked_whole_or_not_at_all(tmp_path):
    (tmp_path/'bad.tgz').write_bytes(b'no archive')
    with pytest.raises(tarfile.TarError): docs.unpack(tmp_path/'bad.tgz', '.*', tmp_path/'npm/x@1')
    assert not (tmp_path/'npm/x@1').exists()

@SCRIPTS
def test_npm_that_fails_is_one_line(tmp_path, monkeypatch):
    npm = tmp_path/'npm'
    npm.write_text('#!/bin/sh\necho "npm error network" >&2\nexit 1\n')
    npm.chmod(0o755)
    monkeypatch.setenv('PATH', f'{tmp_path}:/bin:/usr/bin')
    with pytest.raises(GanadError, match='npm pack katex@1 failed: npm error network'): docs.vendor('katex@1', tmp_path/'cache')
