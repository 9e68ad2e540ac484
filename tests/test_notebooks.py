"Every notebook: small, clean, tied to its module, each export used at once, and it runs from top to bottom"
import ast, json, os, re, shutil, subprocess, sys, time, warnings
from configparser import ConfigParser
from pathlib import Path
import pytest
from project import NBS, NOTEBOOKS, NUMBERED, ROOT, TEMPLATE, folder_of, is_lesson, name_of

ALL = [*NOTEBOOKS, TEMPLATE]
METHODS = [*filter(is_lesson, NUMBERED), TEMPLATE]
LOOKED_UP = 'symbols', 'references', 'docs', 'pages'
PATH = [p for p in NUMBERED if name_of(p) not in LOOKED_UP] + [TEMPLATE]         # what is read to learn something
TOOLKIT = [p for p in PATH if folder_of(p)!='methods' and not (folder_of(p)=='evidence' and p.name[0]=='9')]
HEADINGS = ['Idea','Maths','Networks','Losses','Train','Score','Results','Deviations','Exercises']
HIDDEN = {'export','hide','default_exp'}
MACHINE = re.compile(r'(?<![\w.:/~$})\]])/(?:home|root|work|tmp|mnt|Users|private)/[\w.~-]|[A-Z]:\\\\?Users')

notebooks = lambda nbs: pytest.mark.parametrize('nb', nbs, ids=lambda p: p.stem)

def source(cell): return ''.join(cell['source'])

def cells(nb, kind=None): return [c for c in json.loads(nb.read_text(encoding='utf-8'))['cells'] if kind in (None, c['cell_type'])]

def flags(cell): return {*re.findall(r'^#\|\s*(\w+)', source(cell), re.M)}

def code(cell): return [l for l in source(cell).splitlines() if l.strip() and not l.startswith('#|')]

def tree(cell): return ast.parse(re.sub(r'^\s*[%!].*$', '', source(cell), flags=re.M))

def exports(nb): return [(i,c) for i,c in enumerate(cells(nb, 'code')) if flags(c)&{'export','exports'}]

def outputs(nb): return [o for c in cells(nb, 'code') for o in c['outputs']]

def text_of(output):
    "What an output shows as text; pictures and interactive state are not text"
    data = {k:v for k,v in output.get('data', {}).items() if k.startswith('text/')}
    return '\n'.join(''.join(v) for v in [output.get('text', ''), *data.values()])

def names(nodes):
    return {getattr(n, 'id', getattr(n, 'attr', None)) for o in nodes for n in ast.walk(o) if isinstance(n, (ast.Name,ast.Attribute))}

# What the file is

@notebooks(ALL)
def test_small(nb):
    assert nb.stat().st_size<=300*1024, f'{nb.stat().st_size>>10} KB; lower the dpi of its figures'
    big = [len(json.dumps(o))>>10 for o in outputs(nb) if len(json.dumps(o))>80*1024]
    assert not big, f'outputs of {big} KB; 80 is the ceiling'

@notebooks(ALL)
def test_clean(nb):
    "A run leaves no traces: no counters, no errors, nothing of the editor; nbdev_clean would change nothing"
    from nbdev.clean import clean_nb
    from execnb.nbio import nb2str, read_nb
    n = read_nb(nb); clean_nb(n)
    assert nb2str(n)==nb.read_text(encoding='utf-8'), 'run nbdev_clean'
    assert not [o for o in outputs(nb) if o['output_type']=='error']
    assert not [o for o in outputs(nb) if o.get('name')=='stderr' and 'Traceback' in text_of(o)]

@notebooks(ALL)
def test_knows_no_machine(nb):
    text = [source(c) for c in cells(nb)] + [text_of(o) for o in outputs(nb)]
    assert not [l.strip()[:120] for t in text for l in t.splitlines() if MACHINE.search(l)], 'paths of one machine'

@notebooks(NUMBERED)
def test_shows_what_it_does(nb):
    "Saved outputs are what the pages show: a lesson without them is blank there"
    assert outputs(nb), 'no saved outputs: run it and save'
    drawn = [o for o in outputs(nb) if {*o.get('data', {})}&{'image/png','image/svg+xml'}]
    linked = [c for c in cells(nb, 'markdown') if '![' in source(c)]
    assert drawn or linked, 'no picture'

