"""Forged model files: whole, with a valid digest, and wrong

Each forged file is refused in one line, or its model is the one that was saved: no traceback, no other score.
What is forged are bytes, words of the
header (another type, out of range, missing, too many, in another order) and tensors (another type, shape or
order, a value that is not finite, missing, too many, two that changed places). A word whose value is as
plausible as the old one (the threshold, numbers of rows, a version) may change what a model says of itself,
but never a score. The look-up table is left out: its arrays are digests, and any others are as plausible.
"""
import json
import traceback

import numpy as np
import pandas as pd
import torch
from damage import Mistake, pick
from PIL import Image
from safetensors.torch import load_file, save_file
from said import run_command

from ganad.core import GanadError
from ganad.detector import read_tensors
from ganad.estimator import estimators, load
from ganad.estimator._modelfile import fingerprint

CHEAP = dict(anogan=dict(steps=2, tries=8, starts=1), isolationforest=dict(trees=5))
ODD = [None, True, False, 0, 1, -1, 2, 7, 1.5, 1e300, 10**12, 10**400, '', 'x', 'true',
       [], [1], [None], ['x'], [[1, 2]], {}, dict(a=1)]
DTYPES = [torch.float16, torch.bfloat16, torch.float32, torch.float64, torch.int64, torch.int32, torch.uint8,
          torch.bool]


def table(n=60):
    rng = np.random.default_rng(0)
    words = rng.choice(['x', 'y', 'z'], n)
    return pd.DataFrame(dict(a=rng.normal(size=n), b=rng.normal(9, 4, n), c=words, d=5.))


def with_new_values(x):
    "Every third row of a table has a word or a change that training never saw"
    return x.assign(c=np.where(np.arange(len(x))%3, x.c, 'new'), d=np.where(np.arange(len(x))%4, 5., 6.))


def pictures(): return np.random.default_rng(0).random((16, 8, 8))


def files_of(folder):
    "A table and a folder of pictures as files, and what the command line keeps of their like: kind → both"
    with_new_values(table()).to_csv(folder/'table.csv', index=False)
    (folder/'pictures').mkdir()
    for i, x in enumerate(pictures()):
        Image.fromarray((255*x).astype('u1')).save(folder/'pictures'/f'{i}.png')
    table().to_csv(folder/'train.csv', index=False)
    found = {}
    for kind, train, name in ('table', 'train.csv', 'table.csv'), ('images', 'pictures', 'pictures'):
        run_command('fit', folder/train, '--save', folder/'m', '--method', 'pca')
        found[kind] = folder/name, dict(load(folder/'m').extra_)
    return found


def originals(folder):
    "Models of every method, of a table and of pictures: (path, rows, scores, file of rows)"
    found = []
    files = files_of(folder)
    for name, cls in estimators().items():
        if name=='lookup': continue
        for x in (table(), pictures()):
            known = np.arange(len(x))%5==0
            e = cls(epochs=1, random_state=0, false_alarms=.4, holdout=.3, **CHEAP.get(name, {}))
            e.fit(x, known)
            path = folder/f'{name}{np.ndim(x)}.safetensors'
            file, extra = files[e.prep_.kind]
            e.save(path, **extra)
            if e.prep_.kind=='table': x = with_new_values(x)
            found.append((path, x, e.anomaly_score(x), file))
    return found


def words(value, path=()):
    "Paths to all words of a header"
    if isinstance(value, dict): pairs = value.items()
    elif isinstance(value, list): pairs = enumerate(value)
    else: pairs = ()
    for key, inner in pairs:
        yield (*path, key)
        yield from words(inner, (*path, key))


def change_word(rng, header, state):
    "Another value for a word; or it is missing, doubled, or in another order"
    *path, last = pick(rng, [*words(header)])
    place = header
    for key in path: place = place[key]
    how = rng.integers(5)
    if how==0: del place[last]
    elif how==1 and isinstance(place, list): place.insert(last, place[last])
    elif how==2 and isinstance(place[last], list): place[last].reverse()
    elif how==3 and type(place[last]) in (int, float): place[last] *= pick(rng, [-1, 1e-3, 1e3, 1e30, .5, 3])
    else: place[last] = pick(rng, ODD)


def change_what_is_worth(rng, header, state):
    "What a new value is worth, or what rows are compared with: absent from a model of pictures"
    prep, extra = header['prep'], header['extra']
    place, name = pick(rng, [(prep, 'worth'), (prep, 'lowest'), (prep, 'constant'), (extra, 'usual'),
                             (extra, 'pictures'), (extra, 'normal_is'), (extra, 'baseline'), (extra, 'card'),
                             (header['settings'], 'holdout')])
    place[name] = pick(rng, [[], {}, -1, 1e308, None, 'x', [-1.]*4, [1e308]*4, [0.]*4, [0], [1], [3],
                             dict(x=1), dict(mean=[0.], deviation=[0.]), dict(levels={'8':[0, 0]}, pad=1)])


