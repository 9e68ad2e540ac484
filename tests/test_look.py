"How the pages look: contrast in both themes, names for who cannot see, colours, motion, print"
import re
import shutil

import pytest
from browser import CONTRAST, Visit, missing
from project import ROOT

MAIN = [f'{name}.html' for name in 'index gan ganomaly api symbols data live scoreboard'.split()]
SHOTS = ROOT/'build/screenshots'
WIDTHS = 1400, 360
AXE = """async only => {
  const rules = only ? {type: 'rule', values: only} : ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']
  const all = {exclude: [['.katex'], ['pre code']]}
  const found = await axe.run(all, {resultTypes: ['violations'], runOnly: rules})
  return found.violations.filter(rule => ['serious', 'critical'].includes(rule.impact))
    .map(rule => [rule.id, rule.nodes.length, rule.nodes[0].html.slice(0, 200), rule.nodes[0].failureSummary])
}"""
INKS = """() => {
  const seen = {}
  for (const word of document.querySelectorAll('main pre code span[class]')) seen[word.className] ??= [
    getComputedStyle(word.closest('pre')).backgroundColor, getComputedStyle(word).color]
  return seen
}"""


@pytest.fixture(scope='session')
def axe():
    "axe-core from npm, fetched once"
    from ganad.site.docs import fetch_package
    fetched = [*(ROOT/'build/npm').glob('axe-core@*')]
    if not fetched and not shutil.which('npm'): missing('npm', 'apt-get install npm')
    folder = fetch_package('axe-core@4.10.3', ROOT/'build/npm', r'axe\.min\.js$')
    return (folder/'axe.min.js').read_text(encoding='utf-8')


def start_demos(visit):
    "What is seen starts, and is looked at too"
    for demo in visit.page.locator('.ganad-live').all():
        demo.scroll_into_view_if_needed()
        visit.page.wait_for_function('demo => demo.dataset.ready', arg=demo.element_handle(), timeout=30_000)
    visit.evaluate('scrollTo(0, 0)')
    return visit.count('.ganad-live')>0


def take_pictures(visit, stem, theme):
    for width in WIDTHS:
        visit.page.set_viewport_size(dict(width=width, height=900))
        visit.page.screenshot(path=SHOTS/f'{stem}_{width}_{theme}.png')
    visit.page.set_viewport_size(dict(width=1400, height=900))


def look_at(visit, path, axe):
    "What axe finds in each theme and on a phone, and how well each kind of word in code can be read"
    has_demos = start_demos(visit)
    visit.evaluate(axe)
    visit.found, visit.contrast = {}, {}
    for theme in 'light', 'dark':
        if theme=='dark':
            visit.page.emulate_media(color_scheme='dark')
            visit.page.wait_for_function("document.documentElement.classList.contains('quarto-dark')")
        only_colours = theme=='dark' and not has_demos               # the rest is the same in both themes
        visit.found[theme] = visit.evaluate(AXE, ['color-contrast'] if only_colours else None)
        for kind, pair in visit.evaluate(INKS).items():
            visit.contrast[theme, kind] = visit.evaluate(CONTRAST, pair)
        if path.name in MAIN: take_pictures(visit, path.stem, theme)
    if has_demos:
        visit.page.set_viewport_size(dict(width=360, height=740))
        visit.found['phone'] = visit.evaluate(AXE, None)
    visit.close()


@pytest.fixture(scope='session')
def looks(docs, serve, chrome, axe):
    "Each page once, in the light theme and then in the dark one; pictures of main pages in build/screenshots"
    shutil.rmtree(SHOTS, ignore_errors=True)
    SHOTS.mkdir(parents=True)
    visits = {}
    for path in sorted(docs.glob('*.html')):
        visit = Visit(chrome, serve(docs), path.name, color_scheme='light', reduced_motion='reduce')
        look_at(visit, path, axe)
        visits[path.name] = visit
    return visits


@pytest.mark.parametrize('theme', ['light', 'dark', 'phone'])
def test_nobody_is_shut_out(looks, theme):
    "No violation of WCAG 2.1 A or AA that axe calls serious or critical"
    assert {page:visit.found[theme] for page, visit in looks.items() if visit.found.get(theme)}=={}


def test_code_can_be_read(looks):
    for page, visit in looks.items():
        pale = {kind:round(ratio, 1) for kind, ratio in visit.contrast.items() if ratio<4.5}
        assert pale=={}, page


def test_pictures_were_taken(looks):
    wanted = {f'{page[:-5]}_{width}_{theme}.png'
              for page in MAIN for width in WIDTHS for theme in ('light', 'dark')}
    assert {path.name for path in SHOTS.glob('*.png')}>=wanted


def test_colours_mean_the_same_in_pages_and_plots():
    from ganad import plots
    styles = (ROOT/'nbs/styles.css').read_text(encoding='utf-8')
    in_pages = dict(re.findall(r'--ganad-(\w+): (#\w{6})', styles))
    for name in 'normal', 'anomalous', 'generated', 'muted':
        assert in_pages[name]==getattr(plots, name.upper())


def test_motion_stops_for_who_asks(docs, serve, chrome):
    for motion, kind in ('reduce', 'png'), ('no-preference', 'webp'):
        visit = Visit(chrome, serve(docs), 'index.html', reduced_motion=motion)
        assert visit.evaluate("document.querySelector('.moving img').currentSrc").endswith(f'learning.{kind}')
        visit.close()
    assert (docs/'images/learning.webp').stat().st_size<400e3


def test_what_scrolls_can_be_reached_and_print_has_no_bars(docs, serve, chrome):
    visit = Visit(chrome, serve(docs), 'gan.html', width=600)
    cut = "[...document.querySelectorAll('main pre')].filter(code => code.scrollWidth>code.clientWidth+1)"
    assert visit.evaluate(f'{cut}.length')>3
    assert visit.evaluate(f'{cut}.every(code => code.tabIndex===0)')
    visit.page.emulate_media(media='print')
    for bar in '#quarto-header', '#quarto-sidebar':
        assert visit.evaluate(f"getComputedStyle(document.querySelector('{bar}')).display")=='none'
    assert visit.evaluate(f'{cut}.length')==0                    # code lines are broken instead
    visit.close()


def test_figures_of_panels_can_be_read_on_a_phone(docs, serve, chrome):
    visit = Visit(chrome, serve(docs), 'gan.html', width=360)
    sizes = visit.evaluate("""[...document.querySelectorAll('main figure:has(.panels)')]
                              .map(figure => [figure.querySelector('img').width, figure.clientWidth])""")
    assert len(sizes)>3
    assert all(image==640 and figure<360 for image, figure in sizes), sizes      # the figure scrolls
    visit.close()


def test_without_scripts_the_text_is_there(docs, serve, chrome):
    visit = Visit(chrome, serve(docs), 'bigan.html', java_script_enabled=False)
    assert 'You will be able to' in visit.page.locator('main .head').inner_text()
    assert visit.count('main img')>5
    visit.close()
