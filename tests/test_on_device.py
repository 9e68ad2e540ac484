"`make gpu` without a GPU: it says what it left out; and its checks, on the CPU, with what they should notice"
import torch
import on_device
import pytest

from ganad.models.bigan import BiGAN


def test_without_the_device_it_says_what_it_left_out_and_ends_well(capsys, monkeypatch):
    monkeypatch.setattr(on_device, 'is_there', lambda device: False)
    assert on_device.main('cuda')==0
    out = capsys.readouterr().out
    assert out.count('\n')==1 and "no device 'cuda' here" in out and 'Nothing was checked' in out
    for part in (*on_device.PARTS, 'speed'): assert part in out


def test_a_device_that_nobody_has_is_not_there():
    assert on_device.is_there('cpu') and not on_device.is_there('cuda:99')


@pytest.mark.filterwarnings('ignore::ganad.detector.PrecisionWarning')
def test_the_same_checks_on_the_cpu(capsys):
    assert on_device.main('cpu', 'bigan', n=128)==0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].split()==['bigan', *'contract ok; resume ok; precision ok; scores ok'.split()]
    assert lines[2].startswith('images a second') and lines[3].startswith('bigan')
    assert not torch.are_deterministic_algorithms_enabled()


def test_scores_of_another_kind_are_noticed(capsys, monkeypatch):
    "As of a device that rounds more"
    score = BiGAN.score_batch
    def rounded(model, x, *arguments, **more):
        found = score(model, x, *arguments, **more)
        return found*(1 + 1e-3) if model.on_gpu else found
    monkeypatch.setattr(BiGAN, 'on_gpu', False, raising=False)
    monkeypatch.setattr(BiGAN, 'score_batch', rounded)
    fitted = on_device.fitted
    def on_gpu(*arguments, **more):
        m = fitted(*arguments, **more)
        m.__dict__['on_gpu'] = True
        return m
    monkeypatch.setattr(on_device, 'fitted', on_gpu)
    monkeypatch.setattr(on_device, 'PARTS', dict(scores=on_device.scores))
    assert on_device.check_all('cpu', ['bigan'])==1
    assert 'scores FAILED (scores differ by' in capsys.readouterr().out
