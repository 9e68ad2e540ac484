"What is said of pictures before a training and after it, and how long it will take"
import base64
import io
import re
import warnings
from pathlib import Path

import numpy as np
import pytest
from drawn import grain, is_one_line, of_type, save_pictures, zipped
from PIL import Image

from ganad.cli import main
from ganad.core import DataError, ShapeError
from ganad.estimator import PCADetector, estimators
from ganad.estimator import load as estimator_load
from ganad.estimator._preprocess import Images
from ganad._files import fit_and_score
from ganad._files.fit_and_score import fit_file, score_file
from ganad._files.pictures import rows_of
from ganad._files.report import report_file


# What is said and shown

def test_pictures_of_another_size_than_the_trainings_are_said(recwarn):
    "They are resized, which a score does not show"
    grains = grain(40, 16, 16)
    est = PCADetector(random_state=0).fit(grains)
    est.anomaly_score(grains)
    assert not recwarn.list
    est.anomaly_score(grains.repeat(2, 1).repeat(2, 2))
    said, = recwarn.list
    assert 'images of 32×32 pixels, in training 16×16' in str(said.message) and said.filename==__file__


@pytest.mark.parametrize('side', [8, 15, 17, 24, 32, 48])
@pytest.mark.parametrize('trained', ['folder', 'arrays', 'Python'])
@pytest.mark.parametrize('scored', ['folder', 'arrays'])
def test_pictures_of_another_size_are_said_by_score_as_by_python(run, tmp_path, trained, scored, side):
    for n, name in ((16, 'train'), (16, 'same'), (side, 'other')):
        x = grain(40, n, n)
        save_pictures(tmp_path/name, x)
        np.savez(tmp_path/f'{name}.npz', x=x)
    if trained=='Python': PCADetector().fit(np.load(tmp_path/'train.npz')['x']).save(tmp_path/'m')
    else: fit_file(tmp_path/('train' if trained=='folder' else 'train.npz'), tmp_path/'m', 'pca')
    with warnings.catch_warnings():
        warnings.simplefilter('error')                                 # it is a note, said once
        for name, said in (('same', 0), ('other', 1)):
            path = tmp_path/(name if scored=='folder' else f'{name}.npz')
            notes = score_file(tmp_path/'m', path, tmp_path/'s.csv')['notes']
            assert sum('than those that were learned' in note for note in notes)==said, notes
            assert all(f'{side}×{side}' in note and '16×16' in note for note in notes if 'learned' in note)


def test_sizes_a_little_out_of_a_range_are_usual(tmp_path):
    (tmp_path/'train').mkdir()
    for i, side in enumerate([40, 50, 60]*4):
        Image.fromarray(grain(side, side)).save(tmp_path/f'train/{i}.png')
    fit_file(tmp_path/'train', tmp_path/'m', 'pca')
    for side, is_said in ((38, False), (64, False), (30, True), (80, True)):
        save_pictures(tmp_path/f'{side}', grain(6, side, side))
        notes = score_file(tmp_path/'m', tmp_path/f'{side}', tmp_path/'s.csv')['notes']
        assert any('another size' in note for note in notes)==is_said, side


@pytest.fixture
def plates(tmp_path):
    "Grey plates of many shapes, a bright spot on one of the test; a mask and a black picture are among them"
    rng = np.random.default_rng(0)
    for part, n in (('train', 30), ('test', 6)):
        (tmp_path/'plates'/part).mkdir(parents=True)
        for i in range(n):
            x = rng.integers(80, 120, (200, 140 + 40*(i%3)))
            if (part, i)==('test', 4): x[20:60, 20:60] = 255
            of_type('u1')(x, tmp_path/f'plates/{part}/{i:02}')
    of_type('u1')(np.zeros((200, 140)), tmp_path/'plates/train/00_mask.x')
    of_type('u1')(np.zeros((200, 140)), tmp_path/'plates/train/black')
    return tmp_path/'plates'


def test_what_is_odd_is_said_before_the_training(plates, tmp_path, capsys, monkeypatch):
    "And once"
    def train(*args, **kwargs):
        assert 'nearly black (train/black.png)' in capsys.readouterr().err
        raise KeyboardInterrupt
    command = ['fit', str(plates), '--save', str(tmp_path/'m'), '--method', 'pca']
    with monkeypatch.context() as patch:
        patch.setattr(PCADetector, 'fit', train)
        with pytest.raises(SystemExit) as stop: main(command)
    assert stop.value.code==130
    with pytest.raises(SystemExit): main(command)
    lines = capsys.readouterr().err.splitlines()
    assert sum('1 mask not taken for pictures' in line for line in lines)==1
    assert sum('140×200 to 220×200 pixels become 64×64' in line for line in lines)==1


