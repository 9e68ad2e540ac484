"Who may import whom, read off the modules that the notebooks made"
import ast
import re
import subprocess
import sys
from functools import cache

import pytest
from project import NOTEBOOKS, NUMBERED, ROOT, folder_of, is_lesson, name_of, read_before

PACKAGE = ROOT/'ganad'
MODULES = {path.relative_to(PACKAGE).with_suffix('').as_posix():path
           for path in sorted(PACKAGE.rglob('*.py')) if path.name not in ('__init__.py', '_modidx.py')}
ROOMS = {path.parent.name for path in PACKAGE.glob('*/__init__.py')}

# Room or module → what it may import. Inside a room, a module may also import what is read before it;
# a method only the one that its paper extends, which its notebook names in the line `- first: […]`.
MAY_IMPORT = {
    'core':      [],
    'networks':  ['core'],
    'losses':    [],
    'metrics':   ['core'],
    '_sources':  ['core'],
    '_images':   ['core', '_sources'],
    '_datasets': ['core', '_images', '_sources'],
    '_sampling': ['core', '_sources'],
    'data':      ['core', '_datasets', '_images', '_sampling', '_sources'],
    'detector':  ['core'],
    'plots':     ['core', 'metrics'],
    'widgets':   ['core', 'metrics', 'plots'],
    'contract':  ['core', 'detector', 'metrics'],
    'papernets': ['core', 'networks'],
    'models':    ['core', 'detector', 'losses', 'networks', 'papernets'],
    'baselines': ['core', 'detector', 'losses', 'models', 'networks'],
    'evidence':  ['core', 'data', 'detector', 'metrics'],
    'estimator': ['core', 'detector', 'metrics'],
    '_files':    ['core', '_images', 'data', 'detector', 'estimator', 'evidence', 'metrics', 'plots'],
    'cli':       ['core', '_files'],
    'site':      ['core', 'detector', 'networks'],
}
SAME_NAME = 'evidence', 'estimator', 'site'
FOLDERS = {'toolkit':'', 'methods':'models', 'files':'_files', **{room:room for room in SAME_NAME}}
RUNTIME = ('torch torchvision numpy scipy sklearn joblib loky matplotlib pandas PIL tqdm safetensors jinja2 '
           'ganad').split()
DEV = 'fastcore nbdev execnb IPython smalldocs jupyter ipywidgets'.split()


def imports(path):
    "(module, is it at module level?) of each import, relative ones written out"
    tree = ast.parse(path.read_text(encoding='utf-8'))
    inside = path.relative_to(ROOT).with_suffix('').parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(inside[:len(inside)-node.level]) if node.level else ''
            source = '.'.join(part for part in (base, node.module) if part)
            is_package = source=='ganad' or source.removeprefix('ganad.') in ROOMS
            names = [f'{source}.{alias.name}' for alias in node.names] if is_package else [source]
        else:
            continue
        for name in names: yield name, node in tree.body


def imported_modules(module):
    "What a module imports of ganad, anywhere in its text, as 'core', '_files/readers' or 'estimator'"
    for name, _ in imports(MODULES[module]):
        if not name.startswith('ganad.'): continue
        if name=='ganad.models': continue                      # the package, which `detectors` looks through
        place = name.removeprefix('ganad.').replace('.', '/')
        if place in MODULES: yield place
        elif room_of(place) in {*ROOMS, *MODULES}: yield room_of(place)


@cache
def notebook_of_module():
    "Module → notebook, from what each notebook says"
    made = {}
    for notebook in NOTEBOOKS:
        for module in re.findall(r'#\|\s*default_exp\s+([\w.]+)', notebook.read_text(encoding='utf-8')):
            made[module.replace('.', '/')] = notebook
    return made


def room_of(module): return module.partition('/')[0]


@pytest.mark.parametrize('module', MODULES)
def test_imports_only_what_its_room_may(module):
    room = room_of(module)
    assert room in MAY_IMPORT, f'no such room: give {room} a line in MAY_IMPORT'
    order = list(notebook_of_module())
    for other in imported_modules(module):
        if room_of(other)==room:
            assert order.index(other)<order.index(module), f'{module} imports {other}, which is read after it'
        else:
            allowed = MAY_IMPORT[room]
            assert room_of(other) in allowed, f'{module} imports {other}; {room} may import {allowed}'


READING = 'toolkit', 'methods', 'evidence', 'estimator', 'files', 'site'         # the order of the folders


