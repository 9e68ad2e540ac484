"Who may import whom, read off the modules that the notebooks made"
import ast, re, subprocess, sys
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = {p.relative_to(ROOT/'ganad').with_suffix('').as_posix():p for p in sorted((ROOT/'ganad').rglob('*.py')) if p.name[0]!='_'}
METHODS = [m for m in MODULES if m.startswith('models/')]
NOTEBOOKS = sorted(p for p in (ROOT/'nbs').glob('*.ipynb') if p.name[0]!='_')

MAY = {k:v.split() for k,v in dict(
    core='', networks='', losses='', metrics='',
    data='core', detector='core', docs='core pages', pages='', plots='metrics', explore='metrics plots', live='core networks',
    baselines='core detector networks losses', models='core detector networks losses',
    contract='core data detector metrics', bench='core data detector metrics',
    spread='bench core data detector', tables='bench core',
    preprocess='core', threshold='core', modelfile='core', explain='core preprocess',
    estimator='core data detector explain metrics modelfile preprocess threshold',
    files='core data', own='core bench files metrics preprocess threshold estimator',
    report='core detector estimator explain files metrics modelfile own plots', commands='core data detector estimator files modelfile own report',
    cli='core data detector metrics plots bench spread commands').items()}
LINEAGE = dict(alice='bigan', anogan='gan', egbad='bigan', alad='alice', alad64='alad')      # the one model that a paper extends
RUNTIME = 'torch torchvision numpy scipy sklearn joblib matplotlib pandas PIL tqdm safetensors ganad'.split()
DEV = 'fastcore nbdev execnb IPython smalldocs jupyter ipywidgets'.split()

def imports(path):
    "(module, is it at module level?) of each import, relative ones written out"
    tree,inside = ast.parse(path.read_text(encoding='utf-8')),path.relative_to(ROOT).with_suffix('').parts
    for node in ast.walk(tree):
        if isinstance(node, ast.Import): names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = '.'.join(inside[:len(inside)-node.level]) if node.level else ''
            where = '.'.join(p for p in (base, node.module) if p)
            names = [f'{where}.{a.name}' for a in node.names] if where in ('ganad','ganad.models') else [where]
        else: continue
        for n in names: yield n,node in tree.body

def rooms(module):
    "The modules of ganad that a module imports, anywhere in its text"
    found = {n.removeprefix('ganad.').replace('.', '/') for n,_ in imports(MODULES[module]) if n.startswith('ganad.')}
    return found - {'models'}                                       # the package itself, which `detectors` looks through

def exported(path):
    "Lines of code of a module: no blank lines, no comments, no imports, nothing that nbdev adds"
    tree,lines = ast.parse(path.read_text(encoding='utf-8')),path.read_text(encoding='utf-8').splitlines()
    own = [n for n in tree.body[1:] if not isinstance(n, (ast.Import,ast.ImportFrom)) and not ast.unparse(n).startswith('__all__')]
    return sum(bool(l.strip()) and l.strip()[0]!='#' for n in own for l in lines[n.lineno-1:n.end_lineno])

def made_by():
    "Module → notebook, from what each notebook says"
    said = {n:re.findall(r'#\|\s*default_exp\s+([\w.]+)', n.read_text(encoding='utf-8')) for n in NOTEBOOKS}
    return {m.replace('.', '/'):n for n,ms in said.items() for m in ms}

@pytest.mark.parametrize('module', MODULES)
def test_imports_only_what_its_room_may(module):
    room,_,name = module.partition('/')
    may = {*MAY.get(room, ['no such room: give it a line in MAY'])} | ({f'models/{LINEAGE[name]}'} if name in LINEAGE else set())
    assert rooms(module)<=may, f'{module} imports {sorted(rooms(module)-may)}; it may import {sorted(may)}'

@pytest.mark.parametrize('module', MODULES)
def test_needs_only_what_is_installed_with_it(module):
    "Development tools are imported inside functions, and only by what builds the site"
    top = {(n.split('.')[0],at_top) for n,at_top in imports(MODULES[module])}
    foreign = {n for n,at_top in top if n not in RUNTIME and n not in sys.stdlib_module_names and (at_top or n in DEV)}
    assert not foreign, f'{module} imports {sorted(foreign)}'

def test_arrows_are_read_right(tmp_path):
    "The reader of imports sees relative, nested and plain ones"
    assert {'core','losses','networks','detector'}>=rooms('baselines')>={'detector'} and 'core' in rooms('detector')
    assert rooms('models/bigan')>={'detector','losses','networks'}

@pytest.mark.parametrize('module', METHODS)
def test_a_method_is_short(module): assert exported(MODULES[module])<=150

def test_every_module_has_its_notebook_and_every_notebook_its_module():
    assert made_by().keys()==MODULES.keys()
    for m,n in made_by().items():
        assert f'File to edit: ../nbs/{n.name}.' in MODULES[m].read_text(encoding='utf-8').replace('../../', '../'), m
        assert n.stem.split('_', 1)[1]==m.split('/')[-1], f'{n.name} makes {m}: one name for both'
        assert ('10'<=n.stem[:2]<'80')==m.startswith('models/'), f'{n.name}: numbers 10 to 79 are the methods, and only they'

def test_parents_exist(): assert {m for m,p in LINEAGE.items() if f'models/{m}' in MODULES and f'models/{p}' not in MODULES}==set()

def test_importing_costs_little():
    code = 'import time,torch; t = time.perf_counter(); import ganad,ganad.core,ganad.losses,ganad.networks; print(time.perf_counter()-t)'
    took = [float(subprocess.run([sys.executable,'-c',code], cwd=ROOT, capture_output=True, text=True, check=True).stdout) for _ in range(3)]
    assert min(took)<.3, f'{min(took):.2f} s on top of torch'
