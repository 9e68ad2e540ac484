"Every notebook: small, clean, tied to its module, each export used at once, and it runs from top to bottom"
import ast
import json
import os
import re
import shutil
import time
import warnings
from configparser import ConfigParser

import prepared
import pytest
from notebook_runner import run_notebook
from project import NBS, NOTEBOOKS, NUMBERED, ROOT, TEMPLATE, folder_of, is_lesson, name_of

ALL = [*NOTEBOOKS, TEMPLATE]
LESSONS = [*filter(is_lesson, NUMBERED), TEMPLATE]
LOOKED_UP = 'symbols', 'references', 'docs', 'pages', 'rooms'
TO_LEARN_FROM = [path for path in NUMBERED if name_of(path) not in LOOKED_UP] + [TEMPLATE]
ASKED = [path for path in NUMBERED if folder_of(path)=='methods']
EXPERIMENTS = [path for path in NUMBERED if folder_of(path)=='evidence' and path.name.startswith('9')]
TOOLS = [path for path in TO_LEARN_FROM if folder_of(path)!='methods' and path not in EXPERIMENTS]
HEADINGS = ['Idea', 'Maths', 'Networks', 'Losses', 'Train', 'Score', 'Results', 'Deviations', 'Exercises']
OF_ONE_MACHINE = re.compile(
    r'(?<![\w.:/~$})\]])/(?:home|root|work|tmp|mnt|Users|private)/[\w.~-]|[A-Z]:\\\\?Users')


def each(notebooks): return pytest.mark.parametrize('notebook', notebooks, ids=lambda path: path.stem)


def source(cell): return ''.join(cell['source'])


def cells(notebook, kind=None):
    "Its cells, or those of one kind"
    everything = json.loads(notebook.read_text(encoding='utf-8'))['cells']
    return [cell for cell in everything if kind in (None, cell['cell_type'])]


def markdown(notebook): return '\n'.join(source(cell) for cell in cells(notebook, 'markdown'))


def flags(cell):
    "What nbdev is told of a code cell"
    return set(re.findall(r'^#\|\s*(\w+)', source(cell), re.M))


def code_lines(cell):
    "Without blank lines, and without what nbdev is told"
    return [line for line in source(cell).splitlines() if line.strip() and not line.startswith('#|')]


def statements(cell): return ast.parse(re.sub(r'^\s*[%!].*$', '', source(cell), flags=re.M)).body


def is_export(cell): return bool(flags(cell) & {'export', 'exports'})


def has_exports(notebook): return any(map(is_export, cells(notebook, 'code')))


def outputs(notebook): return [output for cell in cells(notebook, 'code') for output in cell['outputs']]


def text_of(output):
    "What an output shows as text; pictures and interactive state are not text"
    texts = [''.join(text) for kind, text in output.get('data', {}).items() if kind.startswith('text/')]
    return '\n'.join([''.join(output.get('text', '')), *texts])


def names_in(nodes):
    "Every name and attribute below some nodes of a syntax tree"
    inside = [node for top in nodes for node in ast.walk(top)]
    names = {node.id for node in inside if isinstance(node, ast.Name)}
    return names | {node.attr for node in inside if isinstance(node, ast.Attribute)}


# What the file is

@each(ALL)
def test_small(notebook):
    assert notebook.stat().st_size<=600*1024, 'lower the dpi of its figures'
    for output in outputs(notebook): assert len(json.dumps(output))<=160*1024, 'an output is too large'


@each(ALL)
def test_clean(notebook):
    "A run leaves no traces: no counters, no errors, nothing of the editor; nbdev_clean would change nothing"
    from execnb.nbio import nb2str, read_nb
    from nbdev.clean import clean_nb
    content = read_nb(notebook)
    clean_nb(content)
    assert nb2str(content)==notebook.read_text(encoding='utf-8'), 'run `make export`'
    for output in outputs(notebook):
        assert output['output_type']!='error'
        assert output.get('name')!='stderr' or 'Traceback' not in text_of(output)


@each(ALL)
def test_knows_no_machine(notebook):
    texts = [source(cell) for cell in cells(notebook)] + [text_of(output) for output in outputs(notebook)]
    for text in texts:
        for line in text.splitlines(): assert not OF_ONE_MACHINE.search(line), line[:120]


@each(NUMBERED)
def test_shows_what_it_does(notebook):
    "Saved outputs are what the pages show: a lesson without them is blank there"
    assert outputs(notebook), 'no saved outputs: run it and save'
    kinds = {kind for output in outputs(notebook) for kind in output.get('data', {})}
    drawn = kinds & {'image/png', 'image/svg+xml'}
    assert drawn or '![' in markdown(notebook), 'no picture'


# How it is written

@each(ALL)
def test_one_title(notebook):
    "Name and one sentence: the head of the page and the docstring of the module"
    titles = [source(cell) for cell in cells(notebook, 'markdown') if re.search(r'^# ', source(cell), re.M)]
    assert len(titles)==1
    assert re.match(r'# [^\n]+\n\n> [^\n]+', titles[0])


