"What leaves the checkout works without it; a method or a data set that is added is found by itself"
import json
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from email.parser import Parser
from functools import partial

import prepared
import pytest
from project import ROOT

FILES = ['settings.ini', 'setup.py', 'MANIFEST.in', 'Makefile', 'README.md', 'LICENSE', 'CONTRIBUTING.md',
         'CHANGELOG.md', '_quarto.yml']
KEEP = [*FILES, 'ganad', 'nbs', 'tests']
RUNTIME = ('torch torchvision numpy scikit-learn scipy joblib loky matplotlib pillow tqdm safetensors pandas '
           'jinja2').split()


def far_from_the_checkout(**more):
    "An environment that knows nothing of this project and of its tests"
    usual = {name: value for name, value in os.environ.items()
             if name not in ('IN_TEST', 'PYTHONPATH') and not name.startswith('PYTEST')}
    return usual | {name: str(value) for name, value in more.items()}


def printed_by(ran):
    "What a command printed that did what it should"
    command = ran.args if isinstance(ran.args, str) else ' '.join(ran.args)
    assert ran.returncode==0, f'{command}\n{ran.stdout[-2000:]}\n{ran.stderr[-2000:]}'
    return ran.stdout


def sh(*args, cwd, **env):
    "Run a command far from the checkout; what it printed"
    return printed_by(subprocess.run([str(arg) for arg in args], cwd=cwd, env=far_from_the_checkout(**env),
                                     capture_output=True, text=True, stdin=subprocess.DEVNULL))


def python(*args, cwd, package=None): # As behind `python`; its folder; where `ganad` is, if elsewhere
    "What Python prints with the package of a folder"
    return printed_by(prepared.run(*args, cwd=cwd, env=far_from_the_checkout(PYTHONPATH=package or cwd)))


def project(to):
    "A copy of the sources, without what builds left"
    to.mkdir()
    for name in KEEP:
        if (ROOT/name).is_dir():
            shutil.copytree(ROOT/name, to/name, ignore=shutil.ignore_patterns('__pycache__', '.*', '*.tmp'))
        else:
            shutil.copy(ROOT/name, to)
    return to


def state(root):
    files = [path for path in root.rglob('*') if path.is_file() and '__pycache__' not in path.parts]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def three_commands(run, cwd): # Function of the words behind `ganad` that returns what is printed
    "fit, score and report on a CSV that has never been seen"
    rows = [f'{i},{"ab"[i%2]},{i%7},{i%5/2}' for i in range(200)]
    (cwd/'train.csv').write_text('\n'.join(['id,kind,x,y', *rows]) + '\n', encoding='utf-8')
    (cwd/'test.csv').write_text('\n'.join(['id,kind,x,y', *rows[:9], '9,b,900,7']) + '\n', encoding='utf-8')
    run(*'fit train.csv --drop id --method bigan --epochs 3 --save m.safetensors'.split())
    assert 'scores.csv' in run(*'score test.csv --model m.safetensors --out scores.csv'.split())
    run(*'report test.csv --model m.safetensors --out report.html'.split())
    head, *lines = [line.split(',') for line in (cwd/'scores.csv').read_text(encoding='utf-8').splitlines()]
    assert head[4:]==['score', 'p_value', 'flag']
    assert max(lines, key=lambda line: float(line[4]))[0]=='9'
    assert lines[-1][6]=='1'
    assert (cwd/'report.html').read_text(encoding='utf-8').endswith('</html>')


# The wheel

@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp('wheel')
    source = project(folder/'src')
    sh(sys.executable, '-m', 'build', '--wheel', '--no-isolation', '--outdir', folder/'dist', source,
       cwd=folder)
    built, = (folder/'dist').glob('*.whl')
    return built


def test_wheel_holds_the_package_and_nothing_else(wheel):
    names = {name for name in zipfile.ZipFile(wheel).namelist() if '.dist-info/' not in name}
    package = ROOT/'ganad'
    expected = [*package.rglob('*.py'), *package.rglob('*.j2'), *package.glob('samples/*'),
                package/'py.typed']
    in_wheel = [path for path in expected if 'site' not in path.relative_to(package).parts]
    assert names=={path.relative_to(ROOT).as_posix() for path in in_wheel}


