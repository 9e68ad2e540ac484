"What the command line says, for programs that call it thousands of times"
import contextlib
import io
import traceback
import warnings
from dataclasses import dataclass

from damage import Mistake

from ganad.cli import main


@dataclass
class Said:
    "What came of a command"
    code: int                           # 0: done, 2: refused
    errors: list                        # lines on standard error

    @property
    def is_refused(self): return self.code==2


def run_command(*arguments):
    "What came of a command that does it, or refuses in one line; else a `Mistake`"
    errors, code = io.StringIO(), None
    with (contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(errors),
          warnings.catch_warnings()):
        warnings.simplefilter('always')
        try: main([*map(str, arguments)])
        except SystemExit as stop: code = stop.code
        except Exception as error:
            where = ''.join(traceback.format_exception(error, limit=-3))
            raise Mistake('traceback', f'{arguments[0]}: {where}') from error
    lines = errors.getvalue().split('\n')[:-1]
    strays = [line for line in lines if not line.startswith('ganad: ')]
    if strays or code not in (0, 2) or code==2 and not lines:
        raise Mistake('traceback', f'{arguments[0]}: exit code {code}, {strays[:5]}')
    if code==2 and 'not enough memory' in lines[-1]: raise Mistake('memory', lines[-1])
    return Said(code, lines)
