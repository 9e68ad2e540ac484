"The same rows give the same scores: arrays, frames, files, whole or in parts, Python and the command line"
import shlex

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest

from ganad.cli import main
from ganad.estimator import estimators, load
from ganad._files.fit_and_score import fit_file
from ganad._files.scored import open_for, scored_chunks
from ganad._files.readers import joined

N = 120
RNG = np.random.default_rng(0)


def words(*some): return RNG.choice(some, N)


COLUMNS = {                                           # kind → values of one column
    'float': RNG.normal(size=N), 'tiny': RNG.normal(size=N)*1e-12, 'huge': RNG.normal(size=N)*1e30,
    'float32': RNG.normal(size=N).astype('f4'), 'int': RNG.integers(-9, 9, N),
    'long': RNG.integers(0, 2**60, N), 'byte': RNG.integers(0, 255, N).astype('u1'),
    'whole': RNG.integers(0, 9, N).astype(float), 'bool': RNG.random(N)<.3,
    'word': words('tea', 'milk', 'coffee'), 'unicode': words('Łódź', '東京', 'a,b', 'say "hi"', ' x '),
    'like a gap': words('NA', 'None', 'ZA'), 'code': words('007', '012', '100'),
    'range': words('10-20', '20-30'),
}
NUMBERS = [kind for kind, values in COLUMNS.items() if values.dtype.kind in 'biuf']


def table(kind):
    "Two columns of numbers, and one or all of another kind"
    some = [name for name in COLUMNS if name!='float32']            # as text: .1, which no float32 is
    kinds = dict(all=some, numbers=[name for name in some if name in NUMBERS]).get(kind, [kind])
    values = [np.arange(N)%7/3, np.random.default_rng(1).normal(size=N), *(COLUMNS[name] for name in kinds)]
    return pd.DataFrame({f'x{i}':column for i, column in enumerate(values)})


TABLES = {kind:table(kind) for kind in [*COLUMNS, 'numbers', 'all']}

def indexed(frame): return frame.set_axis(range(5, 5 + 2*N, 2))


def shouted(value): return str(value).upper() if isinstance(value, (bool, np.bool_)) else value


IN_MEMORY = {
    'pandas': lambda frame: frame,
    'pandas, objects': lambda frame: frame.astype(object),
    'pandas, an index': indexed,
    'pandas, Arrow': lambda frame: frame.convert_dtypes(dtype_backend='pyarrow'),
    'polars': pl.from_pandas,
    'PyArrow': lambda frame: pa.Table.from_pandas(frame, preserve_index=False),
    'NumPy': lambda frame: frame.to_numpy(float),                    # of numbers only
}
FILES = {
    'csv': lambda frame, path: frame.to_csv(path, index=False),
    'index.csv': lambda frame, path: frame.to_csv(path),
    'csv.gz': lambda frame, path: frame.to_csv(path, index=False),
    'tsv': lambda frame, path: frame.to_csv(path, index=False, sep='\t'),
    'upper.csv': lambda frame, path: frame.map(shouted).to_csv(path, index=False, lineterminator='\r'),
    'parquet': lambda frame, path: frame.to_parquet(path),
    'groups.parquet': lambda frame, path: indexed(frame).to_parquet(path, row_group_size=17),
    'npz': lambda frame, path: np.savez(path, x=frame.to_numpy(float)),
}
ARE_NUMBERS = 'NumPy', 'npz'


def possible(kind, forms):
    are_numbers = kind in (*NUMBERS, 'numbers')
    return [form for form in forms if are_numbers or form not in ARE_NUMBERS]


pytestmark = pytest.mark.filterwarnings('ignore:X (has|does not have)')     # names, where a model has none


