"Whether options that a command advises exist"
import re

from ganad.cli import parser


def options_of():
    "Command → its options"
    commands = next(action.choices for action in parser()._actions if 'fit' in (action.choices or ()))
    return {name:{*command._option_string_actions} for name, command in commands.items()}


OWN_DATA = 'fit', 'score', 'report', 'compare'
OPTION = re.compile(r'(?<![\w-])--[a-z][a-z-]+')


def wrong_options(command, line):
    "Those that neither the command has nor one that is named before them; of `compare` all must be its own"
    known = options_of()
    def is_known(option, before):
        named = [] if command=='compare' else re.findall(r'\b(?:fit|score|report)\b', before)
        return any(option in known[name] for name in (command, *named))
    return [found[0] for found in OPTION.finditer(line) if not is_known(found[0], line[:found.start()])]


def wrong_advice(argv, out, err):
    "Options that what was printed advises and that there are not"
    if not argv or argv[0] not in OWN_DATA or '--help' in argv: return []
    lines = [line for line in err.splitlines() if line.startswith('ganad: ')]
    if argv[0]!='score' or '--json' in argv: lines += out.splitlines()
    return [option for line in lines for option in wrong_options(argv[0], line)]
