"Who trains and who tests under each protocol, and the papers' counts where the real files are"
import json
from functools import partial

import numpy as np
import pytest
import torch
from ganad.data import KDD99, Arrhythmia, Halves, OneClass, OneOut, Pooled, Source, load
from sklearn.model_selection import train_test_split
from small_data import elsewhere, here, real, refused, table_source

# ---- protocols

def image_source(official):
    "10 classes of 30 pictures; row i is filled with i/300"
    x = (torch.arange(300)/300).view(-1, 1, 1, 1).expand(-1, 1, 4, 4)
    is_test = torch.arange(300)>=200 if official else None
    return Source('ten', x, torch.arange(300)%10, [*'abcdefghij'], is_test)


def kdd_source():
    source = table_source()
    source.classes = ['smurf.', 'normal.']
    return source


CASES = [(OneClass('c'), image_source(True)), (OneClass(2), image_source(False)),
         (OneOut('c'), image_source(True)), (OneOut(2, val=0), image_source(False)),
         (Pooled('c'), image_source(True)), (KDD99(), kdd_source()),
         (KDD99(val=.2), kdd_source()), (Arrhythmia(), table_source()), (Arrhythmia(val=.2), table_source()),
         (Arrhythmia(clean=False, val=.2), table_source()), (OneClass('normal'), table_source()),
         (Halves(), table_source()), (Halves(val=.2), table_source())]
IDS = [f'{type(protocol).__name__}{i}' for i, (protocol, _) in enumerate(CASES)]
cases = pytest.mark.parametrize('protocol,source', CASES, ids=IDS)


def with_fields(protocol, **fields): return type(protocol)(**protocol.__dict__ | fields)


def anomalies(protocol, source):
    "Which rows are anomalous, worked out here"
    if isinstance(protocol, OneOut): return source.y==source.class_index(protocol.anomaly)
    if isinstance(protocol, KDD99): return source.y==source.class_index('normal.')
    return source.y!=source.class_index(protocol.normal)


@cases
def test_rows_are_disjoint_pure_and_seeded(protocol, source):
    split, again = protocol.split(source), protocol.split(source)
    every = torch.cat([*split.rows.values()])
    assert len(every.unique())==len(every)
    for part in ('train', 'val', 'test', 'y'): assert torch.equal(getattr(split, part), getattr(again, part))
    other = with_fields(protocol, seed=7).split(source)
    assert not torch.equal(split.rows['train'], other.rows['train'])


@cases
def test_labels_are_those_of_the_rows(protocol, source):
    split = protocol.split(source)
    train, val, test = split.rows.values()
    assert [len(split.train), len(split.val), len(split.test)]==[len(train), len(val), len(test)]
    assert len(split.y)==len(test)
    assert (split.train.dtype, split.test.dtype, split.y.dtype)==(torch.float32, torch.float32, torch.int64)
    is_anomaly = anomalies(protocol, source)
    assert torch.equal(split.y, is_anomaly[test].long()) and not is_anomaly[val].any()
    if getattr(protocol, 'clean', True): assert not is_anomaly[train].any()
    assert 0<split.base_rate<1 and split.base_rate==split.y.float().mean()


NINE = 'the other 9 classes'


@pytest.mark.parametrize('protocol,source,normal,anomalous', [
    (OneClass('c'), image_source(True), 'c', NINE), (OneOut('c'), image_source(True), NINE, 'c'),
    (OneClass('normal'), table_source(), 'normal', 'anomaly'),
    (KDD99(), kdd_source(), 'attacks (1 kinds)', "connections labelled 'normal.'"),
    (Arrhythmia(), table_source(), 'normal', 'anomaly'), (Halves(), table_source(), 'normal', 'anomaly')])
def test_a_split_says_who_is_normal_and_who_is_not(protocol, source, normal, anomalous):
    split = protocol.split(source)
    assert (split.normal, split.anomalous)==(normal, anomalous)


@cases
def test_a_protocol_can_be_written_down(protocol, source):
    fields = protocol.to_dict()
    assert isinstance(hash(protocol), int) and json.loads(json.dumps(fields))==fields and fields['normal']


@cases
def test_limits_keep_the_base_rate(protocol, source):
    full, few = protocol.split(source), with_fields(protocol, n_train=9, n_test=20).split(source)
    assert len(few.train)<=9 and abs(len(few.test)-20)<=1 and abs(few.base_rate-full.base_rate)<.06
    for part in ('train', 'test'): assert {*few.rows[part].tolist()} <= {*full.rows[part].tolist()}


def test_official_split_is_kept():
    split = OneClass('c').split(image_source(True))
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(18, 2, 100, 90)
    assert split.rows['test'].tolist()==[*range(200, 300)]
    assert max(split.rows['train'].max(), split.rows['val'].max())<200


def test_shares_are_those_of_scikit_learn():
    source = image_source(False)
    split = OneClass('c').split(source)
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(13, 2, 15+270, 270)
    split = OneOut('c').split(source)
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(194, 22, 54+30, 30)
    rest, test = train_test_split(np.arange(300), test_size=.2, random_state=42)
    train, _ = train_test_split(rest, test_size=.25, random_state=42)
    split = Pooled('c').split(source)
    assert split.rows['test'].tolist()==sorted(test)
    assert split.rows['train'].tolist()==sorted(row for row in train if row%10==2)


