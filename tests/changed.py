"""Which tests concern what was changed: for `make quick`, while you work.

What is not committed counts as changed; where everything is committed, the last commit does. A change
concerns the module that it is made in and the modules that import it. What a method imports concerns its
losses, its scores and its promises on tables. Pages in a browser, wheels and kills are left to `make test`,
unless their own files changed.
"""
import ast
import json
import re
import subprocess
from functools import cache

from project import NBS, ROOT
from test_layout import MODULES, imported_modules, notebook_of_module

SLOW_FILES = {'test_site', 'test_look', 'test_live', 'test_docs', 'test_jupyter',
              'test_package', 'test_kill', 'test_executor'}
PAGES = {'docs', 'chrome'}                                  # fixtures: the built site, a browser
OF_METHODS = {'test_gradients', 'test_losses_of_methods', 'test_scores'}
OF_COMMANDS = {'test_own', 'test_own_files', 'test_messages'}
QUICK_NOTEBOOK = 8        # seconds: notebooks that take longer run only if they were changed themselves


def _git(*arguments):
    done = subprocess.run(['git', *arguments], cwd=ROOT, capture_output=True, text=True, check=True)
    return set(done.stdout.split('\n')) - {''}


def changed_files():
    "Paths below the project"
    files = _git('diff', '--name-only', 'HEAD') | _git('ls-files', '--others', '--exclude-standard')
    return files or _git('diff', '--name-only', 'HEAD~1', 'HEAD')


def changed_modules(files):
    "Modules of ganad, as '_files/report', whose notebook or text is among some files"
    notebooks = notebook_of_module()
    made_by = {path.relative_to(ROOT).as_posix():module for module, path in notebooks.items()}
    from_text = {module for module, path in MODULES.items() if path.relative_to(ROOT).as_posix() in files}
    return from_text | {made_by[file] for file in files if file in made_by}


def concerned_modules(changed):
    "The changed modules, and those that import one of them"
    importers = {module for module in MODULES if changed & {*imported_modules(module)}}
    return changed | importers


def methods_among(modules):
    "Names of the methods whose lessons make some modules"
    return {module.rpartition('/')[2] for module in modules if module.startswith('models/')}


@cache
def modules_of_test(path):
    "The modules of ganad that a test file imports, as 'core' or '_files/report'"
    tree = ast.parse(path.read_text(encoding='utf-8'))
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import): names |= {alias.name for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module} | {f'{node.module}.{alias.name}' for alias in node.names}
    places = {name.removeprefix('ganad.').replace('.', '/') for name in names if name.startswith('ganad.')}
    return {module for module in MODULES if module in places}


class Selection:
    "What concerns a change, asked test by test"
    def __init__(self, files):
        self.files = set(files)
        self.changed = changed_modules(self.files)
        self.concerned = concerned_modules(self.changed)
        self.names = methods_among(self.changed)
        self.importers = methods_among(self.concerned)
        self.methods = methods_among(MODULES)
        self.tested_by_import = set(self.changed)
        if '_files/commands' in self.changed: self.tested_by_import.add('cli')
        self.in_files = any(module.startswith('_files/') for module in self.changed)
        self.seconds = json.loads((NBS/'times.json').read_text())
        made_by = notebook_of_module()
        self.notebooks = {made_by[module] for module in self.concerned if module in made_by}

    def wants(self, item):
        "Is a collected test to be run?"
        path = item.path
        if path.relative_to(ROOT).as_posix() in self.files: return True
        parameters = item.callspec.params if hasattr(item, 'callspec') else {}
        if 'notebook' in parameters: return self._wants_notebook(parameters['notebook'], item)
        if path.stem in SLOW_FILES: return False
        if path.stem in ('test_layout', 'test_style'): return True
        about = {*re.findall(r'\w+', item.name.partition('[')[2])}
        if about & self.names: return True
        if self._is_of_other_methods(about): return False
        if path.stem=='test_contract': return 'contract' in self.changed or self._wants_promise(about)
        if path.stem in OF_METHODS and self.importers: return True
        if path.stem in OF_COMMANDS and self.in_files: return True
        return bool(self.tested_by_import & modules_of_test(path))

    def _is_of_other_methods(self, about):
        "Does the test name methods, and none that imports what was changed?"
        named = about & self.methods
        return bool(named and self.importers) and not named & self.importers

    def _wants_promise(self, about):
        "On tables, which train in a second, of each method that imports what was changed"
        return 'table' in about and bool(about & self.importers)

    def summary(self):
        "One line: what was checked, and what was left out"
        modules = ', '.join(sorted(self.changed)) or 'no module'
        return (f'checked what concerns {modules}; left to `make test`: pages in a browser, wheels, kills, '
                'clusters, mutants, promises on images, and notebooks that did not change and take over '
                f'{QUICK_NOTEBOOK} s')

    def _wants_notebook(self, notebook, item):
        if PAGES & {*item.fixturenames}: return False
        if notebook.name=='index.ipynb': return False       # every method is in its table; it trains
        is_changed = notebook.relative_to(ROOT).as_posix() in self.files
        if item.originalname!='test_runs': return is_changed or notebook in self.notebooks
        is_quick = self.seconds.get(notebook.stem, 0)<=QUICK_NOTEBOOK
        return is_changed or notebook in self.notebooks and is_quick
