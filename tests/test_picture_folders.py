"Folders as they come: masks, parts of a data set, thumbnails; maps as large as pictures"
import os
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from drawn import grain, of_type, pictures, save_pictures, zipped
from PIL import Image

from ganad.core import DataError, UnknownName
from ganad.data import load, masked_pictures, masks_among
from ganad.estimator import load as estimator_load
from ganad._files.fit_and_score import fit_file, score_file
from ganad._files.scored import open_for
from ganad._files.pictures import Pictures, rows_of
from ganad.metrics import pixel_auroc


# Folders as they come

def test_masks_are_left_out_and_counted(tmp_path):
    "By their name and by their folder, before the training and in scoring"
    rng = np.random.default_rng(0)
    (tmp_path/'a/ground_truth').mkdir(parents=True)
    for i in range(4):
        of_type('u1')(rng.integers(0, 256, (8, 8)), tmp_path/f'a/{i}')
        of_type('u1')(np.zeros((8, 8)), tmp_path/f'a/{i}{["_mask", "_GT", "-label", ".seg"][i]}.x')
        of_type('u1')(np.zeros((8, 8)), tmp_path/f'a/ground_truth/{i}')
    names = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob('*.png')}
    rows = rows_of(tmp_path/'a')
    assert rows.files==[f'{i}.png' for i in range(4)], names
    assert any('8 masks not taken for pictures' in note for note in rows.notes())
    scored = rows_of(tmp_path/'a', size=8, grey=True, pictures=rows.settings)
    assert scored.files==rows.files
    assert any('8 masks not taken for pictures' in note for note in scored.notes())
    assert len(rows_of(tmp_path/'a/ground_truth').files)==4, 'masks alone were asked for'


def draw(folder, names, two_valued=False, size=12):
    "Grey pictures of noise, or black ones with a white patch"
    for i, name in enumerate(names):
        x = np.random.default_rng(i).integers(20, 240, (size, size)).astype('u1')
        if two_valued:
            x[:] = 0
            x[2:4+i%5, 3:6] = 255
        path = folder/name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x).save(path)


@pytest.mark.parametrize('mask', ['{}_defect.png', '{}-annot.png', '{}.png'])
def test_pictures_of_two_values_among_others_are_said(tmp_path, mask):
    draw(tmp_path, [f'{i:03}.jpg' for i in range(20)])
    draw(tmp_path, [mask.format(f'{i:03}') for i in range(6)], two_valued=True)
    note, = [note for note in Pictures(tmp_path).notes() if 'of two values' in note]
    assert note.startswith('6 pictures') and mask.format('000') in note
    draw(tmp_path/'all', [f'{i}.png' for i in range(9)], two_valued=True)
    assert not any('of two values' in note for note in Pictures(tmp_path/'all').notes())


def test_thumbnails_of_a_disk_are_hidden_and_labels_beside_images_are_masks(tmp_path):
    draw(tmp_path, [f'images/{i}.png' for i in range(9)])
    draw(tmp_path, [f'images/@eaDir/{i}/thumb.jpg' for i in range(9)], size=20)
    draw(tmp_path, [f'labels/{i}.png' for i in range(9)], two_valued=True)
    rows = Pictures(tmp_path)
    assert rows.files==[f'images/{i}.png' for i in range(9)] and len(rows.masks)==9
    draw(tmp_path/'classes', [f'{kind}/{i}.png' for kind in ('good', 'labels') for i in range(3)])
    assert Pictures(tmp_path/'classes').classes==['good', 'labels']


def test_parts_may_lie_in_the_classes(tmp_path):
    draw(tmp_path, [f'good/train/{i}.png' for i in range(30)])
    draw(tmp_path, [f'{kind}/test/{i}.png' for kind in ('good', 'crack') for i in range(5)])
    save = tmp_path/'m'
    _, about = fit_file(tmp_path, save, 'pca', normal='good')
    assert (about['normal'], about['anomalies'])==(30, 0)
    rows = open_for(estimator_load(save), tmp_path)
    assert [rows.all().label.tolist().count(kind) for kind in ('good', 'crack')]==[5, 5]


