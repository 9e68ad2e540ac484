"Lessons for students: what is left to be written, and that the checks of it are there"
import ast
import json

import pytest
from project import NBS, is_lesson

from ganad.site.pages import text_of
from ganad.site.student import faded, main

LESSONS = [path for path in sorted((NBS/'methods').glob('*.ipynb')) if is_lesson(path)]


def code_of(notebook): return [text_of(cell) for cell in notebook['cells'] if cell['cell_type']=='code']


@pytest.mark.parametrize('path', LESSONS, ids=lambda path: path.stem)
def test_formulas_are_left_out_and_nothing_else(path):
    lesson = json.loads(path.read_text())
    student = faded(lesson)
    to_write = [cell for cell in code_of(student) if 'your turn' in cell]
    assert any(cell.startswith('#| exports') for cell in to_write), 'its class has something to write'
    untouched = [cell.strip('\n') for cell in code_of(student) if 'your turn' not in cell]
    assert {*untouched}<={cell.strip('\n') for cell in code_of(lesson)}, 'all other code stays as it is'
    for cell in code_of(student): ast.parse(cell)
    text = json.dumps(student)
    assert 'Solution' not in text and not any(cell.get('outputs') for cell in student['cells'])


def test_whoever_writes_the_formula_has_the_lesson_again():
    lesson = json.loads((NBS/'methods/20_bigan.ipynb').read_text())
    space = {}
    for cell in code_of(faded(lesson)):
        if cell.startswith('#| export'): exec(cell, space)
    method = space['BiGAN']
    model = method(2, nz=2)
    with pytest.raises(NotImplementedError, match='your turn: d_loss'): model.d_loss(None, None)
    from ganad.models.bigan import BiGAN
    for name in ('d_loss', 'ge_loss', 'step', 'score_batch'): setattr(method, name, getattr(BiGAN, name))
    assert {*method(2, nz=2).step(space['torch'].zeros(4, 2))}=={'d', 'ge'}


def test_the_command_writes_what_is_asked_for(tmp_path, capsys):
    assert main(['10_gan', '--out', str(tmp_path)])==0
    assert 'd_loss, g_loss' in capsys.readouterr().out
    student = json.loads((tmp_path/'10_gan.ipynb').read_text())
    assert '../images' not in json.dumps(student) and (tmp_path/'images').is_dir()
    assert [path.name for path in tmp_path.glob('*.ipynb')]==['10_gan.ipynb']
    assert main(['11_gan', '--out', str(tmp_path)])==2
    assert "no lesson '11_gan'; there are: 10_gan" in capsys.readouterr().err
