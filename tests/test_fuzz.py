"A small part of `make fuzz`, and whether it would find what it looks for"
import os
import zipfile
from functools import partial

import fuzz
import numpy as np
import pytest
from fuzz import FINE, KINDS, MISTAKES, SHARES, Watch
from fuzz_pictures import Archive
from fuzz_tables import Arrays, Parquet, Text

from ganad._files import readers

pytestmark = pytest.mark.filterwarnings('ignore')


def found(kind, numbers):
    "(verdict, what was forged, what is wrong) of each number"
    return [kind.check(np.random.default_rng(number)) for number in numbers]


@pytest.mark.parametrize('kind', KINDS, ids=[kind.name for kind in KINDS])
def test_forged_files_are_refused_or_right(tmp_path, kind):
    results = found(kind(tmp_path), range(24))
    assert not [result for result in results if result[0] not in FINE]
    assert len({verdict for verdict, *_ in results})>1                 # and not all of them are refused


def test_every_kind_has_its_share(): assert {kind.name for kind in KINDS}==SHARES.keys()


# Defects that are planted, each with the first number that shows it, or a little before

def no_check(*arguments): return None


def by_place(choose, rows, names, index=()):
    "As a reader has columns that does not look at their names"
    choose(rows, names, index)
    if rows.types: rows.position.update({name:i+1 for i, name in enumerate(rows.features)})


def without_sums(rows): return rows.parquet.ParquetFile(rows.path)


DEFECTS = {
    'check sums of an archive': (Archive, zipfile.ZipExtFile, '_update_crc', no_check, 45),
    'check sums of arrays': (Arrays, zipfile.ZipExtFile, '_update_crc', no_check, 0),
    'check sums of Parquet': (Parquet, readers.Parquet, '_open', without_sums, 0),
    'names of columns': (Text, readers.Rows, 'choose', partial(by_place, readers.Rows.choose), 140),
}


@pytest.mark.parametrize('name', DEFECTS)
def test_what_is_not_looked_at_any_more_is_found(tmp_path, monkeypatch, name):
    kind, place, attribute, defect, first = DEFECTS[name]
    fuzzer = kind(tmp_path)
    monkeypatch.setattr(place, attribute, lambda *arguments: defect(*arguments))
    numbers = range(first, first+100)
    assert any(fuzzer.check(np.random.default_rng(number))[0] in MISTAKES for number in numbers)


# Whoever watches

class Troubled:
    "In place of `Fuzzer`: one file ends the process, one never ends, one takes memory, one is an error"
    def __init__(self, folder): self.taken = []

    def check(self, number):
        if number==1: os._exit(3)
        while number==2: pass
        if number==3: self.taken.append(np.ones(20_000_000))
        return 'csv', 'other' if number==4 else 'equal', 'nothing', ''


def test_files_that_hang_crash_or_take_memory_are_told(monkeypatch, capsys):
    monkeypatch.setattr(fuzz, 'Fuzzer', Troubled)
    monkeypatch.setattr(fuzz, 'SECONDS', 1)
    monkeypatch.setattr(fuzz, 'GIGABYTES', .1)
    found = [(number, verdict) for number, _, verdict, *_ in Watch(range(7)).results()]
    assert found==[*enumerate(['equal', 'crash', 'slow', 'memory', 'other', 'equal', 'equal'])]
    assert fuzz.main(3, 4)==1
    printed = capsys.readouterr().out
    assert "make fuzz ARGS='1 4'" in printed and '3 files, seed 4: 1 mistakes [4]' in printed
    assert fuzz.main(2, 5)==0