def test_a_normal_folder_that_lies_deeper_is_found(tmp_path):
    draw(tmp_path, [f'plant/line/{kind}/{i}.png' for kind in ('good', 'crack') for i in range(3)])
    with pytest.raises(UnknownName) as error: fit_file(tmp_path, tmp_path/'m', 'pca', normal='good')
    assert error.value.hint==f"'good' lies deeper: give {tmp_path/'plant'/'line'}"


def test_a_folder_of_tables_says_what_to_do(tmp_path):
    (tmp_path/'part-0.parquet').write_bytes(b'PAR1')
    with pytest.raises(DataError, match="no pictures") as error: rows_of(tmp_path)
    assert "'part-0.parquet'" in error.value.mend and 'join them' in error.value.mend


def test_doubled_and_empty_pictures_are_said(pictures):
    (pictures/'bad/again.jpg').write_bytes((pictures/'good/0.jpg').read_bytes())
    Image.new('RGB', (30, 40)).save(pictures/'good/black.png')
    notes = rows_of(pictures).notes()
    assert any(note.startswith('1 picture there twice') and '0.jpg' in note for note in notes)
    assert any('nearly black (good/black.png)' in note for note in notes)
    said = [note for note in rows_of(pictures/'good').notes() if 'twice' in note]
    assert not said


@pytest.mark.parametrize('shapes,pad', [([(40, 30)]*3, False), ([(40, 30), (80, 60), (20, 15)], False),
                                        ([(40, 30), (30, 40), (90, 30)], True)])
def test_pictures_of_many_shapes_keep_their_proportions(tmp_path, shapes, pad):
    "A disc stays as wide as high; what was done is said, and kept in the model"
    (tmp_path/'pics').mkdir()
    for i, (width, height) in enumerate(shapes*4):
        x = np.full((height, width), 200, 'u1')
        y, z = np.ogrid[:height, :width]
        x[(y-height/2)**2 + (z-width/2)**2<(min(width, height)/3)**2] = 0
        of_type('u1')(x, tmp_path/f'pics/{i:02}')
    rows = rows_of(tmp_path/'pics')
    assert rows.settings['pad']==pad and rows.size==32
    disc = rows.all().x[0, :, :, 0]<80
    assert (abs(disc.any(0).sum() - disc.any(1).sum())<=1)==pad
    assert any(('proportions' if pad else 'squeezed') in note and '32×32' in note for note in rows.notes())
    _, about = fit_file(tmp_path/'pics', tmp_path/'m.safetensors', method='pca')
    assert about['pictures']==rows.settings
    done = score_file(tmp_path/'m.safetensors', tmp_path/'pics', tmp_path/'s.csv')
    assert not any('another size' in note for note in done['notes'])


def test_a_test_of_another_size_is_said(tmp_path, pictures):
    fit_file(pictures, tmp_path/'m.safetensors', method='pca')
    (tmp_path/'new').mkdir()
    Image.new('RGB', (300, 400), 'red').save(tmp_path/'new/large.png')
    Image.new('RGB', (40, 30), 'red').save(tmp_path/'new/lying.png')
    Image.new('RGB', (30, 40), 'red').save(tmp_path/'new/alike.png')
    notes = score_file(tmp_path/'m.safetensors', tmp_path/'new', tmp_path/'s.csv')['notes']
    said = [note for note in notes if 'another size or shape' in note]
    assert len(said)==1 and said[0].startswith('2 of 3') and 'alike' not in said[0]


