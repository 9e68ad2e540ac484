"Trainings and scores in threads of one process: the same as alone, and nobody else's numbers change"
import os
import pickle
import random
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from ganad.core import set_seed
from ganad.detector import detectors
from ganad.estimator import estimators, load

X = np.random.default_rng(0).normal(size=(120, 4))
KNOWN = np.arange(120)%10==0
PICTURES = np.random.default_rng(0).integers(0, 255, (40, 8, 8)).astype('u1')


def fitted(name, x=X, **settings):
    return estimators()[name](epochs=3, random_state=1, **settings).fit(x, KNOWN[:len(x)])


def at_once(*tasks):
    "What functions return that begin together"
    start = threading.Barrier(len(tasks))
    def run(task):
        start.wait()
        return task()
    with ThreadPoolExecutor(len(tasks)) as threads: return [*threads.map(run, tasks)]


def states():
    return torch.get_rng_state().tolist(), np.random.get_state()[1].tolist(), random.getstate()


@pytest.mark.parametrize('name', detectors())
def test_the_same_seed_in_threads_is_the_same_model(name):
    alone = fitted(name).anomaly_score(X)
    before = states()
    def task(): return fitted(name, false_alarms=.1)
    for e in at_once(task, task, task):
        assert np.array_equal(e.anomaly_score(X), fitted(name, false_alarms=.1).anomaly_score(X))
    for e in at_once(lambda: fitted(name), lambda: fitted('bigan')): e.predict(X)
    assert np.array_equal(fitted(name).anomaly_score(X), alone)
    assert states()==before


@pytest.mark.parametrize('x', [X, PICTURES], ids=['table', 'pictures'])
@pytest.mark.parametrize('name', detectors())
def test_threads_may_score_with_one_model(name, x):
    e = fitted(name, x, **(dict(starts=1, tries=8, steps=5) if name=='anogan' else {}))
    scores = e.anomaly_score(x)
    weights = {key: value.clone() for key, value in e.detector_.scorer.state_dict().items()}
    def task(): return e.anomaly_score(x)
    for _ in range(3):
        for found in at_once(*[task]*4): assert np.array_equal(found, scores)
    after = e.detector_.scorer.state_dict()
    assert all(value.dtype==after[key].dtype for key, value in weights.items())
    assert all(torch.equal(value, after[key]) for key, value in weights.items())


def test_threads_may_score_with_one_bare_anogan():
    set_seed(0)
    x = torch.tensor(X, dtype=torch.float32)
    m = detectors()['anogan'](4, steps=5, tries=8).fit(x, epochs=1)
    scores = m.score(x)
    for found in at_once(*[lambda: m.score(x)]*4): assert torch.equal(found, scores)
    assert {value.dtype for value in m.state_dict().values() if value.is_floating_point()}=={torch.float32}


def test_opening_a_model_disturbs_no_training(tmp_path):
    path = fitted('alad').save(tmp_path/'m.safetensors')
    copied = pickle.dumps(fitted('anogan'))
    want = fitted('bigan', X[:100], batch_size=2).anomaly_score(X)
    done = threading.Event()
    def train():
        try: return fitted('bigan', X[:100], batch_size=2).anomaly_score(X)
        finally: done.set()
    def opened():
        count = 0
        while not done.is_set():
            load(path)
            pickle.loads(copied)
            count += 1
        return count
    scores, count = at_once(train, opened)
    assert np.array_equal(scores, want)
    assert count


@pytest.mark.parametrize('name', detectors())
def test_opening_a_model_draws_no_number_of_others(tmp_path, name):
    path = fitted(name).save(tmp_path/'m.safetensors')
    before = states()
    load(path)
    assert states()==before


def test_seedless_trainings_take_turns_too():
    def task(): return estimators()['gan'](epochs=2).fit(X).anomaly_score(X)
    first, second, third = at_once(task, lambda: fitted('bigan').anomaly_score(X), task)
    assert not np.array_equal(first, third)
    assert np.array_equal(second, fitted('bigan').anomaly_score(X))


@pytest.mark.skipif(not hasattr(os, 'fork'), reason='no fork on this system')
@pytest.mark.filterwarnings('ignore:.*fork')
def test_a_fork_beside_a_training_can_train(monkeypatch):
    from ganad.estimator._fitted import seeded
    inside, leave = threading.Event(), threading.Event()
    def hold():
        with seeded(0):
            inside.set()
            leave.wait(60)
    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait(60)
    child = os.fork()
    if not child:
        with seeded(0): os._exit(7)
    leave.set()
    holder.join()
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])==7


def without_gradients(): return torch.no_grad()
def inference(): return torch.inference_mode()
def half_precision(): return torch.autocast('cpu', dtype=torch.bfloat16)


@pytest.mark.parametrize('mode', [without_gradients, inference, half_precision])
@pytest.mark.parametrize('name', ['egbad', 'anogan'])
def test_what_holds_around_an_estimator_changes_nothing(name, mode, tmp_path):
    alone = fitted(name)
    scores = alone.anomaly_score(X)
    path = alone.save(tmp_path/'m.safetensors')
    with mode():
        np.testing.assert_array_equal(fitted(name).anomaly_score(X), scores)
        np.testing.assert_array_equal(load(path).anomaly_score(X), scores)
