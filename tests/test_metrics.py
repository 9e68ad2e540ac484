"ganad.metrics against scikit-learn, brute force and arithmetic"
import json
import numpy as np, pytest, torch
from sklearn import metrics as skm
from ganad.metrics import (auprc, auprc_trapezoid, auroc, base_rate, best_f1, bootstrap, checked,
                           fpr_at, prf_at, summary)

RANKED = [auroc, auprc, auprc_trapezoid, prf_at, fpr_at, best_f1, bootstrap, summary]

def sample(n=300, rate=.2, seed=0, levels=None):
    r = np.random.default_rng(seed)
    y = (np.arange(n) < rate*n).astype(int)
    s = r.normal(size=n) + y
    return y, s if levels is None else np.round(s*levels)/levels

@pytest.fixture(params=[None, 2], ids=['continuous','tied'])
def ys(request): return sample(levels=request.param)

def test_auroc_is_the_share_of_pairs_in_order(ys):
    y,s = ys
    d = s[y==1][:,None] - s[y==0]
    assert auroc(y, s) == pytest.approx((d>0).mean() + (d==0).mean()/2)

def test_against_scikit_learn(ys):
    y,s = ys
    p,r,_ = skm.precision_recall_curve(y, s)
    assert auroc(y, s) == pytest.approx(skm.roc_auc_score(y, s))
    assert auprc(y, s) == pytest.approx(skm.average_precision_score(y, s))
    assert auprc_trapezoid(y, s) == pytest.approx(skm.auc(r, p))
    assert best_f1(y, s) == pytest.approx(max(skm.f1_score(y, s>=t) for t in np.unique(s)))
    m = prf_at(y, s, .1); hit = s >= np.percentile(s, 90)
    assert (m['precision'],m['recall'],m['f1']) == pytest.approx(
        (skm.precision_score(y, hit), skm.recall_score(y, hit), skm.f1_score(y, hit)))
    assert m['n_flagged']==hit.sum() and m['flagged']==pytest.approx(hit.mean())

@pytest.mark.parametrize('tpr', [.05,.5,.8,.95,1])
def test_fpr_at_is_the_least_that_any_threshold_pays(ys, tpr):
    y,s = ys
    assert fpr_at(y, s, tpr) == min((s[y==0]>=t).mean() for t in s if (s[y==1]>=t).mean()>=tpr)

@pytest.mark.parametrize('sign,best', [(1,1.),(-1,0.)])
def test_perfect_and_inverted(sign, best):
    y = np.repeat([0,1], 50); s = sign*(y + np.linspace(0, .5, 100))
    assert auroc(y, s)==best and fpr_at(y, s)==1-best and prf_at(y, s, .5)['f1']==best

@pytest.mark.parametrize('rate', [.02,.2,.9])
def test_random_scores_get_the_base_rate(rate):
    y = sample(40_000, rate)[0]; s = np.random.default_rng(1).random(len(y))
    assert auprc(y, s) == pytest.approx(rate, abs=.02) and base_rate(y) == pytest.approx(rate)
    assert auroc(y, s) == pytest.approx(.5, abs=.03) and fpr_at(y, s) == pytest.approx(.95, abs=.02)
    assert best_f1(y, s) == pytest.approx(2*rate/(1+rate), abs=.05)

def test_constant_scores_know_nothing():
    y = sample()[0]; s = np.zeros(len(y)); b = base_rate(y)
    assert auroc(y, s)==.5 and auprc(y, s)==pytest.approx(b) and fpr_at(y, s)==1
    assert auprc_trapezoid(y, s)==pytest.approx((1+b)/2)               # why it is not the default
    assert prf_at(y, s)['n_flagged']==len(y) and prf_at(y, s)['recall']==1

def test_only_the_order_counts():
    y,s = sample()
    a,b = summary(y, s),summary(y, np.exp(s)*7 - 3)
    assert a == pytest.approx(b)

@pytest.mark.parametrize('n,anomalies,flagged,n_flagged', [(247_011,48_629,.2,49_403), (226,32,.15,34)],
                         ids=['kdd','arrhythmia'])
def test_papers_rules_tie_precision_to_recall(n, anomalies, flagged, n_flagged):
    y = np.arange(n) < anomalies
    for shift in (0,1,3):
        m = prf_at(y, np.random.default_rng(shift).normal(size=n) + shift*y, flagged)
        assert m['n_flagged']==n_flagged and m['precision']/m['recall']==pytest.approx(anomalies/n_flagged)
        lo,hi = sorted([m['precision'],m['recall']])
        assert lo <= m['f1'] <= hi                                     # an F1 above both is a typing error

def test_flagging_the_base_rate_flags_as_many_rows_as_there_are_anomalies():
    for n in (7, 50, 226, 1706):
        y,s = sample(n, .31, seed=n)
        m = prf_at(y, s, base_rate(y))
        assert m['n_flagged']==y.sum() and m['precision']==pytest.approx(m['recall'])

def test_ties_flag_more_than_asked():
    m = prf_at([0,0,0,1,1], [0.,1.,1.5,1.5,1.5], .2)
    assert m['n_flagged']==3 and m['flagged']==.6