def test_a_name_that_is_no_text(pictures, tmp_path):
    "Its bytes are shown with a mark for what is none, in the scores and on the list"
    for kind, data in ((b'good', (pictures/'good/0.jpg').read_bytes()), (b'bad', b'torn')):
        (pictures/os.fsdecode(kind)/os.fsdecode(b'b\xff.jpg')).write_bytes(data)
    fit_file(pictures/'good', tmp_path/'m.safetensors', method='pca')
    done = score_file(tmp_path/'m.safetensors', pictures, tmp_path/'s.csv')
    assert 'b�.jpg' in (tmp_path/'s.csv').read_text('utf-8')
    assert done['skipped'][0][0]=='bad/b�.jpg'


# ---- parts of a data set

PART_NAMES = [('train', 'val'), ('Train', 'VALID'), ('TRAIN', 'validation'), ('training', 'testing')]


@pytest.mark.parametrize('train, test', PART_NAMES)
@pytest.mark.parametrize('top', ['.', 'bottle'])
@pytest.mark.parametrize('pack', [Path, zipped])
def test_validation_is_the_test_where_there_is_none(tmp_path, train, test, top, pack):
    root = tmp_path/'set'
    for part, kind, n in ((train, 'good', 12), (test, 'good', 4), (test, 'crack', 3)):
        save_pictures(root/top/part/kind, grain(n, 8, 8))
    path = pack(root)
    _, about = fit_file(path, tmp_path/'m.safetensors', method='pca', normal='good')
    assert (about['rows'], about['anomalies'])==(12, 0)
    done = score_file(tmp_path/'m.safetensors', path, tmp_path/'s.csv', normal='good')
    assert (done['labels']['normal'], done['labels']['anomalies'])==(4, 3)
    is_said = test!='testing'
    for notes in (about['notes'], done['notes']):
        said = [note for note in notes if note.startswith('No folder test')]
        assert said==[f"No folder test: the pictures in {test!r} take its place."]*is_said
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter('always')
        source = load('folder', size=8, root=root/top)
    said = [str(warning.message).partition(': ')[2] for warning in warned]
    assert said==[f"the pictures in {test!r} are taken for the test"]*is_said
    assert (source.classes, int(source.test.sum()), len(source))==(['crack', 'good'], 7, 19)


def test_valid_and_invalid_are_classes(tmp_path):
    for kind in ('valid', 'invalid'): save_pictures(tmp_path/'set'/kind, grain(20, 8, 8))
    _, about = fit_file(tmp_path/'set', tmp_path/'m.safetensors', method='pca', normal='valid')
    assert (about['rows'], about['normal'], about['anomalies'])==(40, 20, 20)
    assert load('folder', size=8, root=tmp_path/'set').classes==['invalid', 'valid']


def test_validation_beside_a_test_is_not_read(tmp_path):
    for part in ('train', 'val', 'TEST'): save_pictures(tmp_path/'set'/part/'good', grain(3, 8, 8))
    with pytest.warns(UserWarning, match="the pictures in 'val' are not read"):
        source = load('folder', size=8, root=tmp_path/'set')
    assert (len(source), int(source.test.sum()))==(6, 3)


# ---- masks, and maps as large as pictures

PLACES = ['ground_truth/crack/0_mask.png', 'test/crack/0_mask.png', 'masks/crack/0.png',
          'test/crack/mask/0.png']


@pytest.mark.parametrize('mask', PLACES)
@pytest.mark.parametrize('white', [1, 255])
def test_masks_are_paired_with_their_pictures(tmp_path, mask, white):
    for folder, n in {'train/good':3, 'test/good':2, 'test/crack':1, 'test/hole':2}.items():
        save_pictures(tmp_path/folder, grain(n, 6, 9))
    hole = np.zeros((6, 9), 'u1')
    hole[2, 5] = white
    (tmp_path/mask).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(hole).save(tmp_path/mask)
    found = {name:where for name, _, where in masked_pictures(tmp_path)}
    assert [*found]==[f'test/{name}.png' for name in ('crack/0', 'good/0', 'good/1', 'hole/0', 'hole/1')]
    assert np.array_equal(found.pop('test/crack/0.png'), hole>0) and not any(m.any() for m in found.values())


