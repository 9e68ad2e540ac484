"Known anomalies: which rows are drawn, labels of one's own, and pictures that are turned and cropped"
import json
from functools import partial

import numpy as np
import pytest
import torch
from ganad import _sampling, data
from ganad.core import ShapeError, UnknownName
from ganad.data import Imbalance, Jitter, OneClass, Source, by_label, clusters, load
from small_data import elsewhere, here, real, refused, table_source

# ---- some anomalies are known

def spotted(official, n=40):
    "5 classes of n pictures, each of 4 forms that differ by far and in number; and the form of each row"
    y, place = torch.arange(5*n)%5, torch.arange(5*n)//5
    form = torch.tensor([0, 0, 0, 0, 1, 1, 2, 3])[place%8]
    x = torch.zeros(5*n, 1, 4, 4) - 1
    x[torch.arange(5*n), 0, form, y%4] = 1.
    x += .001*torch.randn(x.shape, generator=torch.Generator().manual_seed(0))
    return Source('spots', x.clamp(-1, 1), y, [*'abcde'], place>=n//2 if official else None), form


def known_of_class(source, split):
    "How many known anomalies of each class"
    return source.y[split.rows['known']].bincount(minlength=len(source.classes)).tolist()


def classes_in(source, split, part): return {*source.y[split.rows[part]].tolist()}


both = pytest.mark.parametrize('official', [True, False])


@both
@pytest.mark.parametrize('sampling', data.SAMPLING)
@pytest.mark.parametrize('choose', [False, True])
def test_known_anomalies_are_disjoint_pure_and_seeded(official, sampling, choose):
    "Disjoint, pure, seeded; labels and rows agree; known are anomalies, never of a class that is held out"
    source, _ = spotted(official, 80)
    fields = dict(sampling=sampling, k=3, held=('b',), choose=choose)
    protocol = Imbalance('c', **fields)
    split = protocol.split(source)
    again = Imbalance(2, **fields).split(source)
    other = Imbalance('c', seed=7, **fields).split(source)
    every = torch.cat([*split.rows.values()])
    assert [*split.rows]==['train', 'val', 'test', 'known'] and len(every.unique())==len(every)
    for part in ('train', 'known'):
        assert torch.equal(split.rows[part], again.rows[part])
        assert not torch.equal(split.rows[part], other.rows[part])
    for part, rows in split.rows.items(): assert torch.equal(getattr(split, part), source.x[rows])
    assert torch.equal(split.y, (source.y[split.rows['test']]!=2).long())
    assert classes_in(source, split, 'test')=={0, 1, 2, 3, 4} and classes_in(source, split, 'train')=={2}
    assert classes_in(source, split, 'known')=={0, 3, 4} and len(split.known)==len(split.train)
    if official and not choose: assert source.test[split.rows['test']].all()
    if official and choose: assert not source.test[every].any()
    fields = protocol.to_dict()
    assert json.loads(json.dumps(fields))==fields and fields['held']==['b']
    assert isinstance(hash(protocol), int)


@both
def test_imbalance_shares_the_normals_and_the_test_of_oneclass(official):
    source, _ = spotted(official)
    split, of_oneclass = Imbalance('c', k=3).split(source), OneClass('c').split(source)
    assert torch.equal(split.rows['train'], of_oneclass.rows['train'])
    assert torch.equal(split.rows['val'], of_oneclass.rows['val'])
    if official: assert torch.equal(split.test, of_oneclass.test) and torch.equal(split.y, of_oneclass.y)
    else: assert source.y[split.rows['test']].bincount().tolist()==[20]*5       # half of each class
    few_known = Imbalance('c', known=3, k=3).split(source)
    assert few_known.rows['test'].tolist()==split.rows['test'].tolist()          # whatever is known


@both
@pytest.mark.parametrize('n', [1, 2, 4, 7, 10, 16, 33, None])
@pytest.mark.parametrize('sampling', ['kmeans', 'random'])
def test_known_are_equally_many_of_each_class(official, n, sampling):
    source, _ = spotted(official)
    for seed in range(3):
        split = Imbalance('c', known=n, k=3, sampling=sampling, seed=seed).split(source)
        counts = known_of_class(source, split)
        assert sum(counts)==(n or len(split.train))
        assert counts.pop(2)==0 and max(counts)-min(counts)<=1


@both
def test_what_is_left_over_is_dealt_out_by_seed(official):
    source, _ = spotted(official)
    splits = [Imbalance('c', known=1, k=3, seed=seed).split(source) for seed in range(30)]
    assert set.union(*(classes_in(source, split, 'known') for split in splits))=={0, 1, 3, 4}


def test_a_class_with_few_rows_gives_what_it_has():
    source, _ = spotted(False)
    few = Source('few', source.data, source.y, source.classes, (source.y==0) & (torch.arange(len(source))>10))
    few.test[source.y==2] = torch.arange(40)>=20
    split = Imbalance('c', known=18, sampling='random').split(few)      # 3 training rows of class a
    assert known_of_class(few, split)==[3, 5, 0, 5, 5]


@pytest.mark.parametrize('seed', range(3))
def test_clusters_keep_their_share(seed):
    "A quarter of each class is form 1, an eighth is 2, an eighth 3: so are the known"
    source, form = spotted(True, 128)                                  # 64 training rows of a class
    def forms(n):
        split = Imbalance('c', known=n, k=4, seed=seed).split(source)
        known_form, label = form[split.rows['known']], source.y[split.rows['known']]
        return [known_form[label==i].bincount().tolist() for i in (0, 1, 3, 4)]
    assert forms(4*16)==[[8, 4, 2, 2]]*4
    assert forms(4*9)==[[5, 2, 1, 1]]*4                                    # 4.5, 2.25, 1.125, 1.125


def test_random_draws_do_not_keep_the_share():
    source, form = spotted(True, 128)
    splits = [Imbalance('c', known=64, sampling='random', seed=seed).split(source) for seed in range(5)]
    assert any(form[split.rows['known']].bincount().tolist()!=[32, 16, 8, 8] for split in splits)


@pytest.mark.parametrize('seed', [0, 3])
@pytest.mark.parametrize('label', [0, 5, 9])
def test_clusters_keep_their_share_on_digits(label, seed):
    source = load('digits')
    split = Imbalance(8, seed=seed).split(source)
    rows = np.setdiff1d(np.flatnonzero(source.y==label), split.rows['test'].numpy())
    known = split.rows['known'][source.y[split.rows['known']]==label].numpy()
    k = min(10, len(known))
    cluster = clusters(source.rows(rows), k, seed)
    sizes = np.bincount(cluster, minlength=k)
    drawn = np.bincount(cluster[np.searchsorted(rows, known)], minlength=k)
    assert np.abs(drawn-len(known)*sizes/len(rows)).max()<1
    assert drawn.tolist()==_sampling._by_share(len(known), sizes).tolist()


@pytest.mark.parametrize('n', [20, 23])
def test_pooled_is_equal_per_cluster(n):
    source, _ = spotted(True, 128)
    rows = np.flatnonzero((source.y!=2).numpy() & ~source.test.numpy())
    cluster = clusters(source.rows(rows), 5, 0)
    known = Imbalance('c', known=n, k=5, sampling='pooled').split(source).rows['known'].numpy()
    counts = np.bincount(cluster[np.searchsorted(rows, known)], minlength=5)
    assert counts.sum()==n and counts.max()-counts.min()<=1


def whole_numbers():
    "200 times sizes of groups, and how many to draw of all"
    rng = np.random.RandomState(0)
    for _ in range(200):
        sizes = rng.randint(0, 30, rng.randint(1, 8))
        sizes[0] += 1
        yield rng.randint(0, sizes.sum()+1), sizes


def test_shares_are_rounded_by_the_largest_remainder():
    for n, sizes in whole_numbers():
        exact, counts = n*sizes/sizes.sum(), _sampling._by_share(n, sizes)
        assert counts.sum()==n and (np.abs(counts-exact)<1).all() and (counts<=sizes).all()
        remainder, is_up = exact - np.floor(exact), counts>np.floor(exact+1e-9)
        if is_up.any() and not is_up.all(): assert remainder[is_up].min()>=remainder[~is_up].max()-1e-9


def test_turns_give_to_each_group_until_it_has_no_more():
    rng = np.random.RandomState(0)
    for n, sizes in whole_numbers():
        counts = _sampling._deal(n, sizes, rng)
        assert counts.sum()==n and (counts<=sizes).all()
        assert (counts>=np.minimum(sizes, counts.max()-1)).all()


def test_clusters_are_found_whatever_the_unit_and_the_number_of_rows():
    x = torch.randn(50, 3, generator=torch.Generator().manual_seed(0))
    x[25:, 1] += 60
    x[:, 0] *= 1e6                                                                    # another unit
    assert clusters(x, 2).tolist() in ([0]*25+[1]*25, [1]*25+[0]*25)
    assert clusters(x[:1], 1).tolist()==[0]
    assert len(clusters(x.repeat(200, 1), 5))==10_000                         # more than it fits on


def test_imbalance_takes_tables_and_limits():
    source = table_source()
    split = Imbalance('normal', known=7, k=4).split(source)
    assert split.known.shape==(7, 5)
    assert split.known.abs().max()<=3 and split.train.abs().max()<=1+1e-6    # scaled as training is
    raw = Imbalance('normal', known=7, k=4, raw=True).split(source)
    assert torch.equal(raw.known, source.x[split.rows['known']])
    few = Imbalance('normal', k=4, n_train=9, n_test=20).split(source)
    assert (len(few.train), len(few.known))==(9, 9) and abs(len(few.test)-20)<=1


def test_a_split_says_how_many_anomalies_are_known():
    source, _ = spotted(True)
    assert ', 2 known anomalies; normal: c' in repr(Imbalance('c', known=2, k=2).split(source))
    assert ', 1 known anomaly; normal: c' in repr(Imbalance('c', known=1, k=2).split(source))


BAD_IMBALANCE = [
    (dict(k=21), 'k', 'k=21 is more than the 20 rows of class a; give a smaller k'),
    (dict(k=81, sampling='pooled'), 'k', 'k=81 is more than the 80 rows of all anomaly classes'),
    (dict(known=0), 'known', 'known=0 is too few; give 1 or more'), (dict(k=0), 'k', 'k=0 is too few'),
    (dict(known=81, k=5), 'known', 'known=80 or less'),
    (dict(known=41, k=5, held=[*'ab']), 'known', 'known=40 or less'),
    (dict(held='c'), 'held', 'held= names c, the normal class'),
    (dict(held=('a', 2)), 'held', 'held= names c'),
    (dict(held=[*'abde']), 'held', 'leave one in training')]


@both
@pytest.mark.parametrize('fields,option,says', BAD_IMBALANCE, ids=[str(bad[0]) for bad in BAD_IMBALANCE])
def test_known_anomalies_that_cannot_be_drawn_are_refused_by_field(official, fields, option, says):
    source, _ = spotted(official)
    assert refused(lambda: Imbalance('c', **fields).split(source), says).option==option


@both
def test_unknown_classes_and_samplings_list_those_that_there_are(official):
    source, _ = spotted(official)
    says = "no class of spots 'z'; there are: a, b"
    refused(lambda: Imbalance('c', held=('a', 'z')).split(source), says, kind=UnknownName)
    says = "no sampling 'means'; there are: kmeans, random, pooled"
    refused(lambda: Imbalance('c', sampling='means').split(source), says, kind=UnknownName)


@both
def test_random_draws_need_no_clusters(official):
    source, _ = spotted(official)
    assert len(Imbalance('c', k=21, sampling='random').split(source).known)==18


@both
def test_choices_need_anomalies_that_nobody_uses(official):
    source, _ = spotted(official)
    protocol = Imbalance('c', choose=True, known=80, k=5)
    error = refused(lambda: protocol.split(source), 'choose=True needs anomalies')
    assert error.option=='choose'


def test_a_class_without_training_rows_must_be_held_out():
    source, _ = spotted(True)
    source.test = source.test | (source.y==3)
    refused(lambda: Imbalance('c', k=5).split(source), 'spots has no training rows of class d', 'held=')
    assert len(Imbalance('c', k=5, held='d').split(source).known)==18


@pytest.mark.parametrize('held', [['a', 'b'], (0, 1), ('a', 1), np.array(['a', 'b'])], ids=str)
def test_held_may_be_written_in_many_ways(held):
    source, _ = spotted(True)
    expected = Imbalance('c', k=5, held=('a', 'b')).split(source)
    assert torch.equal(Imbalance('c', k=5, held=held).split(source).rows['known'], expected.rows['known'])


def test_one_held_class_needs_no_list():
    assert Imbalance('c', held=3)==Imbalance('c', held=(3,)) and Imbalance('c', held='ab').held==('ab',)


# ---- labels of one's own

LABELS = [[0, 1, 1, 0], (False, True, True, False), [0., 1., 1., 0.], np.array([0, 1, 1, 0], 'u1'),
          np.array([0., 1., 1., 0.]), np.array([False, True, True, False]), torch.tensor([0, 1, 1, 0]),
          torch.tensor([0., 1., 1., 0.]), torch.tensor([False, True, True, False])]


@pytest.mark.parametrize('y', LABELS)
@pytest.mark.parametrize('kind', [torch.as_tensor, np.asarray, list])
def test_by_label_takes_rows_and_labels_of_every_kind(y, kind):
    normal, anomalous = by_label(kind([[0., 1.], [2., 3.], [4., 5.], [6., 7.]]), y)
    assert (normal.tolist(), anomalous.tolist())==([[0, 1], [6, 7]], [[2, 3], [4, 5]])
    assert normal.dtype==anomalous.dtype==torch.float32


def test_by_label_takes_images():
    source = load('digits')
    normal, anomalous = by_label(source.x, source.y==3)
    assert torch.equal(normal, source.x[source.y!=3]) and torch.equal(anomalous, source.x[source.y==3])


@pytest.mark.parametrize('y,says,row', [
    ([0, 1, 2], 'label 2 ', 2), ([0, -1, -2], 'label -1 ', 1), ([.5, 1, 0], 'label 0.5 ', 0),
    ([0, 1, float('nan')], 'label nan ', 2), (['ok', 'bad', 'ok'], "label 'ok' ", 0),
    ([0, None, 1], 'label None ', 1),
    (np.array([[0], [1], [0]]), 'label [0] ', 0), ([0, 1], '3 rows and 2 labels', None),
    ([0, 1, 0, 1], '3 rows and 4 labels', None), ([0, 0, 0], 'no labelled anomalies', None),
    ([1, 1, 1], 'no normal rows', None)])
def test_labels_that_cannot_be_meant_are_refused(y, says, row):
    assert refused(lambda: by_label(torch.eye(3), y), says).row==row


# ---- augmentation

def pictures(n=40):
    return torch.rand(n, 1, 9, 9, generator=torch.Generator().manual_seed(0))*2 - 1


def turned(x): return [x.rot90(k, (2, 3)) for k in range(4)]


def which(y, ways):
    "(ways, N): is a row of `y` that of one of the ways?"
    return torch.stack([(y==way).flatten(1).all(1) for way in ways])


@pytest.mark.parametrize('shape', [(40, 1, 9, 9), (7, 3, 32, 32), (1, 1, 8, 8)])
def test_jitter_keeps_what_a_batch_is(shape):
    x = torch.rand(*shape)*2-1
    before = x.clone()
    y = Jitter()(x)
    assert (y.shape, y.dtype)==(x.shape, x.dtype) and torch.equal(x, before)
    assert y.abs().max()<=1 and torch.isfinite(y).all()
    assert torch.equal(Jitter(False, False, 0)(x), x)


def test_jitter_of_no_rows_and_of_the_darkest_and_brightest():
    assert Jitter()(pictures()[:0]).shape==(0, 1, 9, 9)
    assert Jitter()(torch.where(pictures()>0, 1., -1.)).abs().max()<=1


def test_jitter_flips_either_way_as_often():
    x = pictures(400)
    found = which(Jitter(turn=False, crop=0)(x), [x, x.flip(2), x.flip(3), x.flip(2, 3)])
    assert (found.sum(0)==1).all() and (found.sum(1)>60).all()       # each of four, about 100 times


def test_jitter_turns_by_every_quarter_as_often():
    x = pictures(400)
    found = which(Jitter(flip=False, crop=0)(x), turned(x))
    assert (found.sum(0)==1).all() and (found.sum(1)>60).all()
    eight = turned(x) + [way.flip(3) for way in turned(x)]
    found = which(Jitter(crop=0)(x), eight)
    assert (found.sum(0)==1).all() and (found.sum(1)>20).all()


def test_jitter_crops_as_interpolate_does():
    "Each image is one of the 81 crops of itself, stretched by torch's own bilinear resize"
    x = pictures(200)
    y = Jitter(flip=False, turn=False, crop=2)(x)
    crops = [(slice(top, 9-bottom), slice(left, 9-right)) for top in range(3) for bottom in range(3)
             for left in range(3) for right in range(3)]
    stretched = [torch.nn.functional.interpolate(x[:, :, down, across], (9, 9), mode='bilinear')
                 for down, across in crops]
    found = torch.stack([((way-y).abs()<1e-5).flatten(1).all(1) for way in stretched])
    assert (found.sum(0)==1).all() and found.any(1).sum()>60


def test_jitter_treats_each_image_alone_and_anew():
    same = pictures(1).expand(200, -1, -1, -1)
    assert len(Jitter()(same).flatten(1).unique(dim=0))>150
    torch.manual_seed(5)
    first, second = Jitter()(same), Jitter()(same)
    torch.manual_seed(5)
    assert torch.equal(first, Jitter()(same)) and not torch.equal(first, second)  # torch's generator moves on


def test_jitter_refuses_what_it_would_distort():
    for x in (torch.rand(8, 8), torch.rand(1, 8, 8), torch.rand(5, 3)):
        refused(partial(Jitter(), x), 'N×C×H×W', kind=ShapeError)
    wide = torch.rand(2, 1, 8, 6)
    assert refused(lambda: Jitter()(wide), '8×6', 'turn=False', kind=ShapeError).option=='turn'
    assert Jitter(turn=False)(wide).shape==wide.shape
    for crop in (4, -1):
        jitter = Jitter(crop=crop)
        error = refused(partial(jitter, torch.rand(2, 1, 8, 8)), f'crop={crop}', '8×8', kind=ShapeError)
        assert error.option=='crop'


@pytest.fixture
def fashion(elsewhere): return load('fashion')


@real('FashionMNIST')
@pytest.mark.parametrize('sampling', ['kmeans', 'random'])
def test_as_many_known_of_each_class_of_the_real_fashion(fashion, sampling):
    split = Imbalance('Shirt', sampling=sampling).split(fashion)
    assert (len(split.train), len(split.val), len(split.known), len(split.test))==(5400, 600, 5400, 10_000)
    assert known_of_class(fashion, split)==[600]*6 + [0] + [600]*3
    assert fashion.test[split.rows['test']].all() and not fashion.test[split.rows['known']].any()


@real('FashionMNIST')
def test_clusters_keep_their_share_on_the_real_fashion(fashion):
    rows = np.flatnonzero((fashion.y==8).numpy() & ~fashion.test.numpy())
    cluster = clusters(fashion.rows(rows))
    split = Imbalance('Shirt').split(fashion)
    known = split.rows['known'][fashion.y[split.rows['known']]==8].numpy()
    drawn = np.bincount(cluster[np.searchsorted(rows, known)])
    assert drawn.tolist()==_sampling._by_share(600, np.bincount(cluster)).tolist()


@real('FashionMNIST')
@pytest.mark.parametrize('n,most', [(1, 1), (10, 2), (100, 12)])
def test_few_known_are_dealt_out_on_the_real_fashion(fashion, n, most):
    counts = known_of_class(fashion, Imbalance('Shirt', known=n).split(fashion))
    assert sum(counts)==n and max(counts)==most and counts[6]==0


@real('FashionMNIST')
def test_classes_are_held_out_on_the_real_fashion(fashion):
    split = Imbalance('Shirt', known=100, held=('Bag', 'Coat', 'Sandal')).split(fashion)
    counts = known_of_class(fashion, split)
    assert sorted(counts)==[0]*4 + [16]*2 + [17]*4
    assert all(counts[fashion.class_index(name)]==0 for name in ('Bag', 'Coat', 'Sandal', 'Shirt'))
    assert split.y.sum()==9000


@real('FashionMNIST')
def test_rows_for_choices_on_the_real_fashion(fashion):
    split = Imbalance('Shirt', choose=True, n_train=500, n_test=1000).split(fashion)
    every = torch.cat([*split.rows.values()])
    assert len(every.unique())==len(every) and not fashion.test[every].any()
    assert (len(split.train), len(split.known), len(split.test))==(500, 500, 1000)
