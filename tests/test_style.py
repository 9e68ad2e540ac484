"Style that a program can see: ruff's rules (ruff.toml), old habits without a rule, and what is public"
import ast
import subprocess
import sys

import pytest
from project import ROOT

from ganad.detector import detectors

CODE = sorted([*(ROOT/'ganad').rglob('*.py'), *(ROOT/'tests').glob('*.py')])
CODE = [path for path in CODE if path.name!='_modidx.py']


def test_ruff_finds_nothing():
    command = [sys.executable, '-m', 'ruff', 'check', 'ganad', 'tests']
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode==0, done.stdout[-4000:]


def is_text(node):
    "A string, with or without braces"
    return isinstance(node, ast.JoinedStr) or isinstance(getattr(node, 'value', None), str)


def text_times_truth(node):
    "`'text'*found` in place of `'text' if found else ''`"
    if not isinstance(node, ast.BinOp) or not isinstance(node.op, ast.Mult): return False
    if not is_text(node.left): return False
    is_bool = isinstance(node.right, ast.Call) and getattr(node.right.func, 'id', '')=='bool'
    return is_bool or isinstance(node.right, (ast.Compare, ast.BoolOp, ast.UnaryOp))


def list_for_its_effect(node):
    "`[f(x) for x in xs]` as a statement, in place of a loop"
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.ListComp)


def pattern_on_a_message(node):
    "`re.sub(…, str(error))`: whoever needs a part of an error reads its field"
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)): return False
    if getattr(node.func.value, 'id', '')!='re': return False
    asked = [inner for argument in node.args for inner in ast.walk(argument)]
    return any(isinstance(inner, ast.Call) and getattr(inner.func, 'id', '')=='str'
               and [getattr(name, 'id', '') for name in inner.args] in (['e'], ['error']) for inner in asked)


def decorated_twice(node):
    "The same decorator twice"
    if not isinstance(node, (ast.FunctionDef, ast.ClassDef)): return False
    names = [ast.unparse(decorator).partition('(')[0] for decorator in node.decorator_list]
    return len(names)!=len(set(names)) and 'pytest.mark.parametrize' not in names


def named_lambda(node):
    "`f = lambda x: …` or `model.f = lambda x: …`: a function with a name is a `def`"
    return isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda)


def advice_in_a_text(node):
    "`raise ValueError('what; what to do')`: an error of ours has fields for both"
    if not (isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)): return False
    if getattr(node.exc.func, 'id', '') not in ('ValueError', 'TypeError', 'RuntimeError'): return False
    constants = [part.value for part in ast.walk(node.exc) if isinstance(part, ast.Constant)]
    return any(isinstance(text, str) and '; ' in text for text in constants)


def form(value):
    "What kind of thing stands to the right of an equals sign; of a call, the name of the function, too"
    if isinstance(value, ast.Call): return getattr(value.func, 'attr', getattr(value.func, 'id', ''))
    if isinstance(value, ast.Constant): return type(value.value).__name__
    return type(value).__name__


def unrelated_pair(node):
    "`loss, w = 0, self.w`: two or three things of one kind may share a line, others have one each"
    if not (isinstance(node, ast.Assign) and isinstance(node.value, ast.Tuple)): return False
    if not isinstance(node.targets[0], ast.Tuple): return False
    values = node.value.elts
    return len(values)>3 or len({form(value) for value in values})>1


HABITS = [named_lambda, text_times_truth, list_for_its_effect, pattern_on_a_message, decorated_twice]
HABITS_OF_THE_COURSE = [unrelated_pair, advice_in_a_text]


@pytest.mark.parametrize('habit', HABITS, ids=lambda habit: habit.__name__)
def test_old_habits_are_gone(habit):
    for path in CODE:
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            assert not habit(node), f'{path.relative_to(ROOT)}:{node.lineno}: {habit.__doc__}'


def is_of_the_course(path):
    "Of the package, without the room of users' files, where comments still stand for docstrings"
    room = path.relative_to(ROOT).parts[1]
    return path.is_relative_to(ROOT/'ganad') and room not in ('_files', 'cli.py')


