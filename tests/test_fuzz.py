"A small part of `make fuzz`, and whether it would find what it looks for"
import os
import time
import zipfile
from collections import Counter

import numpy as np
import pytest
from fuzz import FINE, KINDS, MISTAKES, SHARES, Fuzzer, Watch, main
from fuzz_pictures import Archive, Pictures
from fuzz_tables import Arrays, Gzipped, Parquet, Text

from ganad._files import pictures, readers

pytestmark = pytest.mark.filterwarnings('ignore')


def found(kind, numbers):
    "(verdict, what was forged, what is wrong) of each number"
    return [kind.check(np.random.default_rng(number)) for number in numbers]


@pytest.mark.parametrize('kind', KINDS, ids=[kind.name for kind in KINDS])
def test_forged_files_are_refused_or_right(tmp_path, kind):
    results = found(kind(tmp_path), range(24))
    assert not [result for result in results if result[0] not in FINE]
    assert len({verdict for verdict, *_ in results})>1                 # and not all of them are refused


def test_every_kind_has_its_share():
    assert {kind.name for kind in KINDS}==SHARES.keys()


# Mutants: what the fuzzers are there to find, each with as many files as it takes -----------------------

def is_found(kind, folder, patch, most):
    "Does a defect show within so many files?"
    fuzzer = kind(folder)
    patch()
    for number in range(most):
        verdict, *_ = fuzzer.check(np.random.default_rng(number))
        if verdict in MISTAKES: return True
    return False


def no_check(*arguments): return None


DEFECTS = {
    'check sums of an archive are not looked at': (Archive, zipfile.ZipExtFile, '_update_crc', no_check),
    'nor those of an array': (Arrays, zipfile.ZipExtFile, '_update_crc', no_check),
    'an archive may lack members': (Archive, pictures, '_check_count', no_check),
    'any error is a crash': (Parquet, readers, 'reading', readers.at_lines),
}


@pytest.mark.parametrize('name', DEFECTS)
def test_a_planted_defect_is_found(tmp_path, monkeypatch, name):
    kind, place, attribute, defect = DEFECTS[name]
    assert is_found(kind, tmp_path, lambda: monkeypatch.setattr(place, attribute, defect), 60)


def test_columns_by_their_place_are_found(tmp_path, monkeypatch):
    "As a reader would have them that does not look at names"
    def by_place(rows, names, index=()):
        choose(rows, names, index)
        if rows.types: rows.position.update({name:i+1 for i, name in enumerate(rows.features)})
    choose = readers.Rows.choose
    assert is_found(Text, tmp_path, lambda: monkeypatch.setattr(readers.Rows, 'choose', by_place), 60)