def test_what_is_said_before_the_training_is_fit_for_a_terminal(plates, tmp_path, capsys):
    "Whatever a picture is called: a line end, or what steers a terminal"
    one = plates/'train'/'00.png'
    for name in ('new\nline.png', '\x1b[31m.png'): (one.parent/name).write_bytes(one.read_bytes())
    with pytest.raises(SystemExit): main(['fit', str(plates), '--save', str(tmp_path/'m'), '--method', 'pca'])
    said = capsys.readouterr().err
    assert 'there twice' in said and 'new\\nline.png' in said and '\x1b' not in said
    assert all(line.startswith('ganad: ') for line in said.split('\n')[:-1])


def test_report_and_info_say_how_pictures_were_read(plates, tmp_path, capsys):
    "The report shows them at their own size, with the map over it"
    model, page = tmp_path/'m', tmp_path/'r.html'
    fit_file(plates, model, method='pca', size=16)
    report_file(model, plates, page, top=1)
    html = page.read_text('utf-8')
    images = re.findall(r'src="data:image/jpeg;base64,([^"]+)"', html)
    shown, over = (Image.open(io.BytesIO(base64.b64decode(image))) for image in images)
    assert shown.size==over.size==(180, 200) and 'test/04.png' in html
    red = np.asarray(over).astype(int)
    excess = (red[..., 0] - red[..., 1]).clip(0)
    assert excess[20:60, 20:60].mean()>2*excess[100:, 100:].mean(), 'the map lies where the spot is'
    about = '140×200 to 220×200 pixels; proportions kept'
    assert about in html
    with pytest.raises(SystemExit): main(['info', str(model)])
    assert about in capsys.readouterr().out


def test_a_very_large_original_is_shown_smaller(tmp_path):
    Image.new('L', (2000, 500), 90).save(tmp_path/'a.png')
    rows = rows_of(tmp_path)
    assert rows.original('a.png').shape==(160, 640, 3)
    assert rows.on_original(np.eye(8), 160, 640).shape==(160, 640)


def test_labels_in_a_column_are_read(tmp_path):
    "As MedMNIST has them: (N,1)"
    x = np.random.default_rng(0).integers(0, 256, (40, 28, 28), dtype='u1')
    y = (np.arange(40)%4==0).astype('u1')[:, None]
    np.savez(tmp_path/'a.npz', x=x, y=y)
    assert rows_of(tmp_path/'a.npz', label='y').all().label.tolist()==[str(int(value)) for value in y[:, 0]]
    _, about = fit_file(tmp_path/'a.npz', tmp_path/'m', method='pca', label='y')
    assert (about['normal'], about['anomalies'])==(30, 10)
    np.savez(tmp_path/'b.npz', x=x, y=np.zeros((40, 2)))
    with pytest.raises(DataError, match='one label for each'): rows_of(tmp_path/'b.npz', label='y')


def test_parts_in_one_file_of_arrays(tmp_path):
    "As MedMNIST has them: fit learns from train_images, score looks at test_images, with or without labels"
    rng = np.random.default_rng(0)
    arrays = {}
    for part, n in dict(train=40, test=9).items():
        arrays[f'{part}_images'] = rng.integers(0, 256, (n, 28, 28), dtype='u1')
        arrays[f'{part}_labels'] = (np.arange(n)%3==0).astype('u1')[:, None]
    np.savez(tmp_path/'a.npz', **arrays)
    _, about = fit_file(tmp_path/'a.npz', tmp_path/'m', method='pca', label='train_labels')
    assert (about['normal'], about['anomalies'])==(26, 14)
    done = score_file(tmp_path/'m', tmp_path/'a.npz', tmp_path/'s.csv')
    assert done['rows']==9 and not any('very rows of the training' in note for note in done['notes'])
    np.savez(tmp_path/'new.npz', x=arrays['test_images'])
    assert score_file(tmp_path/'m', tmp_path/'new.npz', tmp_path/'s.csv')['rows']==9


@pytest.mark.filterwarnings('ignore:.*images')
def test_what_is_said_of_arrays_is_a_note_of_the_command_line(tmp_path):
    "12 bits in a type of 16, made smaller; one brighter in the test"
    x = np.random.default_rng(0).integers(0, 4000, (40, 30, 50)).astype('u2')
    np.savez(tmp_path/'a.npz', x=x)
    _, about = fit_file(tmp_path/'a.npz', tmp_path/'m', method='pca')
    assert any('4095 for white' in note for note in about['notes'])
    assert any('30×50' in note and '--size' in note for note in about['notes'])
    x[3, 0, 0] = 60000
    np.savez(tmp_path/'b.npz', x=x)
    notes = score_file(tmp_path/'m', tmp_path/'b.npz', tmp_path/'s.csv')['notes']
    assert sum(note.startswith('1 of 40 pictures have values outside') for note in notes)==1


