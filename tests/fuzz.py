"""Damaged, odd and forged files by the thousand: refused in one line, or scored as what they hold

`python tests/fuzz.py [FILES] [SEED]`, or `make fuzz ARGS='FILES SEED'`. Each number from SEED on makes one
file: a table (`fuzz_tables`), pictures (`fuzz_pictures`) or a model (`fuzz_models`), of which
    refused   is said in one line, by `fit`, `score` and whatever else reads it
    equal     gives the scores of the good file that it was made from
    right     holds something else, and gives the scores of the rows that another reader finds there
    other     gives other scores than that, or leaves rows out, and nobody says so
    traceback ends in one, or in lines that are no message
    slow      takes longer than `SECONDS`, or never ends
    memory    takes more than `GIGABYTES`
    crash     ends the process
The last five are mistakes of ours. Each is printed with its number: `make fuzz ARGS='1 NUMBER'` makes that
file again. A process of its own reads the files; it is watched, and replaced.
"""
import multiprocessing
import resource
import signal
import sys
import tempfile
import time
import traceback
import warnings
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from damage import pick
from fuzz_models import Models
from fuzz_pictures import PICTURES
from fuzz_tables import TABLES

FORKED = multiprocessing.get_context('fork')             # with all modules, and at once
KINDS = [*TABLES, *PICTURES, Models]
# Kind → how often it is forged: what has more ways to be wrong, more often
SHARES = {'csv':4, 'tsv':2, 'csv.gz':2, 'parquet':3, 'npz':2, 'unnamed.npz':1, 'pictures.npz':1,
          'folder':2, 'zip':3, 'model':3}
FINE = 'refused', 'equal', 'right'
MISTAKES = 'other', 'traceback', 'slow', 'memory', 'crash'
SECONDS = 10                           # of processor time
PATIENCE = 300                         # s of waiting, for something that never comes
GIGABYTES = 2


class Fuzzer:
    "Files of every kind, one for each number"
    def __init__(self, folder, kinds=KINDS):
        self.kinds = {}
        for kind in kinds:
            place = folder/kind.name
            place.mkdir()
            self.kinds[kind.name] = kind(place)
        self.lots = [name for name in self.kinds for _ in range(SHARES[name])]

    def check(self, number):
        "(kind, verdict, what was forged, what is wrong) of one file"
        rng = np.random.default_rng(number)
        name = pick(rng, self.lots)
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            try: return name, *self.kinds[name].check(rng)
            except Exception: return name, 'traceback', 'by the fuzzer itself', traceback.format_exc(limit=-3)


def peak():
    "The most memory that this process has taken, in GB"
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss*1024/1e9


def work(other_end, pipe, numbers):
    "Send what comes of each number; the last one, if the memory is used up"
    other_end.close()                                                       # else nobody sees who is gone
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        fuzzer = Fuzzer(Path(folder))
        usual = peak()
        resource.setrlimit(resource.RLIMIT_DATA, (8*10**9, resource.RLIM_INFINITY))    # the machine lives on
        pipe.send('ready')
        for number in numbers:
            signal.setitimer(signal.ITIMER_PROF, SECONDS)                   # of this process's own time
            found = fuzzer.check(number)
            taken = peak()-usual
            if taken>GIGABYTES: found = (found[0], 'memory', found[2], f'{taken:.1f} GB')
            pipe.send(found)
            if taken>GIGABYTES: return


class Watch:
    "A process that checks files; one that hangs or crashes is replaced"
    def __init__(self, numbers):
        self.left = list(numbers)

    def results(self):
        "(number, kind, verdict, what was forged, what is wrong) of each"
        while self.left:
            ours, theirs = FORKED.Pipe()
            process = FORKED.Process(target=work, args=(ours, theirs, self.left), daemon=True)
            process.start()
            theirs.close()
            if ours.recv()!='ready': raise RuntimeError('the good files could not be made')
            yield from self.results_of(process, ours)
            process.kill()
            process.join()

    def results_of(self, process, pipe):
        "Of one process, as long as it lives"
        is_alive = True
        while self.left and is_alive:
            try: found = pipe.recv() if pipe.poll(PATIENCE) else ('?', 'slow', '?', f'waits for {PATIENCE} s')
            except EOFError:
                process.join()
                is_slow = process.exitcode==-signal.SIGPROF
                detail = f'more than {SECONDS} s' if is_slow else f'exit code {process.exitcode}'
                found = '?', 'slow' if is_slow else 'crash', '?', detail
            is_alive = found[1] not in ('slow', 'crash', 'memory')
            yield self.left.pop(0), *found


def main(files=10_000, seed=0):
    "Exit code: 1 if there is any mistake"
    counts, mistakes = Counter(), []
    start = time.perf_counter()
    for done, (number, kind, verdict, how, detail) in enumerate(Watch(range(seed, seed+files)).results(), 1):
        counts[kind, verdict] += 1
        if verdict in MISTAKES:
            mistakes.append(number)
            print(f"\n{verdict}: {kind}, {how}; again: make fuzz ARGS='1 {number}'\n{detail}", flush=True)
        if done%500==0:
            print(f'{done:,} files, {time.perf_counter()-start:.0f} s, {len(mistakes)} mistakes', flush=True)
    print(table(counts))
    print(f'{files:,} files, seed {seed}: {len(mistakes)} mistakes {mistakes[:20] or ""}')
    return int(bool(mistakes))


def table(counts):
    "Kinds × verdicts, as text"
    verdicts = *FINE, *MISTAKES
    kinds = [kind for kind in [*SHARES, '?'] if any(counts[kind, verdict] for verdict in verdicts)]
    lines = [['', *verdicts]]
    for kind in kinds: lines.append([kind, *(counts[kind, verdict] for verdict in verdicts)])
    lines.append(['all', *(sum(counts[kind, verdict] for kind in kinds) for verdict in verdicts)])
    return '\n'.join(f'{name:<14}' + ''.join(f'{value:>10}' for value in values) for name, *values in lines)


if __name__=='__main__':
    warnings.simplefilter('ignore')
    sys.exit(main(*map(int, sys.argv[1:3])))