def test_halves_leave_anomalies_to_choose_by():
    source = table_source()
    split, chosen = Halves().split(source), Halves(choose=True).split(source)
    assert (len(split.train), len(split.test), split.y.sum())==(80, 80+20, 20)
    assert (len(chosen.train), len(chosen.test), chosen.y.sum())==(64, 16+4, 4)
    assert {*chosen.rows['train'].tolist()} < {*split.rows['train'].tolist()}
    assert not {*chosen.rows['test'].tolist()} & {*split.rows['test'].tolist()}
    assert split.test.abs().max()>100                                   # far out stays far out


@pytest.mark.parametrize('protocol,source', [case for case in CASES if not case[1].is_image])
def test_scaler_sees_training_rows_only(protocol, source):
    split = protocol.split(source)
    changed = Source(source.name, source.data.clone(), source.y, source.classes)
    unseen = torch.cat([split.rows['val'], split.rows['test']])
    changed.data[unseen] = changed.data[unseen]*3+5
    other = protocol.split(changed)
    assert torch.equal(other.train, split.train)
    assert split.train[:, 3].unique().tolist()==[0]                     # a constant …
    assert not other.test[:, 3].eq(0).any()                             # … that changes
    assert split.test.abs().max() <= {Arrhythmia: 10, Halves: 1e6}.get(type(protocol), 3)
    raw = with_fields(protocol, raw=True).split(source)
    assert torch.equal(raw.train, source.x[split.rows['train']])


def test_impossible_fields_of_a_protocol_are_refused():
    source = image_source(False)
    for option, value in dict(val=1., test_size=-.1, n_train=0, n_test=1).items():
        protocol = OneClass('c', **{option: value})
        error = refused(partial(protocol.split, source), f'{option}={value}')
        assert error.option==option
    source.y[:] = 3
    refused(lambda: OneClass('c').split(source), 'ten has no rows of c to train on')
    refused(lambda: OneClass('d').split(source), 'test rows must be normal and anomalous')


@cases
def test_other_protocols_know_no_anomalies(protocol, source):
    split = protocol.split(source)
    assert split.known.shape==(0, *source.shape) and [*split.rows]==['train', 'val', 'test']
    assert 'known' not in repr(split) and 'known' not in protocol.to_dict()


# ---- the papers' counts on the real files

@real('kddcup99/kddcup.data_10_percent.gz')
def test_counts_and_rows_on_the_real_kdd(elsewhere):
    source = load('kdd99')
    split = KDD99().split(source)
    assert source.shape==(121,) and len(source)==494_021 and len(source.classes)==23
    assert len(split.train)==198_361 and split.y.bincount().tolist()==[198_382, 48_629]
    pd = pytest.importorskip('pandas')
    half = pd.DataFrame(index=range(len(source))).sample(frac=.5, random_state=42).index.to_numpy()
    is_attack = (source.y!=source.class_index('normal.')).numpy()[half]
    assert split.rows['train'].tolist()==sorted(half[is_attack])
    assert torch.isfinite(split.test).all() and split.train.abs().max()<=1+1e-6


@real('arrhythmia/arrhythmia.mat')
def test_counts_on_the_real_arrhythmia(elsewhere):
    source = load('arrhythmia')
    split, dirty = Arrhythmia().split(source), Arrhythmia(clean=False, raw=True).split(source)
    assert (source.shape, len(source), source.y.sum())==((274,), 452, 66)
    assert (len(split.train), len(split.test), split.y.sum())==(192, 226, 32)
    assert (len(dirty.train), source.y[dirty.rows['train']].sum())==(226, 34)


ADBENCH = {'Hepatitis': (80, 19, 13), 'wine': (129, 13, 10), 'magic.gamma': (19_020, 10, 6_688),
           'InternetAds': (1_966, 1_555, 368), 'donors': (619_326, 10, 36_710)}    # rows, features, anomalies


@real('adbench')
@pytest.mark.parametrize('table', ADBENCH)
def test_counts_on_real_tables_of_adbench(elsewhere, table):
    source = load(f'adbench/{table}')
    rows, features, anomalies = ADBENCH[table]
    assert (len(source), *source.shape, int(source.y.sum()))==(rows, features, anomalies)
    split = Halves().split(source)
    normals = rows - anomalies
    assert (len(split.train), int((split.y==0).sum()), int(split.y.sum()))==(
        normals//2, (normals+1)//2, (anomalies+1)//2)


@real('pneumoniamnist.npz')
def test_counts_on_the_real_xrays(elsewhere):
    split = OneClass('healthy', val=0).split(load('pneumonia'))
    assert (len(split.train), split.y.bincount().tolist())==(1214+135, [234, 390])


@real('MNIST/raw')
def test_counts_on_the_real_mnist(elsewhere):
    split = OneOut(anomaly=0, val=0).split(load('mnist'))
    assert abs(split.base_rate-.354)<.001                            # EGBAD's base rate for digit 0
    assert len(split.train)==int(.8*(70_000-6_903))


@real('FashionMNIST/raw')
def test_counts_on_the_real_fashion(elsewhere):
    split = OneClass('Trouser').split(load('fashion'))
    assert (len(split.train), len(split.val), len(split.test), split.y.sum())==(5400, 600, 10_000, 9000)