def test_bootstrap_covers_the_truth_and_narrows_with_anomalies():
    small,large = sample(226, .14),sample(10_000, .9)
    lo,hi = bootstrap(*small, n=200); lo2,hi2 = bootstrap(*large, n=50)
    assert lo < auroc(*small) < hi and hi2-lo2 < (hi-lo)/2
    assert bootstrap(*small, n=20, seed=3)==bootstrap(*small, n=20, seed=3)!=bootstrap(*small, n=20, seed=4)
    assert bootstrap(*small, n=200, level=.5)[0] > lo
    assert len({*bootstrap(*small, metric=lambda y,s: y.mean(), n=5)})==1   # stratified: keeps the base rate

def test_bootstrap_covers_about_as_often_as_it_says():
    truth = .76025                                                     # Phi(1/sqrt 2)
    intervals = [bootstrap(*sample(200, .3, seed=i), n=60, level=.9) for i in range(30)]
    hits = [lo<=truth<=hi for lo,hi in intervals]
    assert .7 <= np.mean(hits)

def test_bootstrap_of_scores_with_few_values():
    "A resample that happens to hold two whole numbers is no binary prediction; scores that are one still are"
    y,s = np.r_[np.zeros(8),np.ones(8)],np.r_[0,1,0,1,0,1,0,2,1,2,0,1,1,1,0,1.]
    for metric in (auroc, auprc, best_f1, lambda y,s: prf_at(y, s, .5)['f1']):
        lo,hi = bootstrap(y, s, metric, n=200)
        assert 0<=lo<hi<=1 and type(lo) is float
    assert bootstrap(y, s, n=200) == bootstrap(y, s*.5+.25, n=200)                      # not whole: never mistaken
    with pytest.raises(ValueError, match='binary predictions'): bootstrap(y, s>0)
    with pytest.raises(ValueError, match='binary predictions'): auroc(y, np.minimum(s, 1))

def test_summary_is_floats_for_json():
    y,s = sample()
    r = summary(torch.tensor(y), torch.tensor(s, requires_grad=True))
    assert all(type(v) is float for v in r.values()) and json.loads(json.dumps(r))==r
    assert set(r)=={'auroc','auprc','auprc_trapezoid','base_rate','precision','recall','f1','flagged','fpr95',
                    'best_f1'}
    assert r['flagged']==pytest.approx(r['base_rate']) and summary(y, s, .5)['flagged']==.5
    assert r == pytest.approx(summary(y.tolist(), s.tolist()))

def test_tensors_of_any_dtype():
    y,s = sample()
    for dt in (torch.float16,torch.bfloat16,torch.float32):
        assert auroc(torch.tensor(y).bool(), torch.tensor(s).to(dt)) == pytest.approx(auroc(y, s), abs=.01)

@pytest.mark.parametrize('f', RANKED)
@pytest.mark.parametrize('y,s,why', [
    ([0,1,0,1], [.1,.2,np.nan,.4], 'NaN or infinite'), ([0,1,0,1], [.1,np.inf,.3,.4], 'first in row 1'),
    ([0,1,0,1], [.1,.2,.3], '3 scores for 4 labels'), ([0,1,0,1], [[.1],[.2],[.3],[.4]], 'one number a row'),
    ([0,1,2,1], [.1,.2,.3,.4], 'label 2 in row 2'), ([-1,1,1,1], [.1,.2,.3,.4], 'label -1'),
    ([0,.5,1,1], [.1,.2,.3,.4], 'label 0.5'),
    ([0,0,0,0], [.1,.2,.3,.4], 'all 4 labels are 0'), ([1,1,1,1], [.1,.2,.3,.4], 'all 4 labels are 1'),
    ([], [], 'no rows'),
    ([0,1,0,1], [0,1,1,1], 'balanced accuracy'), ([0,1,0,1], [-1,1,1,1], 'binary predictions'),
    ([0,1,0,1], [True,False,True,True], 'before the threshold')])
def test_bad_input_is_one_clear_line(f, y, s, why):
    with pytest.raises(ValueError) as e: f(np.array(y), np.array(s))
    assert why in str(e.value) and '\n' not in str(e.value)

def test_thresholded_scores_are_refused_for_what_they_are():
    y,s = sample()
    assert skm.roc_auc_score(y, s>1)==pytest.approx(skm.balanced_accuracy_score(y, s>1))  # the report's
    with pytest.raises(ValueError, match='balanced accuracy'): auroc(y, s>1)

def test_coarse_scores_pass():
    y = [0,0,1,1,0]
    checked(y, [.5,.5,1,1,1]); checked(y, [1,1,1,1,1]); checked([0,1], [0,1]); checked(y, [0,1,2,2,1])

@pytest.mark.parametrize('f,bad', [(prf_at,0),(prf_at,1),(prf_at,20),(prf_at,np.nan),(fpr_at,0),(fpr_at,95)])
def test_shares_are_shares(f, bad):
    with pytest.raises(ValueError, match='give the share'): f(*sample(), bad)