def test_a_mask_belongs_to_the_test_rather_than_to_the_training():
    names = ['train/good/0.png', 'test/good/0.png', 'ground_truth/good/0.png']
    assert masks_among(names)=={'ground_truth/good/0.png':'test/good/0.png'}
    assert masks_among(['train/good/0.png', 'masks/good/0.png'])=={'masks/good/0.png':'train/good/0.png'}


def test_several_masks_of_a_picture_are_one(tmp_path):
    save_pictures(tmp_path, grain(1, 6, 9))
    for i in (1, 2): Image.fromarray(np.eye(6, 9, i, dtype='u1')*255).save(tmp_path/f'0_mask_{i}.png')
    (_, _, mask), = masked_pictures(tmp_path)
    assert np.array_equal(mask, np.eye(6, 9, 1) + np.eye(6, 9, 2)>0)


def test_maps_are_as_large_as_their_pictures(tmp_path):
    plain = [np.full((12, 16), value, 'u1') for value in range(100, 130)]
    est, _ = fit_file(save_pictures(tmp_path/'good', plain), tmp_path/'m.safetensors', 'pca', size=8, k=1)
    odd = np.full((12, 16), 110, 'u1')
    odd[:3, 12:] = 255
    one = est.anomaly_map(odd[None])
    assert one.shape==(1, 12, 16) and pixel_auroc(one, [odd==255])>.95
    small, large = est.anomaly_map([odd, np.kron(odd, np.ones((3, 3), 'u1'))])
    assert small.shape==(12, 16) and large.shape==(36, 48) and np.array_equal(small, one[0])


def test_arrays_keep_their_proportions_where_files_did(tmp_path):
    shapes = [(8, 16), (16, 8), (16, 16)]
    save_pictures(tmp_path/'good', [grain(*shapes[i%3], seed=i)//2 + 60 for i in range(30)])
    fit_file(tmp_path/'good', tmp_path/'m.safetensors', 'pca', size=16, k=1)
    model = estimator_load(tmp_path/'m.safetensors')
    for shape in shapes:
        new = grain(5, *shape, seed=99)//2 + 60
        new[:, 1:3, 1:3] = 255
        score_file(tmp_path/'m.safetensors', save_pictures(tmp_path/f'new{shape}', new), tmp_path/'s.csv')
        of_files = np.loadtxt(tmp_path/'s.csv', delimiter=',', skiprows=1, usecols=1)
        assert np.allclose(model.anomaly_score(new), of_files, rtol=5e-3)
        maps = model.anomaly_map(new)
        assert maps.shape==new.shape
        assert pixel_auroc(maps, new==255)>.9


def test_pictures_of_a_format_that_is_not_read_are_said(tmp_path):
    "A telephone's .heic among others; what is no picture is nobody's concern, and .jfif is JPEG"
    folder = save_pictures(tmp_path/'pics', grain(20, 8, 8))
    Image.fromarray(grain(8, 8)).save(folder/'web.jfif', 'JPEG')
    for name in ('phone.HEIC', 'scan.dcm', 'notes.txt', '.hidden.heic', 'boxes.json'): (folder/name).touch()
    archive = folder.with_suffix('.zip')
    with zipfile.ZipFile(archive, 'w') as file:
        for path in sorted(folder.iterdir()): file.write(path, path.name)
    for path in (folder, archive):
        rows = rows_of(path)
        assert 'web.jfif' in rows.all().names and len(rows.all())==21
        why = 'a format that is not read'
        assert rows.skipped==[('phone.HEIC', why), ('scan.dcm', why)]
        _, about = fit_file(path, tmp_path/'m', method='pca')
        assert any(note.startswith('2 pictures skipped; phone.HEIC: a format') for note in about['notes'])