def place_in_reading(module):
    "Of a module, the place of its notebook: folder, then number"
    notebook = notebook_of_module()[module]
    return READING.index(folder_of(notebook)), notebook.name


@pytest.mark.parametrize('module', MODULES)
def test_imports_only_what_is_read_before_it(module):
    for other in imported_modules(module):
        if other not in MODULES: continue                      # a room, which offers what its modules make
        is_read_before = place_in_reading(other)<place_in_reading(module)
        assert is_read_before, f'{module} imports {other}, which is read after it'


@pytest.mark.parametrize('module', [module for module in MODULES if room_of(module)=='models'])
def test_a_method_extends_one_other_at_most(module):
    others = {other.partition('/')[2] for other in imported_modules(module) if room_of(other)=='models'}
    assert len(others)<=1, f'{module} imports {sorted(others)}'
    named = read_before(notebook_of_module()[module])
    assert others<={*named}, f'{module} imports {others}, and its notebook says to read {named} first'


def test_rooms_make_no_circle():
    "Each line of the table names only rooms of lines above it"
    seen = set()
    for room, others in MAY_IMPORT.items():
        assert set(others)<=seen, f'{room} may import {sorted(set(others)-seen)}, which stand below it'
        seen.add(room)
    assert seen=={room_of(module) for module in MODULES}


@pytest.mark.parametrize('module', MODULES)
def test_needs_only_what_is_installed_with_it(module):
    "Development tools are imported inside functions, and only by what builds the site"
    for name, at_top in imports(MODULES[module]):
        package = name.partition('.')[0]
        if package in RUNTIME or package in sys.stdlib_module_names: continue
        assert not at_top and package not in DEV, f'{module} imports {package}'


def test_arrows_are_read_right():
    "The reader of imports sees relative, nested and plain ones"
    assert 'detector' in imported_modules('baselines')
    assert 'core' in imported_modules('detector')
    assert {'detector', 'losses', 'networks'}<={*imported_modules('models/bigan')}
    assert '_files/readers' in imported_modules('_files/report')
    assert 'estimator' in imported_modules('_files/report')


def test_every_module_has_its_notebook_and_every_notebook_its_module():
    made = notebook_of_module()
    assert made.keys()==MODULES.keys()
    for module, notebook in made.items():
        header = MODULES[module].read_text(encoding='utf-8')
        assert f'nbs/{notebook.parent.name}/{notebook.name}.' in header, module
        name = module.rpartition('/')[2].removeprefix('_')
        assert name_of(notebook)==name, f'{notebook.name} makes {module}: one name for both'


def test_folders_of_notebooks_are_the_rooms_of_modules():
    for module, notebook in notebook_of_module().items():
        room = '' if module in ('baselines', 'cli') else module.rpartition('/')[0]
        if room: assert FOLDERS[folder_of(notebook)]==room, f'{notebook.name} makes {module}'
        is_method = module.startswith('models/')
        assert is_lesson(notebook)==is_method, f'{notebook.name}: below 80 in methods/ are the methods'


def test_what_is_read_before_exists():
    names = {name_of(notebook) for notebook in NUMBERED}
    for notebook in NUMBERED:
        assert {*read_before(notebook)}<=names, notebook.name


def test_lines_below_a_title_are_read():
    assert read_before(notebook_of_module()['models/alad'])==['alice', 'egbad']
    assert all(read_before(notebook) for notebook in NUMBERED if is_lesson(notebook))


def test_contributing_names_every_file_of_tests_and_no_other():
    guide = (ROOT/'CONTRIBUTING.md').read_text(encoding='utf-8')
    table = guide[guide.index('## What is tested'):guide.index('`make test-slow` runs')]
    named = re.findall(r'`(test_\w+\.py)`', table)
    assert sorted(named)==sorted(path.name for path in (ROOT/'tests').glob('test_*.py'))


def test_contributing_can_be_read_in_an_editor():
    lines = (ROOT/'CONTRIBUTING.md').read_text(encoding='utf-8').splitlines()
    assert [line for line in lines if len(line)>160]==[]


def test_importing_costs_little():
    "On top of PyTorch, which everything here needs"
    code = ('import time, torch; start = time.perf_counter(); '
            'import ganad, ganad.core, ganad.losses, ganad.networks; print(time.perf_counter()-start)')
    def seconds():
        command = [sys.executable, '-c', code]
        return float(subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout)
    assert any(seconds()<.3 for _ in range(3)), 'one of three, for the machine may be busy'
