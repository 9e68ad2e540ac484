"What leaves the checkout works without it, and a notebook that is added becomes a method by itself"
import json, os, re, shutil, subprocess, sys, venv, zipfile
from email.parser import Parser
from pathlib import Path
import pytest

ROOT = Path(__file__).resolve().parent.parent
KEEP = 'settings.ini setup.py MANIFEST.in README.md LICENSE CONTRIBUTING.md CHANGELOG.md _quarto.yml ganad nbs tests'.split()

def sh(*args, cwd, **env):
    "Run a command far from the checkout; what it printed"
    env = {k:v for k,v in os.environ.items() if k not in ('IN_TEST','PYTHONPATH') and not k.startswith('PYTEST')} | env
    p = subprocess.run([*map(str, args)], cwd=cwd, env=env, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert p.returncode==0, f"{' '.join(map(str, args))}\n{p.stdout[-2000:]}\n{p.stderr[-2000:]}"
    return p.stdout

def project(to):
    "A copy of the sources, without what builds left"
    to.mkdir()
    for n in KEEP:
        if (ROOT/n).is_dir(): shutil.copytree(ROOT/n, to/n, ignore=shutil.ignore_patterns('__pycache__','.*','*.tmp'))
        else: shutil.copy(ROOT/n, to)
    return to

def state(root):
    return {p.relative_to(root).as_posix():p.read_bytes() for p in root.rglob('*') if p.is_file() and '__pycache__' not in p.parts}

def three_commands(ganad, cwd, **env):
    "fit, score and report on a CSV that has never been seen"
    rows = [f'{i},{"ab"[i%2]},{i%7},{i%5/2}' for i in range(200)]
    (cwd/'train.csv').write_text('\n'.join(['id,kind,x,y', *rows]) + '\n', encoding='utf-8')
    (cwd/'test.csv').write_text('\n'.join(['id,kind,x,y', *rows[:9], '9,b,900,7']) + '\n', encoding='utf-8')
    sh(ganad, 'fit', 'train.csv', '--drop', 'id', '--method', 'bigan', '--epochs', '3', '--save', 'm.safetensors', cwd=cwd, **env)
    assert 'scores.csv' in sh(ganad, 'score', 'test.csv', '--model', 'm.safetensors', '--out', 'scores.csv', cwd=cwd, **env)
    sh(ganad, 'report', 'test.csv', '--model', 'm.safetensors', '--out', 'report.html', cwd=cwd, **env)
    table = [l.split(',') for l in (cwd/'scores.csv').read_text(encoding='utf-8').splitlines()]
    assert table[0][4:]==['score','p_value','flag'] and max(table[1:], key=lambda r: float(r[4]))[0]=='9' and table[-1][6]=='1'
    assert (cwd/'report.html').read_text(encoding='utf-8').endswith('</html>')

# The wheel

@pytest.fixture(scope='module')
def wheel(tmp_path_factory):
    d = tmp_path_factory.mktemp('wheel')
    sh(sys.executable, '-m', 'build', '--wheel', '--no-isolation', '--outdir', d/'dist', project(d/'src'), cwd=d)
    whl, = (d/'dist').glob('*.whl')
    return whl

def test_wheel_holds_the_package_and_nothing_else(wheel):
    names = {n for n in zipfile.ZipFile(wheel).namelist() if '.dist-info/' not in n}
    assert names=={p.relative_to(ROOT).as_posix() for p in (ROOT/'ganad').rglob('*.py') if p.parent.name!='site'} | {'ganad/py.typed'}

def test_wheel_says_what_it_needs(wheel):
    z = zipfile.ZipFile(wheel)
    meta = Parser().parsestr(next(z.read(n).decode() for n in z.namelist() if n.endswith('.dist-info/METADATA')))
    needs = {re.match(r'[\w-]+', r)[0]:r for r in meta.get_all('Requires-Dist') if 'extra ==' not in r}
    assert {*needs}==set('torch torchvision numpy scikit-learn scipy joblib matplotlib pillow tqdm safetensors pandas'.split())
    assert needs['torch']=='torch>=2.4' and meta['Requires-Python']=='>=3.10'
    assert {*meta.get_all('Provides-Extra')}>={'dev','widgets','onnx','cluster','parquet','completion'}
    assert 'Apache' in (meta['License-Expression'] or meta['License']) and any(n.endswith('LICENSE') for n in z.namelist())
    assert meta.get_payload().startswith('# ganad')

def test_wheel_works_elsewhere(wheel, tmp_path):
    "Installed into a folder and called from another, the command and the methods are those of the wheel"
    lib,away = tmp_path/'lib',tmp_path/'away'
    away.mkdir()
    sh(sys.executable, '-m', 'pip', 'install', '--quiet', '--no-deps', '--target', lib, wheel, cwd=away)
    code = 'import ganad; from ganad.detector import detectors; print(ganad.__file__, *detectors())'
    out = sh(sys.executable, '-c', code, cwd=away, PYTHONPATH=str(lib))
    assert out.startswith(str(lib)) and {'gan','bigan','pca'}<={*out.split()}
    assert '--normal' in sh(lib/'bin/ganad', 'demo', '--help', cwd=away, PYTHONPATH=str(lib))
    assert not [*away.iterdir()], 'asking for help wrote something'
    three_commands(lib/'bin/ganad', away, PYTHONPATH=str(lib))

@pytest.mark.slow
@pytest.mark.parametrize('what', ['wheel','.','.[dev]'])
def test_fresh_environment(what, wheel, tmp_path):
    "From nothing: all requirements together, no conflict among them, and the demo runs outside the checkout"
    venv.create(tmp_path/'venv', with_pip=True)
    py = tmp_path/'venv/bin/python'
    args = [wheel] if what=='wheel' else ['-e',what] if 'dev' in what else [what]
    sh(py, '-m', 'pip', 'install', '--quiet', *args, cwd=project(tmp_path/'src'))
    assert 'No broken requirements' in sh(py, '-m', 'pip', 'check', cwd=tmp_path)
    sh(py.with_name('ganad'), 'demo', '--quick', '--methods', 'pca,bigan', '--out', 'out', cwd=tmp_path)
    assert (tmp_path/'out/report.html').stat().st_size>10_000 and json.loads((tmp_path/'out/results.json').read_text())
    three_commands(py.with_name('ganad'), tmp_path)
    if 'dev' in what: sh(py, '-c', 'import nbdev,smalldocs,jupyterlab,playwright', cwd=tmp_path)

# A method more

def copied(nb):
    "BiGAN's notebook as somebody would copy it: another class, another module"
    for c in nb['cells']:
        s = ''.join(c['source']).replace('models.bigan', 'models.copycat')
        c['source'] = re.sub(r'\bBiGAN\b', 'CopyCat', s)
    return nb

@pytest.fixture(scope='module')
def grown(tmp_path_factory):
    "The project before and after one notebook was added and exported"
    to = project(tmp_path_factory.mktemp('more')/'ganad')
    before = state(to)
    nb = copied(json.loads((to/'nbs/methods/20_bigan.ipynb').read_text(encoding='utf-8')))
    (to/'nbs/methods/77_copycat.ipynb').write_text(json.dumps(nb), encoding='utf-8')
    sh(sys.executable, '-W', 'ignore', '-c', 'from nbdev.doclinks import nbdev_export as f; f()', cwd=to, PYTHONPATH=str(to))
    return to,before

def test_a_new_method_changes_its_own_files_only(grown):
    to,before = grown
    after = state(to)
    assert {n for n in {*before,*after} if before.get(n)!=after.get(n)}=={'nbs/methods/77_copycat.ipynb','ganad/models/copycat.py','ganad/_modidx.py'}

def test_a_new_method_is_found(grown):
    to,_ = grown
    code = 'from ganad.detector import detectors; print(*detectors())'
    assert 'copycat' in sh(sys.executable, '-c', code, cwd=to, PYTHONPATH=str(to)).split()

def test_a_new_method_is_under_the_contract(grown):
    to,_ = grown
    ids = sh(sys.executable, '-m', 'pytest', '-p', 'no:cacheprovider', '--collect-only', '-q', 'tests/test_contract.py', 'tests/test_layout.py',
             cwd=to, PYTHONPATH=str(to))
    assert ids.count('copycat-table')>=10 and 'test_imports_only_what_its_room_may[models/copycat]' in ids

def test_a_new_method_is_in_the_demo(grown):
    to,_ = grown
    code = "from ganad.cli import demo_runs; print(*(r.method for r in demo_runs(quick=True)))"
    assert 'copycat' in sh(sys.executable, '-c', code, cwd=to, PYTHONPATH=str(to)).split()

def test_a_new_method_is_in_the_sidebar(grown):
    to,_ = grown
    code = """import yaml
from pathlib import Path
from ganad.site.docs import expand
side = yaml.safe_load(Path('_quarto.yml').read_text())['website']['sidebar']['contents']
print(expand(side, [p.relative_to('nbs').as_posix() for p in Path('nbs').rglob('[!_]*.ipynb')]))"""
    assert "'77_copycat.ipynb'" in sh(sys.executable, '-c', code, cwd=to, PYTHONPATH=str(to))