@pytest.mark.parametrize('habit', HABITS_OF_THE_COURSE, ids=lambda habit: habit.__name__)
def test_old_habits_are_gone_from_the_package(habit):
    for path in CODE:
        if not path.is_relative_to(ROOT/'ganad'): continue
        for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
            assert not habit(node), f'{path.relative_to(ROOT)}:{node.lineno}: {habit.__doc__}'


def undocumented(text):
    "Lines of functions with a comment behind `def` where a docstring belongs: `help` shows no comment"
    lines = text.splitlines()
    functions = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.FunctionDef)]
    return [lines[node.lineno-1] for node in functions if node.name!='__init__'
            and not ast.get_docstring(node) and ' #' in lines[node.lineno-1]]


def test_what_a_function_gives_is_its_docstring():
    for path in filter(is_of_the_course, CODE):
        assert undocumented(path.read_text(encoding='utf-8'))==[], path.relative_to(ROOT)


def test_a_comment_behind_def_is_noticed():
    assert undocumented('def f(x): # Twice as much\n    return 2*x')==['def f(x): # Twice as much']
    assert not undocumented('def f(x): # Twice as much\n    "Twice `x`"\n    return 2*x')


@pytest.mark.parametrize('code', [
    'a, b = f(x), f(y)', 'a, b = b, a', 'a, b = [], []', 'real, fake = logits.chunk(2)',
    "BLUE, RED, GREEN = '#00f', '#f00', '#0f0'", 'was, now = old.get(k), new.get(k)'])
def test_pairs_of_one_kind_may_stay(code):
    assert not any(map(unrelated_pair, ast.walk(ast.parse(code))))


@pytest.mark.parametrize('habit, code', [
    (named_lambda, 'f = lambda x: x'),
    (named_lambda, 'model.f = lambda x: x'),
    (advice_in_a_text, "raise ValueError(f'{n} rows; give more')"),
    (unrelated_pair, 'loss, w = 0, self.w'),
    (unrelated_pair, 'e, g = E(x), G(z)'),
    (unrelated_pair, 'a, b, c, d = 1, 2, 3, 4'),
    (text_times_truth, "'s'*(n!=1)"),
    (list_for_its_effect, '[f(x) for x in xs]'),
    (pattern_on_a_message, "re.sub('a', 'b', str(e))"),
    (decorated_twice, '@cache\n@cache(None)\ndef f(): pass')])
def test_habits_are_recognised(habit, code):
    assert any(map(habit, ast.walk(ast.parse(code))))


def underscored_imports(path):
    "The names with a leading underscore that a module takes from other modules of the package"
    tree = ast.parse(path.read_text(encoding='utf-8'))
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom): continue
        if not node.level and not (node.module or '').startswith('ganad'): continue
        for name in node.names:
            is_module = (ROOT/'ganad/estimator'/f'{name.name}.py').exists()
            if name.name.startswith('_') and not is_module: yield name.name


@pytest.mark.parametrize('path', [path for path in CODE if path.is_relative_to(ROOT/'ganad')],
                         ids=lambda path: path.relative_to(ROOT).as_posix())
def test_an_underscore_marks_what_no_other_module_uses(path):
    assert list(underscored_imports(path))==[]


def public_names():
    "What the package offers: `__all__` of each module without an underscore in its path"
    for path in CODE:
        place = path.relative_to(ROOT)
        if place.parts[0]!='ganad' or place.parts[1]=='site': continue           # not in the wheel
        if any(part.startswith('_') and part!='__init__.py' for part in place.parts): continue
        for node in ast.parse(path.read_text(encoding='utf-8')).body:
            if isinstance(node, ast.Assign) and getattr(node.targets[0], 'id', '')=='__all__':
                for name in ast.literal_eval(node.value): yield f'{place.stem}.{name}'


def test_public_names_can_be_read_on_one_page():
    names = set(public_names())
    assert {'detector.Detector', 'estimator.load', 'alad.ALAD', 'metrics.auroc'} <= names
    beside_methods = len(names) - len(detectors())                     # a method more is no name too many
    assert beside_methods<=230, f'{beside_methods} names: give what no user needs an underscore'