@each([notebook for notebook in LESSONS if notebook!=TEMPLATE])
def test_nothing_is_left_of_the_template(notebook):
    everything = notebook.read_text(encoding='utf-8')
    for words in ('say what a reader can do afterwards', 'eq-template', 'fig-template', 'models.template'):
        assert words not in everything


@each(LESSONS)
def test_headings_of_a_method(notebook):
    assert re.findall(r'^## (.+?)\s*$', markdown(notebook), re.M)==HEADINGS


def solutions(notebook):
    "Code of the folded solutions, in their order"
    folded = re.findall(r'<summary>Solution[^<]*</summary>(.*?)</details>', markdown(notebook), re.S)
    return [code for fold in folded for code in re.findall(r'^~~~python\n(.*?)\n~~~$', fold, re.S | re.M)]


@each(TO_LEARN_FROM)
def test_ends_with_a_summary_and_exercises(notebook):
    "Five lines to keep, something to do, and a solution that unfolds"
    text = markdown(notebook)
    title = r'^(?:\*\*In five lines\*\*|## Summary)\n\n'
    summary = re.search(title + r'((?:[1-5]\. .+\n?(?:   .+\n?)*){5})(?:\n|\Z)', text, re.M)
    assert summary, 'no summary of five lines'
    assert len(re.findall(r'^\d\. ', summary[1], re.M))==5, 'no summary of five lines'
    exercises = re.split(r'^## Exercises$', text, flags=re.M)[1:]
    assert len(exercises)==1
    assert '<details><summary>' in exercises[0], 'no folded solution'
    assert not re.search(r'^##+ ', exercises[0], re.M), 'a section after the exercises'


@each([*ASKED, TEMPLATE])
def test_asks_three_questions(notebook):
    "Below the five lines; each answer is folded, short, and right whatever the runs say"
    below = markdown(notebook).partition('**In five lines**')[2].partition('\n## ')[0]
    block = below.partition('\n**Three questions**\n')[2]
    fold = r'^<details><summary>([^\n]+)</summary>\n\n(.+?)\n\n</details>$'
    folds = re.findall(fold, block, re.M | re.S)
    assert len(folds)==3, 'three questions with folded answers'
    assert not re.sub(fold, '', block, flags=re.M | re.S).strip(), 'nothing else stands there'
    for question, answer in folds:
        assert question.endswith('?'), question
        assert len(re.findall(r'[.?!](?=\s|\*|$)', answer)) in (2, 3), f'two or three sentences: {answer}'
        assert not re.search(r'\d\.\d|\.\d|\d ?%', question+answer), f'a number of a run: {answer}'


@each(ALL)
def test_lines_fit(notebook):
    for cell in cells(notebook, 'code'):
        for line in code_lines(cell): assert len(line)<=110, line[:60]


@each([notebook for notebook in ALL if has_exports(notebook)])
def test_every_export_is_used_at_once(notebook):
    "A public definition is used in the rest of its own cell or in the next two code cells"
    code = cells(notebook, 'code')
    exported = [statement for cell in code if is_export(cell) for statement in statements(cell)]
    functions = {statement.name for statement in exported if isinstance(statement, ast.FunctionDef)}
    unused = []
    for position, cell in enumerate(code):
        if not is_export(cell): continue
        later = [statement for cell in code[position+1:position+3] for statement in statements(cell)]
        for definition in statements(cell):
            if not isinstance(definition, (ast.FunctionDef, ast.ClassDef)): continue
            if definition.name.startswith('_'): continue
            near = [statement for statement in statements(cell) if ast.dump(statement)!=ast.dump(definition)]
            registers_itself = names_in(definition.decorator_list) & functions
            is_used = definition.name in names_in(near+later)
            if not is_used and not registers_itself: unused.append(definition.name)
    assert not unused, 'not used within two code cells'


@each([notebook for notebook in ALL if has_exports(notebook)])
def test_imports_stand_alone(notebook):
    "nbdev runs a cell with an import again at every build of the pages, and replaces its output"
    for cell in cells(notebook, 'code'):
        if flags(cell) & {'export', 'exports', 'slow'}: continue
        kinds = {isinstance(statement, (ast.Import, ast.ImportFrom)) for statement in statements(cell)}
        assert len(kinds)<2, code_lines(cell)[0]


# It runs

def usual_seconds(notebook): return 60 if notebook in LESSONS+EXPERIMENTS else 15       # on an idle core


@pytest.fixture
def place(tmp_path):
    "A folder with the project in it, where notebooks may leave what they like in a copy of nbs/"
    for path in ROOT.iterdir():
        left_out = path.name.startswith('.') or path.name in ('nbs', '_docs', '_proc', 'build')
        if not left_out: (tmp_path/path.name).symlink_to(path)
    shutil.copytree(NBS, tmp_path/'nbs', ignore=shutil.ignore_patterns('.*', '__pycache__', 'ganad-demo'))
    return tmp_path


