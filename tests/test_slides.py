"Slides of the lessons: every formula and figure is there, no code is, and they need no network"
import json
import re
import shutil

import pytest
from browser import Visit, missing
from project import NBS, ROOT, notebooks_below

from ganad.site import slides

LESSONS = [path for path in notebooks_below(NBS/'methods') if path.name[0].isdigit()]
IMAGES = NBS/'images'
OVERFLOW = """() => [...document.querySelectorAll('section')]
  .map((slide, i) => [i + 1, slide.scrollWidth - slide.clientWidth, slide.scrollHeight - slide.clientHeight])
  .filter(([_, right, below]) => right > 0 || below > 0)"""


def made(path): return slides.slides(json.loads(path.read_text(encoding='utf-8')), IMAGES)


def story_of(path):
    "A lesson without its exercises and their solutions"
    cells = json.loads(path.read_text(encoding='utf-8'))['cells']
    text = '\n\n'.join(''.join(cell['source']) for cell in cells)
    return text.partition('\n## Exercises\n')[0]


@pytest.mark.parametrize('path', LESSONS, ids=lambda path: path.stem)
def test_every_formula_and_figure_is_there_and_no_code(path):
    pages = made(path)
    by_kind = {kind:[item for page in pages if page.kind==kind for item in page.items]
               for kind in ('formulas', 'figure', 'lines')}
    story = story_of(path)
    assert len(by_kind['formulas'])==len(re.findall(r'\$\$.+?\$\$', story, re.S))
    labels = re.findall(r'^#\|\s*label:\s*fig-', story, re.M) + re.findall(r'\]\(\.\./images/', story)
    assert len(by_kind['figure'])==len(labels)
    assert all(figure['caption'] for figure in by_kind['figure'])
    assert pages[0].kind=='title' and [page.title for page in pages].count('In five lines')==1
    assert len(next(page for page in pages if page.title=='In five lines').items)==5
    html = slides.as_html(pages)
    for sign in ('<pre', '#|', 'import torch', 'assert '): assert sign not in html


def test_an_answer_is_not_on_the_wall():
    html = slides.as_html(made(NBS/'methods/10_gan.ipynb'))
    assert 'Has something gone wrong?' in html and 'Not by that.' not in html
    assert html.index('Has something gone wrong?')<html.index('To look up')


def test_without_npm_formulas_name_their_address(tmp_path, capsys, monkeypatch):
    def no_npm(*_): raise slides.GanadError('npm is missing')
    monkeypatch.setattr(slides, 'fetch_package', no_npm)
    assert slides.main(['10_gan', '--out', str(tmp_path)])==0
    assert 'formulas will need a network: npm is missing' in capsys.readouterr().err
    assert 'src="https://cdn.jsdelivr.net/npm/katex@' in (tmp_path/'10_gan.html').read_text(encoding='utf-8')
    assert slides.main(['11_gan', '--out', str(tmp_path)])==2
    assert "no lesson '11_gan'; there are: 05_which_one_is_odd" in capsys.readouterr().err


@pytest.fixture(scope='module')
def written(tmp_path_factory):
    "The slides of all lessons"
    fetched = (ROOT/'build/npm/katex@0.16.11').exists()
    if not fetched and not shutil.which('npm'): missing('npm', 'apt-get install npm')
    folder = tmp_path_factory.mktemp('slides')
    assert slides.main(['--out', str(folder)])==0
    return folder


@pytest.mark.parametrize('path', LESSONS, ids=lambda path: path.stem)
def test_nothing_is_fetched_and_nothing_is_cut_off(chrome, serve, written, path):
    visit = Visit(chrome, serve(written), f'{path.stem}.html', width=1280)
    visit.page.set_viewport_size(dict(width=1280, height=720))
    assert visit.count('section')==len(made(path))
    assert visit.count('.katex-display')==len(re.findall(r'\$\$.+?\$\$', story_of(path), re.S))
    assert visit.count('.katex-error')==0
    assert visit.evaluate(OVERFLOW)==[]
    assert visit.evaluate('[...document.images].every(image => image.naturalWidth && image.height > 100)')
    visit.close_clean()


def test_arrow_keys_turn_the_pages(chrome, serve, written):
    visit = Visit(chrome, serve(written), '10_gan.html', width=1280)
    def at(): return round(visit.evaluate('scrollY/innerHeight'))
    presses = ('ArrowRight', 1), ('PageDown', 2), ('ArrowLeft', 1), ('ArrowLeft', 0), ('ArrowLeft', 0)
    for key, place in presses:
        visit.page.keyboard.press(key)
        visit.page.wait_for_function(f'Math.round(scrollY/innerHeight)=={place}')
        assert at()==place
    visit.close_clean()
