"Disks that are full or closed, and files larger than the memory"
import json
import os
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import prepared
import pytest
from pumps import ENV, LABELS, LIMITS, PCA, is_mistake, place, pump, report, score, trains_for_nothing

from ganad.estimator import info, load
from ganad._files.readers import csv_line

try: import resource
except ImportError: resource = None          # Windows


# Disks

NOWHERE = {'no folder may be made':'/proc/nothing/m', 'a folder that nobody writes to':'/sys/m',
           'a file in the place of the folder':'/dev/null/m'}


@pytest.mark.skipif(sys.platform!='linux', reason='folders that root cannot write to')
@pytest.mark.parametrize('path', NOWHERE.values(), ids=NOWHERE)
def test_read_only_folder_is_said_before_the_training(run, place, path, monkeypatch):
    monkeypatch.setattr('ganad._files.fit_and_score.fit_rows', trains_for_nothing)
    results = [run('fit', place/'train.csv', '--save', path, *LABELS)]
    for command in ('score', 'report'):
        results.append(run(command, place/'test.csv', '--model', place/'m.safetensors', '--out', path))
    for result in results: assert is_mistake(result) and 'cannot write' in result[2]


@LIMITS
@pytest.mark.parametrize('what', ['fit', 'score', 'report', 'checkpoint'])
def test_full_disk_leaves_what_was_there(run, place, tmp_path, what):
    "A limit on the size of files stands in for a full disk: writing fails in the middle"
    out, table, model = tmp_path/'out', place/'train.csv', place/'m.safetensors'
    old = model.read_bytes()                                  # a model: nothing else is written over
    out.write_bytes(old)
    fit = ['fit', table, '--save', out, *LABELS, '--method']
    judge = [table, '--model', model, '--out', out]
    argv = dict(score=['score', *judge], report=['report', *judge], fit=[*fit, 'knn'],
                checkpoint=[*fit, 'alice', '--epochs', '2'])
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (9_000, hard))
    try: result = run(*argv[what])
    finally: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert is_mistake(result) and re.search('[Ff]ile too large|room|cannot be written', result[2]), result
    assert out.read_bytes()==old and [*tmp_path.iterdir()]==[out]


@pytest.mark.skipif(sys.platform!='linux' or os.geteuid()!=0, reason='needs root for a disk of its own')
def test_a_disk_that_is_really_full(run, place, tmp_path):
    mount = ['mount', '-t', 'tmpfs', '-o', 'size=16k', 'tmpfs', tmp_path]
    if subprocess.run(mount, capture_output=True).returncode: pytest.skip('a container may not mount')
    try:
        score = ['score', place/'train.csv', '--model', place/'m.safetensors', '--out', tmp_path/'s.csv']
        fit = ['fit', place/'train.csv', '--save', tmp_path/'m', *LABELS, '--method', 'knn']
        for argv in (score, fit):
            result = run(*argv)
            assert is_mistake(result) and 'free some' in result[2]
        assert not [*tmp_path.iterdir()]
    finally: subprocess.run(['umount', tmp_path], check=True)


# Size