def add_solutions(notebook, copy):
    "To the copy that is run, a cell for each solution: they are code of the reader's, and must run as well"
    content = json.loads(copy.read_text(encoding='utf-8'))
    for number, code in enumerate(solutions(notebook)):
        content['cells'].append(dict(cell_type='code', id=f'solution{number}', metadata={}, outputs=[],
                                     execution_count=None, source=code))
    copy.write_text(json.dumps(content), encoding='utf-8')


def seconds_to_run(notebook, place, tmp_path_factory, force_flags=(), patience=8):
    "Run a notebook as nbdev_test does; its time is reported, and only one out of all proportion fails"
    settings = ConfigParser(delimiters=['='])
    settings.read(ROOT/'settings.ini', encoding='utf-8')
    left_out = settings['DEFAULT']['tst_flags'].split()
    log = tmp_path_factory.mktemp('log')/'printed.txt'
    before = set(place.rglob('*'))
    start = time.perf_counter()
    failure = run_notebook(place/notebook.relative_to(ROOT), ROOT, log, left_out, force_flags,
                           timeout=patience*usual_seconds(notebook))
    seconds = time.perf_counter()-start
    assert failure is None, failure
    left_behind = [path for path in set(place.rglob('*'))-before if '__pycache__' not in path.parts]
    assert not left_behind, 'it left files behind'
    return seconds


@each(ALL)
def test_runs(notebook, place, tmp_path_factory):
    if notebook in TOOLS: add_solutions(notebook, place/notebook.relative_to(ROOT))
    seconds = seconds_to_run(notebook, place, tmp_path_factory)
    usual = usual_seconds(notebook)
    if seconds>usual:
        text = f'{notebook.stem} took {seconds:.0f} s; {usual} is what a reader should wait for'
        warnings.warn(text, stacklevel=1)


@pytest.mark.slow
@each([notebook for notebook in ALL if any('slow' in flags(cell) for cell in cells(notebook, 'code'))])
def test_runs_with_slow_cells(notebook, place, tmp_path_factory):
    seconds_to_run(notebook, place, tmp_path_factory, force_flags=['slow'], patience=100)


def test_a_notebook_that_fails_is_noticed(tmp_path):
    "The runner says what went wrong, and the next notebook starts from a clean sheet"
    def written(name, code):
        cell = dict(cell_type='code', id='a', metadata={}, outputs=[], execution_count=None, source=code)
        (tmp_path/name).write_text(json.dumps(dict(nbformat=4, nbformat_minor=5, metadata={}, cells=[cell])))
        return tmp_path/name
    bad = written('bad.ipynb', "import builtins\nbuiltins.trace = 1\nraise RuntimeError('on purpose')")
    good = written('good.ipynb', "import builtins\nassert not hasattr(builtins, 'trace')")
    assert 'on purpose' in run_notebook(bad, ROOT, tmp_path/'log')
    assert run_notebook(good, ROOT, tmp_path/'log') is None


# Nothing has drifted

@pytest.fixture(scope='module')
def made_again(tmp_path_factory):
    "A copy of the project after nbdev_clean, nbdev_export and a new README"
    to = tmp_path_factory.mktemp('project')
    for folder in ('nbs', 'ganad'):
        left_out = shutil.ignore_patterns('__pycache__', '.ipynb_checkpoints')
        shutil.copytree(ROOT/folder, to/folder, ignore=left_out)
    for name in ('settings.ini', 'setup.py'): shutil.copy(ROOT/name, to)
    environment = {**os.environ, 'PYTHONPATH':str(to)}
    environment.pop('IN_TEST', None)
    for code in ('from nbdev.clean import nbdev_clean; nbdev_clean()',
                 'from nbdev.doclinks import nbdev_export; nbdev_export()',
                 'from ganad.site.docs import main; main(["--readme"])'):
        done = prepared.run('-c', code, cwd=to, env=environment)
        assert done.returncode==0, done.stderr[-3000:]
    return to


def texts(root, folder, ending):
    found = [path for path in (root/folder).rglob('*'+ending) if '.ipynb_' not in str(path)]
    return {path.relative_to(root).as_posix():path.read_text(encoding='utf-8') for path in found}


@pytest.mark.parametrize('folder, ending', [('nbs', '.ipynb'), ('ganad', '.py')])
def test_export_and_clean_change_nothing(made_again, folder, ending):
    here = texts(ROOT, folder, ending)
    there = texts(made_again, folder, ending)
    changed = [name for name in {*here, *there} if here.get(name)!=there.get(name)]
    assert not changed, 'run `make export`'


def test_readme_is_made_from_the_index(made_again):
    written = (made_again/'README.md').read_text(encoding='utf-8')
    assert (ROOT/'README.md').read_text(encoding='utf-8')==written, 'run `make export`'
