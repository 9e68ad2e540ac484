"One thread for all tests: the same numbers however many workers share the cores"
import os

import pytest
from advised import wrong_advice
from browser import chrome, docs, serve          # noqa: F401 (fixtures, the same for every file)

os.environ['OMP_NUM_THREADS'] = '1'         # of processes that tests start, too


def pytest_addoption(parser):
    parser.addoption('--changed', action='store_true', help='only what concerns a change: tests/changed.py')


def pytest_configure(config):
    import torch
    torch.set_num_threads(1)
    if config.getoption('--changed'): config.option.loadscopereorder = False       # as ordered below


def pytest_collection_modifyitems(config, items):
    if not config.getoption('--changed'): return
    from changed import Selection, changed_files
    selection = Selection(changed_files())
    wanted, left_out = [], []
    for item in items: (wanted if selection.wants(item) else left_out).append(item)
    config.hook.pytest_deselected(items=left_out)
    items[:] = sorted(wanted, key=lambda item: item.originalname!='test_runs')      # the longest come first


def pytest_terminal_summary(terminalreporter, config):
    if not config.getoption('--changed'): return
    from changed import Selection, changed_files
    terminalreporter.write_line(Selection(changed_files()).summary())


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    "A file stays on one worker, for its fixtures; notebooks are spread over all of them"
    from xdist.scheduler import LoadScopeScheduling

    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            return nodeid if 'test_notebooks' in nodeid else nodeid.partition('::')[0]
    return ByFile(config, log)


@pytest.fixture
def run(capsys):
    "Exit code, stdout and stderr of `ganad …`, which must not advise options that it does not have"
    from ganad.cli import main

    def run_command(*arguments):
        argv = [str(argument) for argument in arguments]
        with pytest.raises(SystemExit) as stop: main(argv)
        out, err = capsys.readouterr()
        assert not (wrong := wrong_advice(argv, out, err)), f'{wrong} advised by {argv}'
        return stop.value.code, out, err
    return run_command
