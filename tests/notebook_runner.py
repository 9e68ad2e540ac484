"""Run a notebook from top to bottom, each in a process of its own that starts with everything imported.

Starting Python and PyTorch anew costs more than many notebooks do. So one server imports what all of them
need, and each notebook runs in a fork of it: nothing that a notebook does is seen by the next.
"""
import multiprocessing
import os
import sys
import traceback
from pathlib import Path

HAS_FORKS = 'forkserver' in multiprocessing.get_all_start_methods()
PRELOAD = ['torch', 'torchvision', 'numpy', 'pandas', 'scipy.stats', 'safetensors.torch', 'matplotlib.pyplot',
           'sklearn.datasets', 'sklearn.decomposition', 'sklearn.ensemble', 'sklearn.neighbors',
           'IPython', 'nbdev.test', 'fastcore.test']


def _work(path, root, skip_flags, force_flags, log):
    "In the child: exit code 0 if the notebook ran to its end; what it printed goes to the file `log`"
    stream = open(log, 'w', encoding='utf-8')
    os.dup2(stream.fileno(), 1)
    os.dup2(stream.fileno(), 2)
    sys.stdout = sys.stderr = stream
    try:
        import torch
        from nbdev.test import test_nb
        torch.set_num_threads(1)
        succeeded, _ = test_nb(Path(path), skip_flags=skip_flags, force_flags=force_flags, basepath=root)
    except BaseException:
        traceback.print_exc()
        succeeded = False
    stream.flush()
    os._exit(0 if succeeded else 1)             # nothing that a notebook left running holds up the next


def _context():
    if not HAS_FORKS: return multiprocessing.get_context('spawn')
    context = multiprocessing.get_context('forkserver')
    context.set_forkserver_preload(PRELOAD)
    return context


def run_notebook(path, # In the folder where it runs
                 root, # Of the project: `ganad` is imported from there
                 log, # File for what it prints
                 skip_flags=(), # Cells with these flags are left out …
                 force_flags=(), # … unless they have one of these
                 timeout=600, # Seconds
                ):
    "None if it ran; else the end of what it printed"
    settings = dict(PYTHONPATH=str(root), OMP_NUM_THREADS='1', MPLBACKEND='agg')
    before = {name:os.environ.get(name) for name in settings}
    os.environ.update(settings)                 # the server, and with it each notebook, inherits them
    try:
        arguments = str(path), str(root), list(skip_flags), list(force_flags), str(log)
        process = _context().Process(target=_work, args=arguments)
        process.start()
        process.join(timeout)
        if process.is_alive():
            process.kill()
            return f'not done after {timeout} s'
    finally:
        for name, value in before.items():
            if value is None: del os.environ[name]
            else: os.environ[name] = value
    if process.exitcode==0: return None
    printed = Path(log).read_text(encoding='utf-8') if Path(log).exists() else ''
    return f'exit code {process.exitcode}: {printed[-4000:]}'