def big(path, rows, columns, seed=0):
    rng = np.random.default_rng(seed)
    lines = [csv_line([f'{value:.6f}' for value in row]) + '\n' for row in rng.normal(size=(2_000, columns))]
    with open(path, 'w') as file:
        file.write(','.join(f'c{i}' for i in range(columns)) + '\n')
        for _ in range(rows//2_000): file.writelines(lines)
    return path


PEAK = """import resource, sys
from ganad.cli import main
try: main(sys.argv[1:])
except SystemExit as end: assert not end.code
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10, file=sys.stderr)"""


def peak(*argv):
    "Memory of a process of its own, in MB"
    done = prepared.run('-c', PEAK, *argv, env=ENV)
    assert done.returncode==0, done.stderr
    return int(done.stderr.split()[-1])


def lines_of(path):
    with open(path) as file: return sum(1 for _ in file)


@LIMITS
def test_memory_does_not_grow_with_the_file(run, tmp_path):
    model, out = tmp_path/'m', tmp_path/'o.csv'
    assert run('fit', big(tmp_path/'t.csv', 2_000, 10), '--save', model, '--method', 'pca')[0]==0
    small = peak('score', big(tmp_path/'s.csv', 10_000, 10), '--model', model, '--out', out)
    large = peak('score', big(tmp_path/'l.csv', 100_000, 10, 1), '--model', model, '--out', out)
    assert lines_of(out)==100_001 and large<small + 100, (small, large)


@LIMITS
@pytest.mark.slow
def test_a_million_rows(tmp_path):
    path, model, out = big(tmp_path/'t.csv', 1_000_000, 40), tmp_path/'m', tmp_path/'s.csv'
    fit = ['fit', path, '--save', model, '--method', 'alad', '--epochs', '1', '--batch-size', '4096']
    print('fit', peak(*fit), 'MB')
    assert peak('score', path, '--model', model, '--out', out)<1000
    assert lines_of(out)==1_000_001


def test_notes_of_the_training_are_called_so_in_a_report(run, tmp_path, report):
    rows = pump(300).drop(columns=['no'])
    rows.assign(flow=['?' if i%30==0 else value for i, value in enumerate(rows.flow)]).to_csv(
        tmp_path/'train.csv', index=False)
    fit = ['fit', tmp_path/'train.csv', '--save', tmp_path/'m', '--impute', 'median', '--quiet', *PCA]
    assert run(*fit, '--label', 'bad')[0]==0
    pump(300, 2).drop(columns='no').to_csv(tmp_path/'test.csv', index=False)
    model = '--model', tmp_path/'m', '--out', tmp_path/'r.html'
    _, _, err = run('report', tmp_path/'test.csv', *model)
    gaps, = [line for line in err.splitlines() if 'taken for gaps' in line]
    assert gaps.startswith("ganad: In training: 10 values of 'flow'")
    code, out, _ = run('report', tmp_path/'train.csv', *model, '--json')
    assert code==0 and sum('taken for gaps' in note for note in json.loads(out)['notes'])==1


@pytest.mark.parametrize('typed', [['--out', '~/new/{}'], ['--out=~/new/{}']])
def test_outputs_in_the_home_folder_lie_there(run, place, tmp_path, monkeypatch, typed):
    monkeypatch.setenv('HOME', str(tmp_path/'home'))
    monkeypatch.setenv('USERPROFILE', str(tmp_path/'home'))
    monkeypatch.chdir(tmp_path)
    save = [text.replace('--out', '--save').format('m') for text in typed]
    assert run('fit', place/'train.csv', *save, *LABELS, *PCA, '--quiet')[0]==0
    for command, name in (('score', 's.csv'), ('report', 'r.html')):
        out = [text.format(name) for text in typed]
        assert run(command, place/'test.csv', '--model', '~/new/m', *out, '--quiet')[0]==0
    assert sorted(path.name for path in (tmp_path/'home'/'new').iterdir())==['m', 'r.html', 's.csv']
    load(tmp_path/'home'/'new'/'m').save('~/again')
    assert (tmp_path/'home'/'again').is_file() and not (tmp_path/'~').exists()


def test_new_words_that_do_not_count_are_said_to_be_so(run, tmp_path):
    rng = np.random.default_rng(0)
    words = pd.DataFrame(dict(heat=rng.normal(size=400), part=[f'p{i//2}' for i in range(400)]))
    words.to_csv(tmp_path/'train.csv', index=False)
    few = words.assign(part=[f'p{i%3}' for i in range(400)])
    few.to_csv(tmp_path/'few.csv', index=False)
    words.assign(part='new').to_csv(tmp_path/'test.csv', index=False)
    for train, counts in (('train', False), ('few', True)):
        fit = ['fit', tmp_path/f'{train}.csv', '--save', tmp_path/train, '--quiet', '--method', 'knn']
        assert run(*fit)[0]==0
        scores = '--model', tmp_path/train, '--out', tmp_path/'s.csv'
        _, _, err = run('score', tmp_path/'test.csv', *scores)
        assert "'part' were never seen" in err and ('no score counts them' in err)!=counts


def test_ten_thousand_columns(run, tmp_path):
    table = pd.read_csv(big(tmp_path/'t.csv', 2_000, 500), nrows=60)
    wide, model, out = tmp_path/'wide.csv', tmp_path/'m', tmp_path/'s.csv'
    pd.concat([table.add_prefix(f'{i}_') for i in range(20)], axis=1).to_csv(wide, index=False)
    assert run('fit', wide, '--save', model, '--method', 'pca', '--quiet')[0]==0
    assert run('score', wide, '--model', model, '--out', out, '--quiet')[0]==0
    assert info(model)['features']==10_000 and lines_of(out)==61