def test_wheel_says_what_it_needs(wheel):
    archive = zipfile.ZipFile(wheel)
    metadata = next(name for name in archive.namelist() if name.endswith('.dist-info/METADATA'))
    meta = Parser().parsestr(archive.read(metadata).decode())
    runtime = [needed for needed in meta.get_all('Requires-Dist') if 'extra ==' not in needed]
    needs = {re.match(r'[\w-]+', needed)[0]: needed for needed in runtime}
    assert {*needs}=={*RUNTIME}
    assert needs['torch']=='torch>=2.11'
    assert sorted(needed for needed in runtime if needed.startswith('pillow'))==[
        'pillow>=12.3; python_version < "3.11"', 'pillow>=13; python_version >= "3.11"']
    assert meta['Requires-Python']=='>=3.10'
    assert {*meta.get_all('Provides-Extra')}>={'dev', 'widgets', 'onnx', 'cluster', 'parquet', 'completion'}
    assert 'Apache' in (meta['License-Expression'] or meta['License'])
    assert any(name.endswith('LICENSE') for name in archive.namelist())
    assert meta.get_payload().startswith('# ganad')


def test_wheel_works_elsewhere(wheel, tmp_path):
    "Installed into a folder and called from another, the command and the methods are those of the wheel"
    lib, away = tmp_path/'lib', tmp_path/'away'
    away.mkdir()
    sh(sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', lib, wheel, cwd=away)
    code = 'import ganad; from ganad.detector import detectors; print(ganad.__file__, *detectors())'
    out = python('-c', code, cwd=away, package=lib)
    assert out.startswith(str(lib))
    assert {'gan', 'bigan', 'pca'}<={*out.split()}
    assert '--normal' in sh(lib/'bin/ganad', 'demo', '--help', cwd=away, PYTHONPATH=lib)
    assert not [*away.iterdir()], 'asking for help wrote something'
    three_commands(partial(python, lib/'bin/ganad', cwd=away, package=lib), away)


def test_a_downloaded_notebook_runs_with_the_wheel_beside_it(docs, tmp_path):
    "Both from the site's folder, far from the project: one that reads stored runs, and one that does not"
    lib, away = tmp_path/'lib', tmp_path/'away'
    away.mkdir()
    built, = (docs/'get').glob('*.whl')
    sh(sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', lib, built, cwd=away)
    shutil.unpack_archive(docs/'get/results.zip', away)
    for name in '08_units.ipynb', '92_speed.ipynb':
        notebook = json.loads((docs/'get'/name).read_text(encoding='utf-8'))
        where = dict(cell_type='code', id='where', metadata={}, execution_count=None, outputs=[],
                     source='import ganad\nprint(ganad.__file__)')
        notebook['cells'].append(where)
        (away/name).write_text(as_saved(notebook), encoding='utf-8')
        sh(sys.executable, '-m', 'jupyter', 'nbconvert', '--to', 'notebook', '--execute', '--inplace', name,
           cwd=away, PYTHONPATH=lib, OMP_NUM_THREADS=1, IPYTHONDIR=tmp_path/'ipython')
        done = json.loads((away/name).read_text(encoding='utf-8'))['cells']
        assert ''.join(done[-1]['outputs'][0]['text']).startswith(str(lib))


def test_the_source_archive_is_the_whole_project(docs, tmp_path):
    "Notebooks, stored runs, tests and Makefile; nothing that a build or an editor left"
    archive, = (docs/'get').glob('*.tar.gz')
    shutil.unpack_archive(archive, tmp_path)
    folder, = tmp_path.iterdir()
    def files(root): return {path.relative_to(root).as_posix() for path in root.rglob('*') if path.is_file()}
    if (ROOT/'.git').exists():
        tracked = sh('git', 'ls-files', cwd=ROOT).splitlines()
        assert {name for name in tracked if not name.startswith('.ci/')} - files(folder)==set()
    assert {'Makefile', 'nbs/index.ipynb', 'tests/conftest.py', 'results/README.md'}<=files(folder)
    scrap = re.compile(r'\.pyc$|checkpoint|_docs/|_proc/|\.tmp$')
    assert [name for name in files(folder) if scrap.search(name)]==[]


@pytest.mark.slow
@pytest.mark.parametrize('what', ['wheel', '.', '.[dev]'])
def test_fresh_environment(what, wheel, tmp_path):
    "From nothing: all requirements together, no conflict among them, and the demo runs outside the checkout"
    venv.create(tmp_path/'venv', with_pip=True)
    interpreter = tmp_path/'venv/bin/python'
    args = {'wheel': [wheel], '.': ['.'], '.[dev]': ['-e', '.[dev]']}[what]
    sh(interpreter, '-m', 'pip', 'install', '--quiet', *args, cwd=project(tmp_path/'src'))
    assert 'No broken requirements' in sh(interpreter, '-m', 'pip', 'check', cwd=tmp_path)
    ganad = interpreter.with_name('ganad')
    sh(ganad, 'demo', '--quick', '--methods', 'pca,bigan', '--out', 'out', cwd=tmp_path)
    assert (tmp_path/'out/report.html').stat().st_size>10_000
    assert json.loads((tmp_path/'out/results.json').read_text())
    three_commands(partial(sh, ganad, cwd=tmp_path), tmp_path)
    if what=='.[dev]': sh(interpreter, '-c', 'import nbdev,smalldocs,jupyterlab,playwright', cwd=tmp_path)


# A method more

def make_export(to):
    "The commands of `make export`, as the Makefile has them"
    makefile = (ROOT/'Makefile').read_text(encoding='utf-8')
    recipe = re.search(r'^export:.*\n((?:\t.*\n)+)', makefile, re.M)[1]
    commands = re.findall(r"^\t@\$\(PY\) (-c '.*'|-m .*)$", recipe, re.M)
    assert len(commands)==4
    for command in commands:
        option, _, rest = command.partition(' ')
        args = [rest.strip("'")] if option=='-c' else rest.split()
        python(option, *args, cwd=to)


def as_saved(notebook):
    "The text of a notebook's file, as Jupyter and nbdev write it"
    return json.dumps(notebook, sort_keys=True, indent=1, ensure_ascii=False) + '\n'


def add_notebook(to, source, target, *replaced):
    "A notebook of the project as somebody would copy it, with other names in it"
    notebook = json.loads((to/source).read_text(encoding='utf-8'))
    for cell in notebook['cells']:
        text = ''.join(cell['source'])
        for pattern, new in replaced: text = re.sub(pattern, new, text)
        cell['source'] = text.splitlines(keepends=True)
    (to/target).write_text(as_saved(notebook), encoding='utf-8')


@pytest.fixture(scope='module')
def grown(tmp_path_factory):
    "The project after the template was copied and exported, and its files before"
    to = project(tmp_path_factory.mktemp('more')/'ganad')
    before = state(to)
    add_notebook(to, 'nbs/methods/_template.ipynb', 'nbs/methods/77_copycat.ipynb',
                 (r'models\.template', 'models.copycat'), (r'\bTemplate\b', 'CopyCat'),
                 ('say what a reader can do afterwards', 'copy a method'),
                 ('(eq|fig)-template', r'\1-copycat'))
    make_export(to)
    return to, before


def pytest_in(to, *args):
    return python('-m', 'pytest', '-p', 'no:cacheprovider', '-q', *args, cwd=to)


def test_a_new_method_changes_its_own_files_only(grown):
    "And the files that list the methods, which export makes"
    to, before = grown
    after = state(to)
    changed = {name for name in {*before, *after} if before.get(name)!=after.get(name)}
    assert changed=={'nbs/methods/77_copycat.ipynb', 'ganad/models/copycat.py', 'ganad/_modidx.py',
                     'README.md', 'nbs/index.ipynb'}


def test_a_new_method_is_found(grown):
    to, _ = grown
    found = python('-c', 'from ganad.detector import detectors; print(*detectors())', cwd=to)
    assert 'copycat' in found.split()


def test_a_new_method_is_in_the_readme(grown):
    to, _ = grown
    assert '| `copycat` | What it does' in (to/'README.md').read_text(encoding='utf-8')


def test_a_new_method_is_in_the_demo(grown):
    to, _ = grown
    code = 'from ganad._files.demo import demo_runs; print(*(run.method for run in demo_runs(quick=True)))'
    assert 'copycat' in python('-c', code, cwd=to).split()


def test_a_new_method_is_in_the_sidebar(grown):
    to, _ = grown
    code = """import yaml
from pathlib import Path
from ganad.site.docs import expand
side = yaml.safe_load(Path('_quarto.yml').read_text())['website']['sidebar']['contents']
print(expand(side, {p.relative_to('nbs').as_posix():p.name for p in Path('nbs').rglob('[!_]*.ipynb')}))"""
    assert "'77_copycat.ipynb'" in python('-c', code, cwd=to)


def test_a_new_method_says_what_it_is_for(grown):
    to, _ = grown
    code = '''import json
from pathlib import Path
from ganad.site.pages import title_lines
print(title_lines(json.loads(Path('nbs/methods/77_copycat.ipynb').read_text())))'''
    assert python('-c', code, cwd=to).strip()=="{'able': 'copy a method.', 'first': ['gan']}"


def test_a_new_method_keeps_the_rules_of_the_house(grown):
    "Layout, notebook, export, README; the notebook does not run here, since the contract trains the method"
    to, _ = grown
    pytest_in(to, 'tests/test_layout.py', '-k', 'not costs_little')
    pytest_in(to, 'tests/test_notebooks.py', '-k', '(copycat and not runs) or change_nothing or readme')


def test_a_new_method_is_under_the_contract(grown):
    to, _ = grown
    out = pytest_in(to, 'tests/test_contract.py', 'tests/test_gradients.py', '-k', 'copycat', '-vv')
    passed = [line for line in out.splitlines() if ' PASSED' in line]
    assert sum('copycat-table' in line for line in passed)>=10
    assert any('moves_its_networks' in line and 'copycat' in line for line in passed)
    pytest_in(to, 'tests/test_gradients.py', '-k', 'table_names or in_the_table and course')


# A data set more

LOADER = '''#| exports
@_source('spiral', 'spiral.csv')
def _spiral(root):
    "Two arms of a spiral, from a file of numbers"
    numbers = np.loadtxt(find(root, 'spiral.csv'), delimiter=',', dtype='f4')
    x, y = torch.tensor(numbers[:, :2]), torch.tensor(numbers[:, 2]).long()
    return Source('spiral', x, y, ['left', 'right'])
'''
PROTOCOL = '''#| exports
@dataclass(frozen=True)
class Spiral(OneClass):
    "The left arm is normal"
    normal:object = 'left'
'''
USE = '''
from ganad.baselines import KNN
from ganad.data import Spiral, load, sources
split = Spiral().split(load('spiral', root='.'))
model = KNN(split.train.shape[1:]).fit(split.train)
print('spiral' in sources(), split.normal, len(split.train), len(split.test), len(model.score(split.test)))
'''


def test_a_new_data_set_is_a_function_and_a_protocol(tmp_path):
    "Added to two notebooks as CONTRIBUTING says, then loaded, split and scored"
    to = project(tmp_path/'ganad')
    def add(name, source, beside, behind=0):
        "A cell to a notebook of the toolkit, in front of or behind the one that defines something"
        path = to/f'nbs/toolkit/{name}.ipynb'
        notebook = json.loads(path.read_text(encoding='utf-8'))
        cells = notebook['cells']
        place = next(i for i, cell in enumerate(cells) if beside in ''.join(cell['source'])) + behind
        cells.insert(place, dict(cell_type='code', execution_count=None, id=f'new{len(source)}', metadata={},
                                 outputs=[], source=source))
        path.write_text(as_saved(notebook), encoding='utf-8')
    add('012_datasets', LOADER, 'def sources()')
    add('01_data', PROTOCOL, 'class OneClass(', behind=1)
    make_export(to)
    rows = [f'{i/10},{-i/10},0\n{-i/10},{i/10},1\n' for i in range(50)]
    (to/'spiral.csv').write_text(''.join(rows), encoding='utf-8')
    said = python('-c', USE, cwd=to).split()
    assert said==['True', 'left', '22', '75', '75']                             # three more for validation
    listed = prepared.run('-m', 'ganad.cli', 'data', cwd=to,
                          env=far_from_the_checkout(PYTHONPATH=to, GANAD_DATA=to))
    assert re.search(r'spiral.*spiral\.csv', printed_by(listed)), printed_by(listed)