def all_scores(est, kind, folder):
    "Form → scores of the table by this estimator; of files whole and in parts"
    frame = TABLES[kind]
    scores = {form:est.anomaly_score(IN_MEMORY[form](frame)) for form in possible(kind, IN_MEMORY)}
    for end in possible(kind, FILES):
        path = folder/f't.{end}'
        if not path.exists(): FILES[end](frame, path)
        rows = open_for(est, path)
        parts = [*rows.chunks(13)]
        scores[end] = np.concatenate([values for _, values in scored_chunks(est, rows)])
        x = joined(parts, path).x
        scores[f'{end} in parts'] = est.anomaly_score(x if est.prep_.names else x.to_numpy())
    return scores


def fitted(kind, folder, method='pca', **settings):
    "Form → estimator that was fitted on the table in this form"
    frame = TABLES[kind]
    settings = dict(random_state=0, contamination=.1) | settings
    new = estimators()[method]
    found = {form:new(**settings).fit(IN_MEMORY[form](frame)) for form in possible(kind, IN_MEMORY)}
    for end in possible(kind, FILES):
        path = folder/f't.{end}'
        if not path.exists(): FILES[end](frame, path)
        found[end] = fit_file(path, folder/'m', method, **settings)[0]
    return {form:load(est.save(folder/'m')) for form, est in found.items()}


@pytest.mark.parametrize('kind', TABLES)
def test_whatever_a_model_learned_from_it_scores_all_forms_alike(kind, tmp_path):
    models = fitted(kind, tmp_path, k=2)
    expected = models['pandas'].anomaly_score(TABLES[kind])
    precision = 1e-5 if kind=='float32' else 1e-9
    for learned, est in models.items():
        scores = {'': est.anomaly_score(TABLES[kind])}
        if kind in ('all', 'numbers') or learned in ('pandas', 'NumPy', 'csv'):          # each with each
            scores = all_scores(est, kind, tmp_path)
        for form, values in scores.items():
            assert np.allclose(values, expected, rtol=precision), (learned, form)
    assert len({*expected.round(6)})>N/2                                      # there is something to compare


METHODS = dict(knn={}, isolationforest={}, autoencoder=dict(epochs=2), gan=dict(epochs=1, nz=2))


@pytest.mark.parametrize('method', METHODS)
@pytest.mark.parametrize('kind', ['all', 'numbers'])
def test_whatever_the_method(method, kind, tmp_path):
    found = fitted(kind, tmp_path, method, **METHODS[method])
    expected = found['pandas'].anomaly_score(TABLES[kind])
    for learned, est in found.items():
        assert np.allclose(est.anomaly_score(TABLES[kind]), expected, rtol=1e-6), learned
    for form, scores in all_scores(found['pandas'], kind, tmp_path).items():
        assert np.allclose(scores, expected, rtol=1e-6), form


PCA = '--method pca --set k=2 --contamination .1 --quiet'


@pytest.mark.parametrize('kind', ['all', 'numbers'])
def test_the_command_line_says_the_same(kind, tmp_path, capsys):
    def run(line):
        with pytest.raises(SystemExit) as end: main(shlex.split(line))
        assert end.value.code==0, capsys.readouterr().err
    frame = TABLES[kind]
    for end in possible(kind, FILES): FILES[end](frame, tmp_path/f't.{end}')
    for learned in possible(kind, FILES):
        run(f'fit {tmp_path}/t.{learned} --save {tmp_path}/m {PCA}')
        expected = load(tmp_path/'m').anomaly_score(frame)
        for end in possible(kind, FILES):
            run(f'score {tmp_path}/t.{end} --model {tmp_path}/m --out {tmp_path}/s.csv --quiet')
            assert np.allclose(pd.read_csv(tmp_path/'s.csv').score, expected, rtol=1e-6), (learned, end)


def test_a_difference_would_be_found(tmp_path):
    est = fitted('bool', tmp_path, k=2)['pandas']
    expected = est.anomaly_score(TABLES['bool'])
    wrong = est.anomaly_score(TABLES['bool'].assign(x2=~TABLES['bool'].x2))
    assert not np.allclose(wrong, expected, rtol=1e-6)
