"ganad.metrics against scikit-learn, brute force and arithmetic"
import json

import numpy as np
import pytest
import torch
from ganad.metrics import (auprc, auprc_trapezoid, auroc, base_rate, best_f1, bootstrap, checked,
                           fpr_at, pixel_auroc, prf_at, summary)
from sklearn import metrics as skm

RANKED = [auroc, auprc, auprc_trapezoid, prf_at, fpr_at, best_f1, bootstrap, summary]


def sample(n=300, rate=.2, seed=0, levels=None):
    "Labels, and scores that are higher for anomalies; of few values if `levels` says so"
    y = (np.arange(n) < rate*n).astype(int)
    s = np.random.default_rng(seed).normal(size=n) + y
    return y, s if levels is None else np.round(s*levels)/levels


@pytest.fixture(params=[None, 2], ids=['continuous', 'tied'])
def labels_and_scores(request): return sample(levels=request.param)


def test_auroc_is_the_share_of_pairs_in_order(labels_and_scores):
    y, s = labels_and_scores
    difference = s[y==1][:, None] - s[y==0]
    assert auroc(y, s) == pytest.approx((difference>0).mean() + (difference==0).mean()/2)


def test_against_scikit_learn(labels_and_scores):
    y, s = labels_and_scores
    precision, recall, _ = skm.precision_recall_curve(y, s)
    assert auroc(y, s) == pytest.approx(skm.roc_auc_score(y, s))
    assert auprc(y, s) == pytest.approx(skm.average_precision_score(y, s))
    assert auprc_trapezoid(y, s) == pytest.approx(skm.auc(recall, precision))
    assert best_f1(y, s) == pytest.approx(max(skm.f1_score(y, s>=threshold) for threshold in np.unique(s)))
    found = prf_at(y, s, .1)
    is_flagged = s >= np.percentile(s, 90)
    assert found['precision'] == pytest.approx(skm.precision_score(y, is_flagged))
    assert found['recall'] == pytest.approx(skm.recall_score(y, is_flagged))
    assert found['f1'] == pytest.approx(skm.f1_score(y, is_flagged))
    assert found['n_flagged']==is_flagged.sum() and found['flagged']==pytest.approx(is_flagged.mean())


@pytest.mark.parametrize('tpr', [.05, .5, .8, .95, 1])
def test_fpr_at_is_the_least_that_any_threshold_pays(labels_and_scores, tpr):
    y, s = labels_and_scores
    thresholds = [threshold for threshold in s if (s[y==1]>=threshold).mean()>=tpr]
    assert fpr_at(y, s, tpr) == min((s[y==0]>=threshold).mean() for threshold in thresholds)


@pytest.mark.parametrize('sign,best', [(1, 1.), (-1, 0.)])
def test_perfect_and_inverted(sign, best):
    y = np.repeat([0, 1], 50)
    s = sign*(y + np.linspace(0, .5, 100))
    assert auroc(y, s)==best and fpr_at(y, s)==1-best and prf_at(y, s, .5)['f1']==best


@pytest.mark.parametrize('rate', [.02, .2, .9])
def test_random_scores_get_the_base_rate(rate):
    y, _ = sample(40_000, rate)
    s = np.random.default_rng(1).random(len(y))
    assert auprc(y, s) == pytest.approx(rate, abs=.02) and base_rate(y) == pytest.approx(rate)
    assert auroc(y, s) == pytest.approx(.5, abs=.03) and fpr_at(y, s) == pytest.approx(.95, abs=.02)
    assert best_f1(y, s) == pytest.approx(2*rate/(1+rate), abs=.05)


def test_constant_scores_know_nothing():
    y, _ = sample()
    s = np.zeros(len(y))
    rate = base_rate(y)
    assert auroc(y, s)==.5 and auprc(y, s)==pytest.approx(rate) and fpr_at(y, s)==1
    assert auprc_trapezoid(y, s)==pytest.approx((1+rate)/2)                   # why it is not the default
    assert prf_at(y, s)['n_flagged']==len(y) and prf_at(y, s)['recall']==1


def test_only_the_order_counts():
    y, s = sample()
    assert summary(y, s) == pytest.approx(summary(y, np.exp(s)*7 - 3))


