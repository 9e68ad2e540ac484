"""Python processes that begin with everything imported.

To import PyTorch, scikit-learn and pandas costs five seconds of a processor, again in each process. So one
server imports them, and each process is a fork of it, with a folder, an environment and search paths of its
own: it finds `ganad` where its PYTHONPATH says, and nothing that it does is seen by the next.

Where the start itself is what is tested, as of what `import ganad` loads, `subprocess` is right.
"""
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
import types
from pathlib import Path

try: from multiprocessing import forkserver
except ImportError: forkserver = None               # Windows
PRELOAD = ['torch', 'torch._dynamo', 'torchvision', 'numpy', 'pandas', 'scipy.signal', 'scipy.stats',
           'safetensors.torch', 'matplotlib.pyplot', 'sklearn.cluster', 'sklearn.datasets',
           'sklearn.decomposition', 'sklearn.ensemble', 'sklearn.isotonic', 'sklearn.metrics',
           'sklearn.neighbors', 'jinja2', 'loky', 'distributed', 'tqdm.auto', 'IPython', 'nbdev.clean',
           'nbdev.doclinks', 'nbdev.test', 'fastcore.test', 'pytest']
OF_PYTHON = [path for path in sys.path if path.startswith((sys.prefix, sys.base_prefix))]


def context():
    "Of `multiprocessing`: its processes are forks of one server, where the system has forks"
    if not forkserver: return multiprocessing.get_context('spawn')
    made = multiprocessing.get_context('forkserver')
    made.set_forkserver_preload(PRELOAD)
    forkserver.ensure_running()
    return made


def start(work, *arguments, # A function of a module, and what it gets
          env=None, # All of the environment that it sees; None: that of this process
         ):
    "A process that does some work"
    environment = {name:str(value) for name, value in (os.environ if env is None else env).items()}
    process = context().Process(target=_work_in, args=(environment, work, *arguments))
    process.start()
    return process


def _work_in(environment, work, *arguments):
    "In the child: work in an environment"
    import torch
    os.environ.clear()
    os.environ.update(environment)
    torch.set_num_threads(1)
    work(*arguments)


def redirect(out, err): # Files, by name
    "Standard output and error of this process go there"
    for name, number in ((out, 1), (err, 2)):
        opened = os.open(name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND, 0o600)
        os.dup2(opened, number)
        os.close(opened)


def _python(arguments, folder, out, err):
    "In the child: what `python ARGUMENTS` does, which are `-c CODE …`, `-m MODULE …` or `FILE …`"
    os.setsid()
    redirect(out, err)
    os.chdir(folder)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    places = os.environ.get('PYTHONPATH', '').split(os.pathsep)
    sys.path[:] = [folder, *filter(None, places), *OF_PYTHON]
    kind, *rest = arguments
    sys.argv = rest if kind=='-m' else [kind, *rest]
    if kind=='-m': runpy.run_module(rest[0], run_name='__main__', alter_sys=True)
    elif kind!='-c': runpy.run_path(kind, run_name='__main__')
    else:
        main = types.ModuleType('__main__')
        sys.modules['__main__'] = main
        code = sys.argv.pop(1)
        exec(code, vars(main))


class Python:
    "As `subprocess.Popen([sys.executable, …])`, at the head of a session of its own; what it prints is kept"
    def __init__(self, *arguments, # As behind `python`
                 cwd=None, # Its folder; None: this one
                 env=None, # All of its environment; None: that of this process
                ):
        self.arguments = [str(argument) for argument in arguments]
        self._printed = tempfile.TemporaryDirectory()
        self._files = [str(Path(self._printed.name)/name) for name in ('out', 'err')]
        for name in self._files: Path(name).touch()
        folder = str(Path(cwd or '.').resolve())
        self._process = start(_python, self.arguments, folder, *self._files, env=env)
        self.pid = self._process.pid

    def send_signal(self, number):
        if self.poll() is None: os.kill(self.pid, number)

    def kill(self): self.send_signal(signal.SIGKILL)

    def poll(self):
        "Its exit code; None: it is alive"
        return self._process.exitcode

    def wait(self, timeout=None):
        "Its exit code, once it ends"
        self._process.join(timeout)
        if self.poll() is None: raise subprocess.TimeoutExpired(self.arguments, timeout)
        return self.poll()

    @property
    def returncode(self): return self.poll()

    def communicate(self, timeout=None):
        "What it printed, on standard output and on standard error, once it ends"
        self.wait(timeout)
        return tuple(Path(name).read_text(encoding='utf-8') for name in self._files)


def run(*arguments, timeout=600, **where): # As of `Python`
    "As `subprocess.run`: exit code, standard output and error of a process that has ended"
    process = Python(*arguments, **where)
    try: out, err = process.communicate(timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return subprocess.CompletedProcess(process.arguments, process.returncode, out, err)
