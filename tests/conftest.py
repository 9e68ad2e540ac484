"One thread for all tests: the same numbers however many workers share the cores"
import pytest
import torch

torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    "A file stays on one worker, for its fixtures; notebooks are spread over all of them"
    for i in items:
        if i.path.name != 'test_notebooks.py': i.add_marker(pytest.mark.xdist_group(i.path.stem))


@pytest.fixture
def run(capsys):
    "Exit code, stdout and stderr of `ganad …`"
    from ganad.cli import main
    def _run(*argv):
        with pytest.raises(SystemExit) as e: main([str(a) for a in argv])
        return e.value.code, *capsys.readouterr()
    return _run
