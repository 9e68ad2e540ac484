"One thread for all tests: the same numbers however many workers share the cores"
import pytest
import torch

torch.set_num_threads(1)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    "A file stays on one worker, for its fixtures; notebooks are spread over all of them"
    for i in items:
        if i.path.name != 'test_notebooks.py': i.add_marker(pytest.mark.xdist_group(i.path.stem))
