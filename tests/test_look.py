"How the pages look: contrast and names for who cannot see them in both themes, colours, motion, print, pictures of the main pages"
import json, re, shutil
import pytest
from project import NOTEBOOKS, ROOT
from test_site import FLAGS, RATIO, Visit, chrome, docs, katex, missing, serve     # noqa: F401 (fixtures)

MAIN = 'index.html', 'gan.html', 'ganomaly.html', 'api.html', 'symbols.html', 'data.html', 'live.html', 'scoreboard.html'
AXE = """async only => (await axe.run({exclude: [['.katex'],['pre code']]}, {resultTypes: ['violations'],
  runOnly: only ? {type: 'rule', values: only} : ['wcag2a','wcag2aa','wcag21a','wcag21aa']})).violations
  .filter(v => ['serious','critical'].includes(v.impact)).map(v => [v.id, v.nodes.length, v.nodes[0].html.slice(0, 200), v.nodes[0].failureSummary])"""
INKS = """() => { const seen = {}; document.querySelectorAll('main pre code span[class]').forEach(e => seen[e.className] ??= [
  getComputedStyle(e.closest('pre')).backgroundColor, getComputedStyle(e).color]); return seen }"""

@pytest.fixture(scope='session')
def axe():
    "axe-core from npm, fetched once"
    from ganad.site import docs as d
    d.KEEP.setdefault('axe-core', r'axe\.min\.js$')
    if not [*(ROOT/'build/npm').glob('axe-core@*')] and not shutil.which('npm'): missing('npm', 'apt-get install npm')
    return (d.vendor('axe-core@4.10.3', ROOT/'build/npm')/'axe.min.js').read_text(encoding='utf-8')

@pytest.fixture(scope='session')
def looks(docs, serve, chrome, axe):
    "Each page once, in the light theme and then in the dark one; pictures of the main pages go into build/screenshots"
    base,to,seen = serve(docs),ROOT/'build/screenshots',{}
    shutil.rmtree(to, ignore_errors=True); to.mkdir(parents=True)
    for p in sorted(docs.glob('*.html')):
        v = seen[p.name] = Visit(chrome, base, p.name, color_scheme='light', reduced_motion='reduce')     # nothing half-way
        for demo in v.page.locator('.ganad-live').all():                                # what is seen starts, and is looked at too
            demo.scroll_into_view_if_needed(); v.page.wait_for_function("e => e.dataset.ready", arg=demo.element_handle(), timeout=30_000)
        v.page.evaluate(axe); v.page.evaluate('scrollTo(0, 0)')
        v.found,v.inks = {},{}
        for theme in 'light','dark':
            if theme=='dark':
                v.page.emulate_media(color_scheme='dark')
                v.page.wait_for_function("document.documentElement.classList.contains('quarto-dark')")
            brief = theme=='dark' and not v.page.locator('.ganad-live').count()
            v.found[theme] = v.page.evaluate(AXE, ['color-contrast'] if brief else None)
            v.inks[theme] = v.page.evaluate(INKS)
            for w in (1400,360) if p.name in MAIN else ():
                v.page.set_viewport_size(dict(width=w, height=900))
                v.page.screenshot(path=to/f'{p.stem}_{w}_{theme}.png')
            v.page.set_viewport_size(dict(width=1400, height=900))
        if v.page.locator('.ganad-live').count():
            v.page.set_viewport_size(dict(width=360, height=740)); v.found['phone'] = v.page.evaluate(AXE, None)
        v.ratio = lambda pair, page=v.page: page.evaluate(RATIO, pair)
        v.code = {(t,c):v.ratio(pair) for t,i in v.inks.items() for c,pair in i.items()}
        v.page.close()
    return seen

@pytest.mark.parametrize('theme', ['light','dark','phone'])
def test_nobody_is_shut_out(looks, theme):
    "No violation of WCAG 2.1 A or AA that axe calls serious or critical"
    assert {n:f for n,v in looks.items() if (f := v.found.get(theme))}=={}

def test_code_can_be_read(looks):
    assert {n:low for n,v in looks.items() if (low := {k:round(r, 1) for k,r in v.code.items() if r<4.5})}=={}

def test_pictures_were_taken(looks):
    assert {p.name for p in (ROOT/'build/screenshots').glob('*.png')}>={f'{n[:-5]}_{w}_{t}.png' for n in MAIN for w in (360,1400) for t in ('light','dark')}

def test_colours_mean_the_same_in_pages_and_plots():
    from ganad import plots
    said = dict(re.findall(r'--ganad-(\w+): (#\w{6})', (ROOT/'nbs/styles.css').read_text(encoding='utf-8')))
    assert {k:said[k] for k in ('normal','anomalous','generated','muted')}=={k:getattr(plots, k.upper()) for k in ('normal','anomalous','generated','muted')}

def test_motion_stops_for_who_asks(docs, serve, chrome):
    base = serve(docs)
    for motion,ext in ('reduce','png'),('no-preference','webp'):
        v = Visit(chrome, base, 'index.html', reduced_motion=motion)
        assert v.page.evaluate("document.querySelector('.moving img').currentSrc").endswith(f'learning.{ext}')
        v.page.close()
    assert (docs/'images/learning.webp').stat().st_size<400e3

def test_what_scrolls_can_be_reached_and_print_has_no_bars(docs, serve, chrome):
    v = Visit(chrome, serve(docs), 'gan.html', width=600)
    cut = "[...document.querySelectorAll('main pre')].filter(e => e.scrollWidth>e.clientWidth+1)"
    assert v.page.evaluate(f'{cut}.length')>3 and v.page.evaluate(f'{cut}.every(e => e.tabIndex===0)')
    v.page.emulate_media(media='print')
    shown = "getComputedStyle(document.querySelector('{}')).display"
    assert [v.page.evaluate(shown.format(s)) for s in ('#quarto-header','#quarto-sidebar')]==['none']*2
    assert v.page.evaluate(f'{cut}.length')==0                                    # code lines are broken instead
    v.page.close()

def test_figures_of_panels_can_be_read_on_a_phone(docs, serve, chrome):
    v = Visit(chrome, serve(docs), 'gan.html', width=360)
    sizes = v.page.evaluate("[...document.querySelectorAll('main figure:has(.panels)')].map(f => [f.querySelector('img').width, f.clientWidth])")
    assert len(sizes)>3 and all(i==640 and f<360 for i,f in sizes), sizes          # the figure scrolls, its caption does not
    v.page.close()

def test_without_scripts_the_text_is_there(docs, serve, chrome):
    v = Visit(chrome, serve(docs), 'bigan.html', java_script_enabled=False)
    assert 'You will be able to' in v.page.locator('main .head').inner_text() and v.page.locator('main img').count()>5
    v.page.close()