@pytest.mark.parametrize('n,anomalies,flagged,n_flagged', [(247_011, 48_629, .2, 49_403), (226, 32, .15, 34)],
                         ids=['kdd', 'arrhythmia'])
def test_papers_rules_tie_precision_to_recall(n, anomalies, flagged, n_flagged):
    y = np.arange(n) < anomalies
    for shift in (0, 1, 3):
        found = prf_at(y, np.random.default_rng(shift).normal(size=n) + shift*y, flagged)
        assert found['n_flagged']==n_flagged
        assert found['precision']/found['recall']==pytest.approx(anomalies/n_flagged)
        low, high = sorted([found['precision'], found['recall']])
        assert low <= found['f1'] <= high                       # an F1 above both is a typing error


@pytest.mark.parametrize('n', [7, 50, 226, 1706])
def test_flagging_the_base_rate_flags_as_many_rows_as_there_are_anomalies(n):
    y, s = sample(n, .31, seed=n)
    found = prf_at(y, s, base_rate(y))
    assert found['n_flagged']==y.sum() and found['precision']==pytest.approx(found['recall'])


def test_ties_flag_more_than_asked():
    found = prf_at([0, 0, 0, 1, 1], [0., 1., 1.5, 1.5, 1.5], .2)
    assert found['n_flagged']==3 and found['flagged']==.6


def test_bootstrap_covers_the_truth_and_narrows_with_anomalies():
    few, many = sample(226, .14), sample(10_000, .9)
    low, high = bootstrap(*few, n=200)
    low_of_many, high_of_many = bootstrap(*many, n=50)
    assert low < auroc(*few) < high and high_of_many-low_of_many < (high-low)/2
    assert bootstrap(*few, n=20, seed=3)==bootstrap(*few, n=20, seed=3)!=bootstrap(*few, n=20, seed=4)
    assert bootstrap(*few, n=200, level=.5)[0] > low
    low, high = bootstrap(*few, metric=lambda y, s: y.mean(), n=5)      # stratified: keeps the base rate
    assert low==high


def test_bootstrap_covers_about_as_often_as_it_says():
    truth = .76025                                                            # Phi(1/sqrt 2)
    intervals = [bootstrap(*sample(200, .3, seed=seed), n=60, level=.9) for seed in range(30)]
    share = np.mean([low<=truth<=high for low, high in intervals])
    assert share>=.7


def f1_of_half(y, s): return prf_at(y, s, .5)['f1']


@pytest.mark.parametrize('metric', [auroc, auprc, best_f1, f1_of_half])
def test_bootstrap_of_scores_with_few_values(metric):
    "A resample that happens to hold two whole numbers is no binary prediction; scores that are one still are"
    y = np.r_[np.zeros(8), np.ones(8)]
    s = np.r_[0, 1, 0, 1, 0, 1, 0, 2, 1, 2, 0, 1, 1, 1, 0, 1.]
    low, high = bootstrap(y, s, metric, n=200)
    assert 0<=low<high<=1 and type(low) is float
    assert bootstrap(y, s, n=200) == bootstrap(y, s*.5+.25, n=200)            # not whole: never mistaken
    with pytest.raises(ValueError, match='binary predictions'): bootstrap(y, s>0)
    with pytest.raises(ValueError, match='binary predictions'): auroc(y, np.minimum(s, 1))


def test_summary_is_floats_for_json():
    y, s = sample()
    row = summary(torch.tensor(y), torch.tensor(s, requires_grad=True))
    assert all(type(value) is float for value in row.values()) and json.loads(json.dumps(row))==row
    assert set(row)=={'auroc', 'auprc', 'auprc_trapezoid', 'base_rate', 'precision', 'recall', 'f1',
                      'flagged', 'fpr95', 'best_f1'}
    assert row['flagged']==pytest.approx(row['base_rate']) and summary(y, s, .5)['flagged']==.5
    assert row == pytest.approx(summary(y.tolist(), s.tolist()))


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16, torch.float32])
def test_tensors_of_any_dtype(dtype):
    y, s = sample()
    assert auroc(torch.tensor(y).bool(), torch.tensor(s).to(dtype)) == pytest.approx(auroc(y, s), abs=.01)


