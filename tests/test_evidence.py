"What lies in `results/`: made by matrices, small, whole, and listed in its README"
import json
import re

import pytest
from project import NOTEBOOKS, ROOT, name_of

from ganad.evidence import matrices
from ganad.evidence.executor import as_run, stored
from ganad.evidence.matrices import MATRICES, overview

RESULTS = ROOT/'results'
UNMADE = {'quick', 'latent-full'}                     # for trying; days without a GPU
MEASURED_BY_A_PAGE = {'spot_the_bug'}                 # no runs: each file holds what its lesson compares


def records(folder):
    paths = (RESULTS/folder).glob('*.json')
    return {path.stem:json.loads(path.read_text(encoding='utf-8')) for path in paths}


def test_every_folder_is_made_by_a_matrix_and_every_matrix_has_its_folder():
    folders = {path.name for path in RESULTS.iterdir() if path.is_dir()}
    assert folders==(MATRICES.keys() | MEASURED_BY_A_PAGE) - UNMADE


@pytest.mark.parametrize('matrix', sorted(MATRICES.keys() - UNMADE))
def test_files_of_a_folder_are_the_runs_of_its_matrix(matrix):
    runs = {run.name:run for run in MATRICES[matrix]()}
    files = records(matrix)
    assert runs.keys()==files.keys()
    for name, run in runs.items():
        asked = {**run.to_dict(), 'label':run.label or run.method}
        assert {key:files[name][key] for key in asked}==asked, name


def test_every_stored_run_tells_what_it_was():
    for record in stored(RESULTS):
        if record['data']!='digits': continue
        back = as_run(record).to_dict()
        assert {key:record[key] for key in back}==back


def test_results_are_small_and_whole():
    files = [path for path in RESULTS.rglob('*') if path.is_file()]
    assert sum(path.stat().st_size for path in files)<8e6
    assert {path.suffix for path in files}<={'.json', '.csv', '.md'}
    for path in files:
        if path.suffix=='.json': assert json.loads(path.read_text()).get('status', 'ok')=='ok'


def test_readme_is_what_the_command_writes():
    "After a change: python -m ganad.evidence.matrices"
    assert (RESULTS/'README.md').read_text(encoding='utf-8')==overview(RESULTS, ROOT/'nbs')


def test_readme_names_the_pages_that_read_a_folder():
    readers = [path for path in NOTEBOOKS if path.parent.name in ('methods', 'evidence')]
    text = {name_of(path):path.read_text(encoding='utf-8') for path in readers}
    assert matrices._READ_BY.keys()==MATRICES.keys() - UNMADE
    for folder, pages in matrices._READ_BY.items():
        for page in pages.split(): assert f"'{folder}'" in text[page], f'{page} reads nothing of {folder}'


def test_links_of_the_readme_lead_somewhere():
    targets = re.findall(r'\]\(([^)#]+)', (RESULTS/'README.md').read_text(encoding='utf-8'))
    assert len(targets)>len(MATRICES)
    for target in targets: assert (RESULTS/target).exists(), target
