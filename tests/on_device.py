"""What a GPU has to keep: `python tests/on_device.py [DEVICE] [METHOD …]`, or `make gpu`.

On the device, for every method that is trained in steps: the contract, a training that is stopped and goes
on, bfloat16, and scores beside those of the CPU; then images a second. Where there is no such device it says
what it left out, and ends well: no GPU is no fault of the project. With DEVICE `cpu` the same checks run
there, which is what `test_on_device.py` does.
"""
import os
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')         # else the same seed is another training
import torch
from ganad.contract import CHECKS, toy_rows, trained
from ganad.core import set_seed
from ganad.detector import detectors, has_bf16, load_model, save_model

IMAGE = (1, 16, 16)
LARGEST_DIFFERENCE = 1e-4                                           # of scores, against the largest one
STEPPED = {'each_loss_moves_its_player', 'a_cycle_critic_sees_its_own_row'}     # want rows on the device
ON_ONE_DEVICE = {'saves_and_loads'}         # is exact, and loads onto the CPU: `scores` allows for rounding


def fitted(name, device, epochs=2, **more):
    "A method, trained on toy images"
    set_seed(1)
    m = detectors()[name](IMAGE)
    known = dict(known=toy_rows(IMAGE, 64, seed=3, odd=True)) if m.labelled else {}
    return m.fit(toy_rows(IMAGE, 128), epochs=epochs, device=device, progress=False, **{**known, **more})


def contract(name, device):
    "Every promise of the contract, that of gradients among them"
    t = trained(detectors()[name], IMAGE, epochs=40 if device!='cpu' else 4)
    t.m.to(device)
    t.fit['device'] = device
    on_cpu = t.make
    def make(): return on_cpu().to(device)
    for promise in CHECKS:
        if promise.__name__ in ON_ONE_DEVICE: continue
        if device=='cpu' and promise.__name__=='higher_is_more_anomalous': continue      # has its own test
        x = t.x.to(device) if promise.__name__ in STEPPED else t.x
        promise(replace(t, x=x, make=make))


def resume(name, device):
    "A training that was stopped goes on to the same weights"
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = Path(folder)/'c.pt'
        fitted(name, device, epochs=2, checkpoint=checkpoint)
        again = fitted(name, device, epochs=4, checkpoint=checkpoint).state_dict()
    whole = fitted(name, device, epochs=4).state_dict()
    differs = [key for key in whole if not torch.equal(whole[key], again[key])]
    assert not differs, f"other weights: {', '.join(differs[:3])}"


def precision(name, device):
    "In bfloat16 the first losses are nearly those of fp32, and weights and scores are fp32"
    single, half = (fitted(name, device, epochs=1, precision=kind) for kind in ('fp32', 'bf16'))
    for player, losses in single.history.items():
        difference = abs(losses[0] - half.history[player][0])
        assert difference<=.02*abs(losses[0]) + .02, f'loss {player!r} is off by {difference}'
    kept = {value.dtype for value in half.state_dict().values() if value.is_floating_point()}
    assert kept=={torch.float32} and half.score(toy_rows(IMAGE, 8)).dtype==torch.float32
    assert half.precision=='bf16'


def scores(name, device):
    "A model of this device, loaded on the CPU, gives the same scores"
    m = fitted(name, device)
    rows = toy_rows(IMAGE, 64, seed=5)
    with tempfile.TemporaryDirectory() as folder:
        path = save_model(m, Path(folder)/'m.safetensors')
        loaded = load_model(path, type(m))
    here, there = loaded.score(rows), m.score(rows)
    difference = ((here-there).abs().max()/here.abs().max()).item()
    assert difference<=LARGEST_DIFFERENCE, f'scores differ by {difference:.1e} of the largest'


PARTS = dict(contract=contract, resume=resume, precision=precision, scores=scores)


def images_a_second(name, device, kind, n=2048):
    set_seed(0)
    m = detectors()[name]((1, 32, 32))
    x = torch.rand(n, 1, 32, 32)*2 - 1
    known = dict(known=x[:64]) if m.labelled else {}
    fit = dict(device=device, precision=kind, progress=False, **known)
    m.fit(x[:128], epochs=1, **fit)                                 # the first steps are slower
    began = time.perf_counter()
    m.fit(x, epochs=1, **fit)
    if device.startswith('cuda'): torch.cuda.synchronize()
    return n/(time.perf_counter()-began)


def speed(device, names, n=2048):
    "Images a second of a training on 32×32, batch 64"
    kinds = ['fp32', 'bf16'] if has_bf16(torch.device(device)) else ['fp32']
    columns = [*(f'{device} {kind}' for kind in kinds), 'cpu fp32']
    print('images a second'.ljust(20), *(column.rjust(14) for column in columns))
    for name in names:
        rates = [images_a_second(name, device, kind, n) for kind in kinds]
        rates.append(images_a_second(name, 'cpu', 'fp32', min(n, 512)))
        print(name.ljust(20), *(f'{rate:14,.0f}' for rate in rates))


def is_there(device):
    try: torch.zeros(1, device=device)
    except (RuntimeError, AssertionError, NotImplementedError): return False
    return True


def check_all(device, names)->int: # What failed
    "A line for each method: what it keeps, and what it does not"
    failed = 0
    for name in names:
        outcomes = []
        for part, check in PARTS.items():
            try: check(name, device)
            except (AssertionError, RuntimeError, ValueError) as error:       # the others are worth a look
                failed += 1
                outcomes.append(f'{part} FAILED ({str(error).splitlines()[0]})')
            else: outcomes.append(f'{part} ok')
        print(f"{name:20} {'; '.join(outcomes)}", flush=True)
    return failed


def main(device='cuda', *names, n=2048)->int: # Exit code
    if not is_there(device):
        parts = ', '.join([*PARTS, 'speed'])
        print(f"There is no device {device!r} here. Left out: {parts}. Nothing was checked.")
        return 0
    torch.use_deterministic_algorithms(True, warn_only=True)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    names = names or tuple(name for name, cls in detectors().items() if not cls.once and not cls.baseline)
    about = torch.cuda.get_device_name(device) if device.startswith('cuda') else device
    print(f'{about}, PyTorch {torch.__version__}')
    failed = check_all(device, names)
    torch.use_deterministic_algorithms(False)
    speed(device, names, n)
    if failed: print(f'{failed} checks failed', file=sys.stderr)
    return int(failed>0)


if __name__=='__main__': sys.exit(main(*sys.argv[1:]))