# How it is written

@notebooks(ALL)
def test_one_title(nb):
    "Name and one sentence: the head of the page and the docstring of the module"
    title = [source(c) for c in cells(nb, 'markdown') if re.search(r'^# ', source(c), re.M)]
    assert len(title)==1 and re.match(r'# [^\n]+\n\n> [^\n]+', title[0])

@notebooks(METHODS)
def test_headings_of_a_method(nb):
    assert [h for c in cells(nb, 'markdown') for h in re.findall(r'^## (.+?)\s*$', source(c), re.M)]==HEADINGS

def solutions(nb):
    "Code of the folded solutions, in their order"
    text = '\n'.join(source(c) for c in cells(nb, 'markdown'))
    folded = re.findall(r'<summary>Solution[^<]*</summary>(.*?)</details>', text, re.S)
    return [code for f in folded for code in re.findall(r'^~~~python\n(.*?)\n~~~$', f, re.S | re.M)]

@notebooks(PATH)
def test_ends_with_a_summary_and_exercises(nb):
    "Five lines to keep, something to do, and a solution that unfolds"
    text = '\n'.join(source(c) for c in cells(nb, 'markdown'))
    five = re.search(r'^(?:\*\*In five lines\*\*|## Summary)\n\n((?:[1-5]\. .+\n?(?:   .+\n?)*){5})(?:\n|\Z)', text, re.M)
    assert five and len(re.findall(r'^\d\. ', five[1], re.M))==5, 'no summary of five lines'
    exercises = re.split(r'^## Exercises$', text, flags=re.M)[1:]
    assert len(exercises)==1 and '<details><summary>' in exercises[0], 'no exercises with a folded solution'
    assert not re.search(r'^##+ ', exercises[0], re.M), 'a section after the exercises'

@notebooks(ALL)
def test_lines_fit(nb):
    long = [l[:60] for c in cells(nb, 'code') for l in code(c) if len(l)>110]
    assert not long, f'{len(long)} lines of code over 110 characters: {long}'

@notebooks([n for n in ALL if exports(n)])
def test_every_export_is_used_at_once(nb):
    "A public definition is used in the rest of its own cell or in the next two code cells"
    all_cells,lost = cells(nb, 'code'),[]
    own = {d.name for _,c in exports(nb) for d in tree(c).body if isinstance(d, ast.FunctionDef)}
    for i,c in exports(nb):
        body = tree(c).body
        for d in body:
            if not isinstance(d, (ast.FunctionDef,ast.ClassDef)) or d.name[0]=='_': continue
            near = names([n for n in body if n is not d] + [tree(o) for o in all_cells[i+1:i+3]])
            if d.name not in near and not names(d.decorator_list)&own: lost.append(d.name)      # else its decorator registers it
    assert not lost, f'not used within two code cells: {", ".join(lost)}'

@notebooks([n for n in ALL if exports(n)])
def test_imports_stand_alone(nb):
    "nbdev runs a cell with an import again at every build of the pages, and replaces its output"
    for c in cells(nb, 'code'):
        body = tree(c).body
        assert len({isinstance(n, (ast.Import,ast.ImportFrom)) for n in body})<2 or flags(c)&{'export','exports','slow'}, code(c)[0]

# It runs

RUN = """import sys
from pathlib import Path
from nbdev.test import test_nb
skip,force,root = sys.argv[2].split(),sys.argv[3].split(),sys.argv[4]
sys.exit(not test_nb(Path(sys.argv[1]), skip_flags=skip, force_flags=force, basepath=root)[0])"""

def usual(nb): return 60 if nb in METHODS or nb.name[0]=='9' else 15     # seconds, on two idle cores

