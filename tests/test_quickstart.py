"What the README shows first runs as it is printed"
import re, shlex
from pathlib import Path
import numpy as np
import pandas as pd
import pytest
from ganad.cli import main

README = (Path(__file__).parents[1]/'README.md').read_text(encoding='utf-8')


@pytest.fixture
def place(tmp_path, monkeypatch):
    "A folder with the two files that the README speaks of; the last row to score is odd"
    r = np.random.default_rng(0)
    t = pd.DataFrame(dict(kind=np.where(r.random(300) < .5, 'a', 'b'), x=r.normal(size=300), y=r.normal(size=300)))
    t.to_csv(tmp_path/'train.csv', index=False); pd.concat([t[:40], pd.DataFrame(dict(kind=['a'], x=[9.], y=[-9.]))]).to_csv(tmp_path/'test.csv', index=False)
    monkeypatch.chdir(tmp_path); monkeypatch.setattr('ganad.estimator.STEPS', 100)      # of 2,000, to spare the reader of tests the wait
    return tmp_path


def block(language, word):
    found = [b for b in re.findall(rf'^``` ?{language}\n(.*?)^```', README, re.M | re.S) if word in b]
    assert found, f'no {language} block with {word} in the README'
    return found[0]


def test_six_lines_of_python(place, capsys):
    code = block('python', 'ALADDetector'); assert len(code.splitlines()) == 6
    ns = {}; exec(code, ns)
    assert ns['rows'].score.argmax() == 40 and ns['rows'].flag.iloc[40] and '-9.0' in capsys.readouterr().out


def test_three_commands(place):
    lines = [l for l in block('text', 'ganad fit').splitlines() if l.startswith('ganad ')]; assert len(lines) == 3
    for l in lines:
        with pytest.raises(SystemExit) as e: main(shlex.split(l.split('#')[0])[1:])
        assert e.value.code == 0
    assert pd.read_csv('scores.csv').score.argmax() == 40 and (place/'report.html').read_text().endswith('</html>')