@pytest.mark.parametrize('pack', [Path, zipped])
def test_grey_in_three_channels_is_read_as_one(tmp_path, pack):
    grey = grain(30, 8, 8)
    in_three = pack(save_pictures(tmp_path/'three', np.stack([grey]*3, 3)))
    est, about = fit_file(in_three, tmp_path/'three.safetensors', method='pca')
    said = [note for note in about['notes'] if 'saved in colour' in note]
    assert len(said)==1 and said[0].startswith('30 pictures saved in colour, but grey (0.png')
    of_one, plain = fit_file(save_pictures(tmp_path/'one', grey), tmp_path/'one.safetensors', method='pca')
    assert est.prep_.shape==of_one.prep_.shape==[1, 8, 8]
    assert not [note for note in plain['notes'] if 'colour' in note]
    new = grain(5, 8, 8, seed=1)
    again = estimator_load(tmp_path/'three.safetensors')
    assert np.array_equal(again.anomaly_score(np.stack([new]*3, 3)), of_one.anomaly_score(new))
    scores = {}
    for name, x in dict(one=new, three=np.stack([new]*3, 3)).items():
        rows = pack(save_pictures(tmp_path/f'new-{name}', x))
        done = score_file(tmp_path/'three.safetensors', rows, tmp_path/'s.csv')
        assert not [note for note in done['notes'] if 'in colour' in note]
        scores[name] = (tmp_path/'s.csv').read_text()
    assert scores['one']==scores['three']


@pytest.mark.parametrize('pack', [Path, zipped])
def test_a_colour_picture_among_grey_ones_is_said_or_refused(tmp_path, pack):
    fit_file(save_pictures(tmp_path/'grey', grain(30, 8, 8)), tmp_path/'m.safetensors', method='pca')
    new = np.stack([grain(4, 8, 8, seed=1)]*3, 3)
    new[2, 3, 3, 0] ^= 255                                                          # one pixel
    done = score_file(tmp_path/'m.safetensors', pack(save_pictures(tmp_path/'new', new)), tmp_path/'s.csv')
    said = [note for note in done['notes'] if 'in colour' in note]
    assert said==['1 of 4 pictures are in colour, all in training grey (2.png); looked at in grey.']
    model = estimator_load(tmp_path/'m.safetensors')
    with pytest.raises(ShapeError) as error: model.anomaly_score(new)
    assert is_one_line(error) and 'in colour, in training they were grey' in str(error.value)


def test_one_colour_picture_makes_a_training_in_colour(tmp_path):
    x = np.stack([grain(30, 8, 8)]*3, 3)
    x[29, 0, 0, 0] ^= 255
    est, about = fit_file(save_pictures(tmp_path/'mixed', x), tmp_path/'m.safetensors', method='pca')
    assert est.prep_.shape==[3, 8, 8] and not [note for note in about['notes'] if 'saved in colour' in note]
    with warnings.catch_warnings():
        warnings.simplefilter('error')
        assert Images().fit(x).shape==[3, 8, 8]


@pytest.mark.parametrize('dtype', ['u1', 'f4'])
@pytest.mark.parametrize('axis', [1, 3])
def test_arrays_of_three_equal_channels_are_grey(dtype, axis):
    grey = (grain(20, 8, 8)/(255 if dtype=='f4' else 1)).astype(dtype)
    with pytest.warns(UserWarning, match='three equal channels are read as one'):
        est = PCADetector(random_state=0).fit(np.stack([grey]*3, axis))
    assert est.prep_.shape==[1, 8, 8]
    assert np.array_equal(est.anomaly_score(grey), PCADetector(random_state=0).fit(grey).anomaly_score(grey))


def test_arrays_of_a_file_say_it_too(tmp_path):
    np.savez(tmp_path/'a.npz', x=np.stack([grain(30, 8, 8)]*3, 3))
    _, about = fit_file(tmp_path/'a.npz', tmp_path/'m.safetensors', method='pca')
    assert 'Images of three equal channels are read as one, grey.' in about['notes']


# ---- how long a training will take

def test_a_long_training_is_said_before_it_begins(tmp_path, monkeypatch):
    folder, said = save_pictures(tmp_path/'good', grain(40, 8, 8)), []

    def no_training(*_): raise KeyboardInterrupt
    monkeypatch.setattr(fit_and_score, 'fit_rows', no_training)
    for seconds in (.2, .001):
        monkeypatch.setattr(fit_and_score, '_seconds_of_step', lambda *_, of_step=seconds: of_step)
        with pytest.raises(KeyboardInterrupt):
            fit_file(folder, tmp_path/'m.safetensors', 'alad', say=said.append)
    assert [note for note in said if 'minute' in note]==[
        "The training will take about 7 min: 2,000 passes over 40 pictures. "
        "--epochs 300 (300 passes) takes a minute, and may be worse."]


LABELLED = [name for name, cls in estimators().items() if cls.method.labelled]


@pytest.mark.parametrize('method', ['gan', LABELLED[0]])
def test_to_try_a_step_changes_nothing_of_the_training(tmp_path, method):
    for kind in ('good', 'bad'): save_pictures(tmp_path/'set'/kind, grain(30, 8, 8))
    def weights(say):
        est, _ = fit_file(tmp_path/'set', tmp_path/'m.safetensors', method, normal='good', epochs=1, say=say)
        return est.model_.state_dict()
    one, other = weights(None), weights(print)
    assert all(bool((one[name]==other[name]).all()) for name in one)