@pytest.fixture
def place(tmp_path):
    "A folder with the project in it, where notebooks may leave what they like in a copy of nbs/"
    for p in ROOT.iterdir():
        if p.name[0]!='.' and p.name not in ('nbs','_docs','_proc','build'): (tmp_path/p.name).symlink_to(p)
    shutil.copytree(ROOT/'nbs', tmp_path/'nbs', ignore=shutil.ignore_patterns('.*','__pycache__','ganad-demo'))
    return tmp_path

def run(nb, place, force='', patience=8):
    "Run a notebook as nbdev_test does; its time is reported, and only one out of all proportion fails"
    s = ConfigParser(delimiters=['=']); s.read(ROOT/'settings.ini', encoding='utf-8')
    env = {**os.environ, 'PYTHONPATH':str(ROOT), 'OMP_NUM_THREADS':'1', 'MPLBACKEND':'agg'}
    start,there = time.perf_counter(),{*place.rglob('*')}
    p = subprocess.run([sys.executable,'-W','ignore','-c',RUN,place/nb.relative_to(ROOT),s['DEFAULT']['tst_flags'],force,ROOT], env=env,
                       capture_output=True, text=True, timeout=patience*usual(nb))
    took = time.perf_counter() - start
    assert p.returncode==0, p.stderr[-4000:]
    left = [n.relative_to(place).as_posix() for n in {*place.rglob('*')}-there if '__pycache__' not in n.parts]
    assert not left, f'it left files behind: {sorted(left)[:5]}'
    return took

def with_solutions(nb, place):
    "To the copy that is run, a cell for each solution: they are code of the reader's, and must run as well"
    path = place/nb.relative_to(ROOT); n = json.loads(path.read_text(encoding='utf-8'))
    n['cells'] += [dict(cell_type='code', id=f'solution{i}', metadata={}, outputs=[], execution_count=None, source=code)
                   for i,code in enumerate(solutions(nb))]
    path.write_text(json.dumps(n), encoding='utf-8')

@notebooks(ALL)
def test_runs(nb, place):
    if nb in TOOLKIT: with_solutions(nb, place)
    if (took := run(nb, place))>usual(nb): warnings.warn(f'{nb.stem} took {took:.0f} s; {usual(nb)} is what a reader should wait for')

@pytest.mark.slow
@notebooks([n for n in ALL if any('slow' in flags(c) for c in cells(n, 'code'))])
def test_runs_with_slow_cells(nb, place): run(nb, place, force='slow', patience=100)

# Nothing has drifted

@pytest.fixture(scope='module')
def made_again(tmp_path_factory):
    "A copy of the project after nbdev_clean, nbdev_export and a new README"
    to = tmp_path_factory.mktemp('project')
    for n in 'nbs','ganad': shutil.copytree(ROOT/n, to/n, ignore=shutil.ignore_patterns('__pycache__','.ipynb_checkpoints'))
    for n in 'settings.ini','setup.py': shutil.copy(ROOT/n, to)
    env = {k:v for k,v in os.environ.items() if k!='IN_TEST'} | {'PYTHONPATH':str(to)}
    for c in ('from nbdev.clean import nbdev_clean as f; f()', 'from nbdev.doclinks import nbdev_export as f; f()',
              'from ganad.site.docs import main; main(["--readme"])'):
        p = subprocess.run([sys.executable,'-W','ignore','-c',c], cwd=to, env=env, capture_output=True, text=True)
        assert p.returncode==0, p.stderr[-3000:]
    return to

def texts(root, folder, ext):
    found = [p for p in (root/folder).rglob('*'+ext) if '.ipynb_' not in str(p)]
    return {p.relative_to(root).as_posix():p.read_text(encoding='utf-8') for p in found}

@pytest.mark.parametrize('folder,ext', [('nbs','.ipynb'), ('ganad','.py')])
def test_export_and_clean_change_nothing(made_again, folder, ext):
    here,there = texts(ROOT, folder, ext),texts(made_again, folder, ext)
    assert sorted(n for n in {*here,*there} if here.get(n)!=there.get(n))==[], 'run `make export`'

def test_readme_is_made_from_the_index(made_again):
    assert (ROOT/'README.md').read_text(encoding='utf-8')==(made_again/'README.md').read_text(encoding='utf-8'), 'run `make export`'
