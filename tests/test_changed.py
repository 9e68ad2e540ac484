"`make quick`: what a change selects, and what it leaves to `make test`"
from types import SimpleNamespace

import pytest
from changed import Selection
from project import ROOT

LESSON = 'nbs/methods/25_alice.ipynb'
LOSSES = 'nbs/toolkit/03_losses.ipynb'
REPORT = 'nbs/files/30_report.ipynb'


def item(file, name='test_x', fixtures=(), **parameters):
    "What pytest collects, as far as a selection looks at it"
    found = SimpleNamespace(path=ROOT/'tests'/file, name=name, originalname=name.partition('[')[0],
                            fixturenames=[*fixtures, *parameters])
    if parameters: found.callspec = SimpleNamespace(params=parameters)
    return found


def runs(notebook): return item('test_notebooks.py', f'test_runs[{notebook}]', notebook=ROOT/'nbs'/notebook)


@pytest.mark.parametrize('file,wanted', [
    (LESSON, [runs('methods/25_alice.ipynb'), item('test_contract.py', 'test_promise[alice-image-saves]'),
              item('test_gradients.py')]),
    (LOSSES, [runs('toolkit/03_losses.ipynb'), item('test_contract.py', 'test_promise[alice-table-saves]'),
              item('test_scores.py'), item('test_losses_of_methods.py')]),
    (REPORT, [runs('files/30_report.ipynb'), runs('files/40_commands.ipynb'), item('test_own.py'),
              item('test_messages.py'), item('test_picture_notes.py')]),
    ('tests/test_kill.py', [item('test_kill.py')]),
])
def test_what_concerns_a_change_is_checked(file, wanted):
    selection = Selection({file})
    for test in [*wanted, item('test_layout.py'), item('test_style.py')]:
        assert selection.wants(test), test.name


@pytest.mark.parametrize('file,left', [
    (LESSON, [runs('methods/20_bigan.ipynb'), item('test_contract.py', 'test_promise[bigan-image-saves]'),
              item('test_contract.py', 'test_mutant_dies[Upside]'), item('test_own.py'),
              item('test_gradients.py', 'test_a_loss_moves_its_networks[bigan-image]')]),
    (LOSSES, [runs('methods/25_alice.ipynb'), item('test_contract.py', 'test_promise[alice-image-saves]'),
              item('test_contract.py', 'test_promise[pca-table-saves]'), item('test_cli.py')]),
    (REPORT, [runs('methods/25_alice.ipynb'), item('test_cli.py'), item('test_gradients.py'),
              item('test_site.py', 'test_head[30_report]', ['docs'], notebook=ROOT/REPORT)]),
])
def test_what_does_not_or_takes_long_is_left_to_make_test(file, left):
    selection = Selection({file})
    for test in [*left, item('test_kill.py'), item('test_package.py')]:
        assert not selection.wants(test), test.name


def test_it_says_in_a_line_what_it_left_out():
    line = Selection({LOSSES}).summary()
    assert line.startswith('checked what concerns losses; left to `make test`: ') and line.count('\n')==0