@pytest.mark.parametrize('metric', RANKED)
@pytest.mark.parametrize('y,s,why', [
    ([0, 1, 0, 1], [.1, .2, np.nan, .4], 'NaN or infinite'),
    ([0, 1, 0, 1], [.1, np.inf, .3, .4], 'first in row 1'),
    ([0, 1, 0, 1], [.1, .2, .3], '3 scores for 4 labels'),
    ([0, 1, 0, 1], [[.1], [.2], [.3], [.4]], 'one number a row'),
    ([0, 1, 2, 1], [.1, .2, .3, .4], 'label 2 in row 2'), ([-1, 1, 1, 1], [.1, .2, .3, .4], 'label -1'),
    ([0, .5, 1, 1], [.1, .2, .3, .4], 'label 0.5'),
    ([0, 0, 0, 0], [.1, .2, .3, .4], 'all 4 labels are 0'),
    ([1, 1, 1, 1], [.1, .2, .3, .4], 'all 4 labels are 1'),
    ([], [], 'no rows'),
    ([0, 1, 0, 1], [0, 1, 1, 1], 'balanced accuracy'), ([0, 1, 0, 1], [-1, 1, 1, 1], 'binary predictions'),
    ([0, 1, 0, 1], [True, False, True, True], 'before the threshold')])
def test_bad_input_is_one_clear_line(metric, y, s, why):
    with pytest.raises(ValueError) as error: metric(np.array(y), np.array(s))
    assert why in str(error.value) and '\n' not in str(error.value)


def test_thresholded_scores_are_refused_for_what_they_are():
    y, s = sample()
    assert skm.roc_auc_score(y, s>1)==pytest.approx(skm.balanced_accuracy_score(y, s>1))  # the report's
    with pytest.raises(ValueError, match='balanced accuracy'): auroc(y, s>1)


@pytest.mark.parametrize('y,s', [([0, 0, 1, 1, 0], [.5, .5, 1, 1, 1]), ([0, 0, 1, 1, 0], [1, 1, 1, 1, 1]),
                                 ([0, 1], [0, 1]), ([0, 0, 1, 1, 0], [0, 1, 2, 2, 1])])
def test_coarse_scores_pass(y, s): checked(y, s)


@pytest.mark.parametrize('metric,bad', [(prf_at, 0), (prf_at, 1), (prf_at, 20), (prf_at, np.nan), (fpr_at, 0),
                                        (fpr_at, 95)])
def test_shares_are_shares(metric, bad):
    with pytest.raises(ValueError, match='give the share'): metric(*sample(), bad)


@pytest.mark.parametrize('seed', range(3))
def test_pixel_auroc_is_that_of_all_pixels_in_one_pot(seed):
    rng = np.random.default_rng(seed)
    shapes = (4, 5), (7, 3), (6, 6)
    masks = [rng.random(shape)<.3 for shape in shapes]
    maps = [rng.normal(size=shape) + mask for shape, mask in zip(shapes, masks)]
    of_defect = np.concatenate([m[mask] for m, mask in zip(maps, masks)])
    others = np.concatenate([m[~mask] for m, mask in zip(maps, masks)])
    in_order = (of_defect[:,None]>others[None]).mean()
    assert pixel_auroc(maps, masks)==pytest.approx(in_order, abs=1e-12)
    assert pixel_auroc(torch.tensor(maps[0][None]), torch.tensor(masks[0][None]))==pytest.approx(
        auroc(masks[0].ravel(), maps[0].ravel()))


@pytest.mark.parametrize('maps, masks, why', [
    (np.zeros((2, 3, 3)), np.zeros((1, 3, 3)), '2 maps and 1 masks'),
    (np.zeros((1, 3, 3)), np.zeros((1, 3, 4)), 'map 0 of shape (3, 3), its mask (3, 4)'),
    (np.zeros((1, 3, 3)), np.full((1, 3, 3), 255), 'mask 0 holds 255'),
    (np.zeros((1, 3, 3)), np.zeros((1, 3, 3)), 'all 9 labels are 0')])
def test_maps_and_masks_that_do_not_fit(maps, masks, why):
    with pytest.raises(ValueError) as error: pixel_auroc(maps, masks)
    assert why in str(error.value)