def add_word(rng, header, state):
    place = pick(rng, [header, header['settings'], header['prep'], header['extra']])
    place[pick(rng, ['evil', 'nets', 'kind', 'shape', 'values', 'method'])] = pick(rng, ODD)


def swap_method(rng, header, state): header['method'] = pick(rng, [*estimators(), 'os.system', '', 'ALAD'])


def change_tensor(rng, header, state):
    "Another type, shape, order or value of a tensor; or it is missing, or one more"
    name = pick(rng, [*state])
    tensor = state[name]
    how = rng.integers(9)
    if how==0: del state[name]
    elif how==1: state[name + pick(rng, ['x', '.0', '.weight'])] = tensor.clone()
    elif how==2: state[name] = tensor.to(pick(rng, DTYPES))
    elif how==3: state[name] = tensor.reshape(-1)
    elif how==4: state[name] = tensor[None].clone()
    elif how==5: state[name] = tensor[:0].clone() if tensor.ndim else tensor
    elif how==6 and tensor.is_floating_point() and tensor.numel():
        state[name] = tensor.clone()
        state[name].view(-1)[int(rng.integers(tensor.numel()))] = pick(rng, [np.nan, np.inf, -np.inf, 1e30])
    elif how==7 and tensor.ndim: state[name] = tensor.flip(0)
    else: state[name] = torch.cat([tensor.reshape(-1)]*2)


def swap_tensors(rng, header, state):
    a, b = pick(rng, [*state]), pick(rng, [*state])
    state[a], state[b] = state[b].clone(), state[a].clone()


FORGERS = [change_word, change_word, change_what_is_worth, change_tensor]*4
FORGERS += [add_word, swap_method, swap_tensors]


def forge(rng, path, forged):
    "A file like that of `path`, but for one thing; which it was"
    if rng.random()<.1:
        data = bytearray(path.read_bytes())
        data[int(rng.integers(len(data)))] ^= 1<<int(rng.integers(8))
        forged.write_bytes(data)
        return 'a bit'
    header, _ = read_tensors(path, weights=False)
    state = load_file(path)
    del header['digest']
    before = json.dumps(header)
    how = pick(rng, FORGERS)
    shapes = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in state.items()}
    how(rng, header, state)
    now = {name: (tensor.dtype, tuple(tensor.shape)) for name, tensor in state.items()}
    change = dict(before=before, now=json.dumps(header), tensors=dict({*now.items()} ^ {*shapes.items()}))
    if change['before']==change['now']: change = change['tensors']
    header['digest'] = fingerprint(header, state)
    save_file({name: tensor.contiguous() for name, tensor in state.items()}, forged,
              dict(ganad=json.dumps(header)))
    return f'{how.__name__}: {change}'


class Models:
    "Forged model files of every method"
    name = 'model'

    def __init__(self, folder):
        self.originals = originals(folder)
        self.forged = folder/'forged.safetensors'

    def check(self, rng):
        "Verdict on one forged file, and what was forged"
        path, *known = pick(rng, self.originals)
        how = forge(rng, path, self.forged)
        with_page = 'word' in how and rng.random()<.5
        about = f'{path.stem} {how}'
        try: return self.judge(*known, with_page), about, ''
        except Mistake as mistake: return mistake.verdict, about, mistake.detail
        except Exception: return 'traceback', about, traceback.format_exc(limit=-3)

    def judge(self, x, scores, file, with_page):
        "'refused' or 'equal'"
        run_command('info', self.forged)
        try: e = load(self.forged)
        except GanadError as error:
            if len(str(error).splitlines())==1: return 'refused'
            raise Mistake('traceback', 'load: more than a line') from error
        found = e.anomaly_score(x)
        slack = (3e-4 if e.prep_.kind=='table' else .03)*np.abs(scores).max()    # what rounding may do
        if np.abs(found-scores).max()>slack: raise Mistake('other', 'scores')
        if e.prep_.kind=='table': e.explain(x[:2])
        if hasattr(e, 'threshold_'): e.predict(x[:2])
        if e.calibrated_: e.p_values(x[:2])
        commands = ['score', 'out.csv'], *([['report', 'out.html']] if with_page else [])
        for command, out in commands:
            run_command(command, file, '--model', self.forged, '--out', self.forged.with_name(out))
        return 'equal'
