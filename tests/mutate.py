"""What the tests of losses and metrics would miss: small changes, one at a time, by mutmut, in a copy

`make mutants` prints the share that tests notice and every change that none does, with the reason in
`mutants_left.txt`. The tests are `test_metrics.py` and the asserting cells of the two notebooks."""
import contextlib
import importlib
import io
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tokenize
from pathlib import Path

import matplotlib

ROOT = Path(__file__).resolve().parents[1]
MUTATED = {'losses':'nbs/toolkit/03_losses.ipynb', 'metrics':'nbs/toolkit/05_metrics.ipynb'}
SETTINGS = """[mutmut]
source_paths=ganad
only_mutate=
{modules}
pytest_add_cli_args_test_selection=tests
"""
CELLS = '''import importlib
import matplotlib

def test_cells_of_{module}():
    "What the notebook asserts, of the module instead of its own cells"
    matplotlib.use('agg')
    space = dict(vars(importlib.import_module('ganad.{module}')))
    for cell in {cells!r}: exec(cell, space)
'''


def quick_cells(module, notebook):
    "Code cells that neither export nor draw, need nothing of those that do, and take less than 6 s"
    matplotlib.use('agg')
    space = dict(vars(importlib.import_module(f'ganad.{module}')))
    for source in _cells(notebook):
        started = time.process_time()
        before = dict(space)
        try:
            with contextlib.redirect_stdout(io.StringIO()): exec(source, space)
            is_quick = time.process_time()-started<6
        except NameError: is_quick = False
        if is_quick: yield source
        else:
            space.clear()                           # what it defined before it failed is not there either
            space.update(before)


def _cells(notebook):
    for cell in json.loads(notebook.read_text(encoding='utf-8'))['cells']:
        source = ''.join(cell['source'])
        is_left_out = re.search(r'^#\|\s*(exports?|default_exp|slow|label)', source, re.M)
        if cell['cell_type']=='code' and not is_left_out: yield source


def without_wording(source):
    "The source with its sentences in triple quotes, which mutmut leaves alone: other words are no defect"
    lines = source.splitlines()
    for token in reversed([*tokenize.generate_tokens(io.StringIO(source).readline)]):
        prefix, quote, body = re.fullmatch(r'(\w*)(["\']?)(.*)', token.string, re.S).groups()
        is_sentence = token.type==tokenize.STRING and ' ' in body and not body.startswith(quote*2)
        if not is_sentence or token.start[0]!=token.end[0]: continue
        row, (first, last) = token.start[0]-1, (token.start[1], token.end[1])
        lines[row] = lines[row][:first] + prefix + quote*3 + body[:-1] + quote*3 + lines[row][last:]
    return '\n'.join(lines) + '\n'


def prepare(here, modules):
    "A copy of the package in the folder `here`, with the tests that concern `modules`, and mutmut's settings"
    shutil.copytree(ROOT/'ganad', here/'ganad', ignore=shutil.ignore_patterns('__pycache__'))
    (here/'tests').mkdir()
    shutil.copy(ROOT/'tests/test_metrics.py', here/'tests')
    for module in modules:
        cells = [*quick_cells(module, ROOT/MUTATED[module])]
        text = CELLS.format(module=module, cells=cells)
        (here/f'tests/test_cells_of_{module}.py').write_text(text, encoding='utf-8')
        path = here/f'ganad/{module}.py'
        path.write_text(without_wording(path.read_text(encoding='utf-8')), encoding='utf-8')
    paths = '\n'.join(f'    ganad/{module}.py' for module in modules)
    (here/'setup.cfg').write_text(SETTINGS.format(modules=paths), encoding='utf-8')


def mutmut(here, *arguments):
    "What mutmut prints"
    command = [sys.executable, '-m', 'mutmut', *arguments]
    done = subprocess.run(command, cwd=here, capture_output=True, text=True)
    if done.returncode: sys.exit(f'mutmut {arguments[0]}: {(done.stdout + done.stderr)[-3000:]}')
    return done.stdout


def change_of(diff):
    "Function, line and what it becomes, as in `auroc_se: a < 2 → a <= 2`"
    function = re.search(r'^ def (\w+?)\(|^[-+]def (\w+?)\(', diff, re.M)
    before, after = (re.findall(rf'^\{sign}(?!\{sign})\s*(.*)$', diff, re.M) for sign in '-+')
    name = next(filter(None, function.groups())) if function else ''
    return f"{name}: {' '.join(before)} → {' '.join(after)}"


def reasons():
    "Change → why no test can or need notice it"
    text = (ROOT/'tests/mutants_left.txt').read_text(encoding='utf-8')
    blocks = [block.split('\n', 1) for block in text.strip().split('\n\n') if ' → ' in block]
    return {change:reason.strip() for change, reason in blocks}


def report(here):
    "Lines: the share noticed, then what was not, each with its reason"
    verdicts = re.findall(r'^\s*(\S+__mutmut_\d+): (.+)$', mutmut(here, 'results', '--all', 'true'), re.M)
    left = [name for name, verdict in verdicts if verdict not in ('killed', 'timeout')]
    noticed = len(verdicts) - len(left)
    yield f"{noticed} of {len(verdicts)} changes are noticed ({noticed/len(verdicts):.0%})"
    known = reasons()
    for name in left:
        change = change_of(mutmut(here, 'show', name))
        yield f"{change}\n    {known.get(change, 'NO REASON: a test is missing')}"


if __name__=='__main__':
    jobs, *modules = sys.argv[1:] or ['2']
    with tempfile.TemporaryDirectory() as folder:
        prepare(Path(folder), modules or [*MUTATED])
        mutmut(Path(folder), 'run', '--max-children', jobs)
        print('\n\n'.join(report(Path(folder))))
