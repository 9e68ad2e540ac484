"One thread for all tests: the same numbers however many workers share the cores"
import pytest
import torch

torch.set_num_threads(1)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    "A file stays on one worker, for its fixtures; notebooks are spread over all of them"
    from xdist.scheduler import LoadScopeScheduling
    class ByFile(LoadScopeScheduling):
        def _split_scope(self, nodeid): return nodeid if 'test_notebooks' in nodeid else nodeid.split('::')[0]
    return ByFile(config, log)


@pytest.fixture
def run(capsys):
    "Exit code, stdout and stderr of `ganad …`"
    from ganad.cli import main
    def _run(*argv):
        with pytest.raises(SystemExit) as e: main([str(a) for a in argv])
        return e.value.code, *capsys.readouterr()
    return _run
