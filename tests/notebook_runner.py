"Run a notebook from top to bottom, each in a process of its own that starts with everything imported"
import os
import sys
import traceback
from pathlib import Path

from prepared import redirect, start


def _work(path, root, skip_flags, force_flags, log):
    "In the child: exit code 0 if the notebook ran to its end; what it printed goes to the file `log`"
    redirect(log, log)
    try:
        import matplotlib
        from nbdev.test import test_nb
        matplotlib.use('agg')
        succeeded, _ = test_nb(Path(path), skip_flags=skip_flags, force_flags=force_flags, basepath=root)
    except BaseException:
        traceback.print_exc()
        succeeded = False
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(0 if succeeded else 1)             # nothing that a notebook left running holds up the next


def run_notebook(path, # In the folder where it runs
                 root, # Of the project: `ganad` is imported from there
                 log, # File for what it prints
                 skip_flags=(), # Cells with these flags are left out …
                 force_flags=(), # … unless they have one of these
                 timeout=600, # Seconds
                ):
    "None if it ran; else the end of what it printed"
    arguments = str(path), str(root), list(skip_flags), list(force_flags), str(log)
    environment = {**os.environ, 'PYTHONPATH':str(root), 'OMP_NUM_THREADS':'1', 'MPLBACKEND':'agg'}
    process = start(_work, *arguments, env=environment)
    process.join(timeout)
    if process.is_alive():
        process.kill()
        return f'not done after {timeout} s'
    if process.exitcode==0: return None
    printed = Path(log).read_text(encoding='utf-8') if Path(log).exists() else ''
    return f'exit code {process.exitcode}: {printed[-4000:]}'
