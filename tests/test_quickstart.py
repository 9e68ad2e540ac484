"What the README shows first runs as it is printed"
import re
import shlex

import numpy as np
import pandas as pd
import pytest
from project import ROOT

from ganad.cli import main

README = (ROOT/'README.md').read_text(encoding='utf-8')


@pytest.fixture
def place(tmp_path, monkeypatch):
    "A folder with the two files that the README speaks of; the last row to score is odd"
    rng = np.random.default_rng(0)
    kinds = np.where(rng.random(300) < .5, 'a', 'b')
    train = pd.DataFrame(dict(kind=kinds, x=rng.normal(size=300), y=rng.normal(size=300)))
    odd = pd.DataFrame(dict(kind=['a'], x=[9.], y=[-9.]))
    train.to_csv(tmp_path/'train.csv', index=False)
    pd.concat([train[:40], odd]).to_csv(tmp_path/'test.csv', index=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr('ganad.estimator.estimator.STEPS', 100)      # of 2,000, to spare the wait
    return tmp_path


def block(language, word):
    blocks = re.findall(rf'^``` ?{language}\n(.*?)^```', README, re.M | re.S)
    found = [text for text in blocks if word in text]
    assert found, f'no {language} block with {word} in the README'
    return found[0]


def test_seven_lines_of_python(place, capsys):
    "A baseline and a GAN, side by side; both name the odd row"
    code = block('python', 'ALADDetector')
    assert len(code.splitlines()) == 7
    names = {}
    exec(code, names)
    assert names['rows'].score.argmax() == 40 and names['rows'].flag.iloc[40]
    baseline, gan = capsys.readouterr().out.split('ALADDetector')
    assert 'KNNDetector' in baseline and all('-9.0' in printed for printed in (baseline, gan))


def test_three_commands(place):
    lines = [line for line in block('text', 'ganad fit').splitlines() if line.startswith('ganad ')]
    assert len(lines) == 3
    for line in lines:
        with pytest.raises(SystemExit) as end: main(shlex.split(line.split('#')[0])[1:])
        assert end.value.code == 0
    assert pd.read_csv('scores.csv').score.argmax() == 40
    assert (place/'report.html').read_text().endswith('</html>')


def test_quick_start_prints_what_stands_below_it(tmp_path, monkeypatch, capsys):
    "On any kind of processor: so the README prints no digit that depends on one"
    monkeypatch.chdir(tmp_path)
    sections = re.findall(r'^## (?:Quick start|Your own arrays)\n(.*?)^## ', README, re.M | re.S)
    blocks = re.findall(r'^```python\n(.*?)^```\n(?:\n((?:    [^\n]+\n)+))?', ''.join(sections), re.M | re.S)
    assert sum(bool(printed) for _, printed in blocks) == 3
    assert 'KNN' in blocks[1][0] and 'ALICE' in blocks[1][0]               # no GAN without a baseline
    names = {}
    for code, printed in blocks:
        exec(code, names)
        assert capsys.readouterr().out == printed.replace('    ', ''), code


def test_the_readme_says_how_to_try_it_and_how_to_check_it():
    for command in ('make demo', 'make test'): assert re.search(rf'^{command} ', README, re.M)


def test_the_readme_is_plain_markdown_whose_links_lead_somewhere():
    "In a viewer that knows nothing of the site; the first heading says how to get the project"
    text = re.sub(r'^```.*?^```$|`[^`\n]+`', '', README, flags=re.M | re.S)
    assert re.findall(r'</?(?:div|span|picture|source|img|a|button)\b', text) == []
    links = [link for link in re.findall(r'\]\(([^)\s]+)\)', text) if not re.match('[a-z]+:', link)]
    assert len(links) > 15
    assert [link for link in links if link[0] != '#' and not (ROOT/link.partition('#')[0]).exists()] == []
    assert re.findall(r'^## (.+)$', README, re.M)[0] == 'Get it'
    assert 'stands here' not in README and 'download:' not in README
