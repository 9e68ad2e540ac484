"The demos of the page Live, driven in a real browser, and their numbers beside PyTorch's"
import json
import re

import jinja2
import numpy as np
import pytest
import torch
from browser import Visit
from project import NBS, ROOT

from ganad import metrics
from ganad.core import DataError, set_seed
from ganad.data import OneClass, load
from ganad.losses import fake_loss
from ganad.models.gan import GAN
from ganad.site import live

DEMOS = 'playground', 'latent', 'pick', 'search', 'threshold'
ADDRESS = '**/demo.html*'


def page_with(*names, **options):
    "A bare page of demos"
    template = (ROOT/'tests/live.html.j2').read_text(encoding='utf-8')
    return jinja2.Template(template, autoescape=True).render(names=names, **options)


class Demo:
    "Demos on a bare page that allows no script but those of its own host, and no eval"
    def __init__(self, chrome, base, *names, width=800, style='', asked='', **options):
        self.html = page_with(*names, own_host_only=True, style=style)
        self.base = base
        self.errors = []
        self.foreign = []
        self.page = chrome.new_page(viewport=dict(width=width, height=900), **options)
        self.page.on('pageerror', lambda error: self.errors.append(str(error)))
        self.page.on('console', self.said)
        self.page.route('**/*', self.route)
        self.page.goto(base + f'demo.html{asked}')
        for name in names:
            self.page.locator(f'[data-demo={name}]').scroll_into_view_if_needed()
            self.page.wait_for_selector(f'[data-demo={name}][data-ready]', timeout=20000)

    def said(self, message):
        if message.type=='error': self.errors.append(message.text)

    def route(self, route):
        address = route.request.url
        if address.split('?')[0].endswith('/demo.html'):
            return route.fulfill(body=self.html, content_type='text/html')
        if address.startswith((self.base, 'data:')): return route.continue_()
        self.foreign.append(address)
        route.abort()

    def js(self, script, argument=None): return self.page.evaluate(script, argument)
    def state(self, name, what): return self.js(f'ganadLive.mounted.{name}.{what}')
    def box(self, name): return self.page.locator(f'[data-demo={name}]')
    def line(self, name): return self.page.locator(f'[data-demo={name}] .gl-say').inner_text()

    def until(self, script, argument=None):
        "Wait for something to be true; Playwright's own way needs eval, which these pages forbid"
        for _ in range(400):
            if self.js(script, argument): return
            self.page.wait_for_timeout(50)
        pytest.fail(f'never true: {script}')

    def drag(self, locator, *points, steps=2):
        "Press at the first point (shares of the box), move over the others, release"
        locator.scroll_into_view_if_needed()
        box = locator.bounding_box()
        places = [(box['x'] + x*box['width'], box['y'] + y*box['height']) for x, y in points]
        self.page.mouse.move(*places[0])
        self.page.mouse.down()
        for place in places[1:]: self.page.mouse.move(*place, steps=steps)
        self.page.mouse.up()

    def slide(self, name, label, key, times=1):
        "Move a range by keys, as somebody without a mouse does; its value then"
        control = self.box(name).get_by_label(label, exact=True)
        control.focus()
        for _ in range(times): self.page.keyboard.press(key)
        return float(control.input_value())

    def close(self):
        self.page.close()
        assert self.errors==self.foreign==[]


@pytest.fixture(scope='session')
def base(serve): return serve(NBS)


@pytest.fixture
def demo(chrome, base):
    opened = []
    def start(*names, **options):
        opened.append(Demo(chrome, base, *names, **options))
        return opened[-1]
    yield start
    for shown in opened: shown.close()


# The playground trains as PyTorch does

def weights(net): return [values.detach().flatten().tolist() for values in net.parameters()]


TRAIN = """({G, D, rows, codes, k, saturates}) => {
  const gan = new ganadLive.toy.GAN({lr: 1e-3, saturates})
  const set = (net, values) => net.params.forEach((param, i) => param.set(values[i]))
  set(gan.G, G)
  set(gan.D, D)
  let i = 0
  const noise = () => Float64Array.from(codes[i++])
  const losses = rows.map(x => gan.step(Float64Array.from(x), k, noise))
  const values = net => net.params.map(param => [...param])
  return {losses, G: values(gan.G), D: values(gan.D)}
}"""


class SaturatingGAN(GAN):
    "The generator lowers E_z log(1 - D(G(z))) itself"
    def g_loss(self, z): return -fake_loss(self.D(self.G(z)))


@pytest.mark.parametrize('k, kind', [(1, GAN), (3, GAN), (2, SaturatingGAN)])
def test_training_steps_are_those_of_torch(demo, k, kind):
    "GAN(2) and the page's, from the same weights, rows and codes: the same after four steps"
    set_seed(0)
    model = kind(2, k=k).double()
    rows = torch.randn(4, 64, 2, dtype=torch.double)
    codes = torch.randn(4*(k+1), 64, 16, dtype=torch.double)
    sent = dict(G=weights(model.G), D=weights(model.D), k=k, saturates=kind is SaturatingGAN,
                rows=rows.flatten(1).tolist(), codes=codes.flatten(1).tolist())
    got = demo('playground').js(TRAIN, sent)
    next_codes = iter(codes)
    def same_codes(x): return next(next_codes)
    model.noise = same_codes
    for x, losses in zip(rows, got['losses']): assert model.step(x)==pytest.approx(losses, abs=1e-9)
    for net, in_page in (model.G, got['G']), (model.D, got['D']):
        for values, expected in zip(net.parameters(), in_page):
            np.testing.assert_allclose(values.detach().flatten(), expected, atol=1e-8)


def test_playground_learns_the_ring(demo):
    shown = demo('playground')
    before = shown.state('playground', 'judge().good')
    shown.state('playground', 'train(600)')
    after = shown.state('playground', 'judge()')
    assert before<.4
    assert after['good']>.55 and after['places']>=9, after


def test_playground_is_driven(demo):
    shown = demo('playground')
    box = shown.box('playground')
    def steps(): return shown.state('playground', 'steps')
    assert steps()==0 and 'press Play' in shown.line('playground')
    box.get_by_role('button', name='One step').press('Enter')
    assert steps()==1
    assert re.match(r'Step 1\. \d+ % of the samples', shown.line('playground'))
    assert shown.slide('playground', 'Training steps between two drawings', 'End')==40
    box.get_by_role('button', name='Play').click()
    shown.until('ganadLive.mounted.playground.steps>60')
    box.get_by_role('button', name='Pause').click()
    n_steps = steps()
    shown.page.wait_for_timeout(200)
    assert steps()==n_steps
    box.get_by_label('Data', exact=True).select_option('five')
    assert steps()==0 and 'of the 5 clusters' in shown.line('playground')


def test_links_set_the_playground(demo):
    "What a sentence speaks of is one click away; nonsense in an address is passed over"
    shown = demo('playground', asked='?data=five&k=5&loss=saturating&rate=0.5&seed=7')
    box = shown.box('playground')
    def value(label): return box.get_by_label(label, exact=True).input_value()
    assert (value('Data'), value('Generator’s loss'), value('Seed'))==('five', 'saturating', '7')
    assert value('Critic’s steps for one of the generator')=='5' and value('Learning rate')=='0.001'
    assert shown.state('playground', 'gan.saturates')
    box.get_by_role('button', name='One step').click()
    assert re.search(r'generator’s [-−]0\.\d+ \(−0\.69 then\)', shown.line('playground'))


def test_sliders_show_their_values(demo):
    shown = demo('playground', 'latent', 'pick', 'search', 'threshold')
    ranges = shown.page.locator('input[type=range]')
    assert ranges.count()>14
    values = shown.page.locator('.gl-value').all_inner_texts()
    assert len(values)==ranges.count() and all(values)
    shown.slide('playground', 'Critic’s steps for one of the generator', 'ArrowRight', 2)
    assert shown.box('playground').locator('.gl-value').all_inner_texts()[1]=='3'
    shown.box('latent').get_by_role('button', name='All zeros').click()
    assert shown.box('latent').locator('.gl-value').first.inner_text()=='0.00'


# What the page computes is what PyTorch computes

@pytest.fixture(scope='session')
def data():
    "What the demos are given: models, codes, pictures, scores"
    names = 'pick', 'latent', 'search', 'scores', *[f'digit{digit}' for digit in range(10)]
    return {name:live._read_data(NBS/f'live/data/{name}.js') for name in names}


@pytest.mark.parametrize('name', ['digits', 'fashion'])
def test_pictures_of_codes_are_those_of_torch(demo, data, name):
    shown, stored = demo('latent'), data['latent'][name]
    shown.js('name => ganadLive.mounted.latent.choose(name)', name)
    generator = live.rebuild(stored['G'])
    codes = torch.tensor([*stored['codes'], [0.]*10, [3.]*10])
    with torch.no_grad(): wanted = generator(codes)
    got = [shown.js('code => ganadLive.mounted.latent.picture(code)', code) for code in codes.tolist()]
    np.testing.assert_allclose(wanted.flatten(1), got, atol=1e-5)
    real = torch.stack([live._unpack(image, 'u1') for image in stored['images']])/127.5 - 1
    error = (wanted[:10].flatten(1)-real).abs().mean()
    assert error<.6*(real-real.mean(0)).abs().mean()                  # codes and pictures belong together


def images_of(text): return (live._unpack(text, 'u1')/127.5 - 1).view(-1, 1, 28, 28)


def ganomaly_scores(stored, x):
    E, G, E2 = live.rebuild(stored['E']), live.rebuild(stored['G']), live.rebuild(stored['E2'])
    z = E(x)
    return (z-E2(G(z))).pow(2).mean(1)


def knn_scores(stored, x):
    return (x.flatten(1)[:,None]-images_of(stored['rows']).flatten(1)).norm(dim=2).amin(1)


SCORES = dict(GANomaly=ganomaly_scores, KNN=knn_scores)                           # by PyTorch's layers


def spread(data, digit, method):
    return live._unpack(data[f'digit{digit}']['methods'][method]['scores'], '<f4').std().item()


def choose(shown, digit):
    shown.box('pick').get_by_label('The models know nothing but', exact=True).select_option(str(digit))
    shown.until(f"ganadLive.mounted.pick.digit === '{digit}'")


@pytest.mark.parametrize('digit', range(10))
def test_scores_are_those_of_the_trained_models(demo, data, digit):
    "Of each picked image: in the page, and by the model when it was trained, before weights were rounded"
    shown = demo('pick')
    choose(shown, digit)
    for i, pick in enumerate(data['pick']['picks']):
        shown.page.locator('[data-demo=pick] .gl-picks button').nth(i).click()
        got = shown.state('pick', 'scores()')
        for method in SCORES:
            wanted = data[f'digit{digit}']['methods'][method]['picks'][i]
            off = abs(got[method]-wanted)
            assert off<=1e-3*spread(data, digit, method), (method, pick['name'], got[method], wanted)


def test_stored_rows_are_those_of_the_data(data):
    split = OneClass(normal=8).split(load('digits'))
    assert torch.equal(live._unpack(data['scores']['digits']['y'], 'u1').long(), split.y)


def test_stored_images_are_those_of_mnist(data):
    try: mnist = load('mnist')
    except DataError: pytest.skip('no MNIST here')
    for digit, pick in enumerate(data['pick']['picks']):
        row = ((mnist.y==digit) & mnist.test).nonzero()[0,0]
        assert torch.equal(live._unpack(pick['x'], 'u1').view(1, 28, 28), mnist.data[row].float())
        split = OneClass(normal=digit, n_test=2000).split(mnist)
        assert torch.equal(live._unpack(data[f'digit{digit}']['y'], 'u1').long(), split.y)


def test_a_drawing_is_scored_as_torch_scores_it(demo, data):
    shown = demo('pick')
    pad = shown.page.locator('[data-demo=pick] .gl-pad')
    shown.page.get_by_role('button', name='Clear').click()
    assert set(shown.state('pick', 'x()'))==set(shown.state('pick', 'seen()'))=={-1}
    assert shown.line('pick').startswith('Nothing is drawn yet')
    angle = np.linspace(0, 2*np.pi, 13)
    shown.drag(pad, *zip(.3 + .12*np.sin(angle), .28 - .1*np.cos(angle)))            # two circles, an eight,
    shown.drag(pad, *zip(.3 + .13*np.sin(angle), .5 - .11*np.cos(angle)))            # in a corner of the pad
    x = torch.tensor(shown.state('pick', 'x()')).view(1, 1, 28, 28)
    ink = (x[0,0]+1)/2
    inked = (ink>.25).nonzero()
    assert 19<=(inked.amax(0)-inked.amin(0)+1).max()<=21                             # MNIST's size
    places = torch.arange(28)+.5
    for axis in 0, 1: assert abs((ink.sum(1-axis)*places).sum()/ink.sum()-14)<.1     # and its middle
    assert ((ink>.1) & (ink<.9)).sum()>20                                            # no staircases
    seen = live._same_ink(x)
    np.testing.assert_allclose(seen.flatten(), shown.state('pick', 'seen()'), atol=1e-5)
    got = shown.state('pick', 'scores()')
    for method, scores in SCORES.items():
        with torch.no_grad(): wanted = scores(data['digit8']['models'][method], seen).item()
        assert abs(wanted-got[method])<=1e-4*spread(data, 8, method), method
    line = shown.line('pick')
    assert re.search(r'GANomaly gives yours [\d.]+, (above|below) the threshold', line)
    assert 'Nearest neighbour says' in line
    shown.box('pick').get_by_label('Nearest neighbour', exact=True).check()
    assert shown.line('pick').startswith('Nearest neighbour gives yours')
    shown.page.get_by_label('rub out', exact=True).check()
    shown.drag(pad, (.1, .3), (.5, .3))
    cut = torch.tensor(shown.state('pick', 'x()'))
    assert (cut>0).sum()<(x>0).sum()
    for _ in range(3): shown.page.get_by_role('button', name='Undo').click()
    assert set(shown.state('pick', 'x()'))=={-1}


DRAWINGS = json.loads((ROOT/'tests/files/drawn_digits.json').read_text())['drawings']
VERDICTS = """drawings => drawings.map(lines => {
  ganadLive.mounted.pick.draw(lines)
  return ganadLive.mounted.pick.verdicts()
})"""


@pytest.mark.parametrize('digit', range(10))
def test_drawn_digits_are_accepted_and_others_refused(demo, digit):
    "Ten drawings of the normal digit by mouse, then the ninety others, at the threshold of the start"
    shown = demo('pick')
    choose(shown, digit)
    pad = shown.page.locator('[data-demo=pick] .gl-pad')
    accepted = []
    for drawing in DRAWINGS:
        if drawing['digit']!=digit: continue
        shown.page.get_by_role('button', name='Clear').click()
        for line in drawing['strokes']: shown.drag(pad, *[(x/280, y/280) for x, y in line], steps=1)
        assert len(shown.state('pick', 'strokes'))==len(drawing['strokes'])
        accepted.append(shown.state('pick', 'verdicts()'))
    others = shown.js(VERDICTS, [drawing['strokes'] for drawing in DRAWINGS if drawing['digit']!=digit])
    assert (len(accepted), len(others))==(10, 90)
    for method in SCORES:
        assert sum(verdict[method] for verdict in accepted)>=8, method
        n_refused = sum(not verdict[method] for verdict in others)
        assert n_refused>=50, (method, n_refused)


def counted(stored, y, threshold):
    "What a threshold makes of stored scores; a score at the threshold is flagged"
    scores = live._unpack(stored['scores'], '<f4').numpy()
    is_anomaly = live._unpack(y, 'u1').numpy()==1
    is_flagged = scores>=threshold
    return dict(tp=int((is_flagged & is_anomaly).sum()), fp=int((is_flagged & ~is_anomaly).sum()),
                fn=int((~is_flagged & is_anomaly).sum()), tn=int((~is_flagged & ~is_anomaly).sum()))


def counts(data, source, method, threshold):
    stored = data['scores'][source]
    return counted(stored['methods'][method], stored['y'], threshold)


def test_threshold_is_dragged_and_counted(demo, data):
    shown = demo('pick')
    stored = data['digit8']['methods']['GANomaly']
    def threshold(): return shown.state('pick', 'threshold')
    def wanted(): return counted(stored, data['digit8']['y'], threshold())
    before = threshold()
    assert before==stored['start']
    assert shown.state('pick', 'counts()')==wanted()
    shown.drag(shown.page.locator('[data-demo=pick] .gl-drag'), (.2, .5), (.5, .5), (.7, .5))
    after = threshold()
    assert after>1.2*before
    assert shown.state('pick', 'counts()')==wanted()
    cells = shown.page.locator('[data-demo=pick] tbody td').all_inner_texts()
    assert [int(cell) for cell in cells]==[wanted()[kind] for kind in ('tp', 'fn', 'fp', 'tn')]
    shown.slide('pick', 'Threshold', 'ArrowLeft', 50)
    assert threshold()<after
    shown.page.get_by_role('button', name='Threshold at 5 %').click()
    assert threshold()==before


def test_pad_by_keys_and_by_touch(demo):
    shown = demo('pick', has_touch=True, width=360)
    INKED = 'ganadLive.mounted.pick.x().filter(value => value > -1).length'
    def threshold(): return shown.state('pick', 'threshold')
    shown.page.get_by_role('button', name='Clear').focus()
    shown.page.keyboard.press('Enter')
    assert shown.js(INKED)==0
    pad = shown.page.get_by_role('application')
    pad.focus()
    for key in ['Space', *['ArrowDown']*8, *['ArrowRight']*4]: shown.page.keyboard.press(key)
    shown.until(INKED + ' > 6')
    shown.page.get_by_label('centre it').uncheck()
    by_keys = shown.js(INKED)
    pad.tap(position=dict(x=20, y=200))
    assert shown.js(INKED)>by_keys
    histogram = shown.page.locator('[data-demo=pick] .gl-drag')
    before = threshold()
    histogram.tap(position=dict(x=histogram.bounding_box()['width']*.8, y=80))
    assert threshold()>before


# The other demos, by hand

def test_latent_is_driven(demo):
    shown = demo('latent')
    box = shown.box('latent')
    def code(which): return shown.state('latent', f'codes.{which}')
    first, second = code('A'), code('B')
    assert shown.slide('latent', 'z3', 'Home')==-3
    assert code('A')[2]==-3 and code('B')==second
    box.get_by_label('code B', exact=True).check()
    box.get_by_role('button', name='All zeros').click()
    assert code('B')==[0]*10 and code('A')[:2]==first[:2]
    assert 'Code B: length 0.00' in shown.line('latent')
    assert shown.slide('latent', 'From A to B', 'Home')==0
    assert shown.line('latent').startswith('Code A')
    box.get_by_role('button', name='Walk from A to B').click()
    shown.until("document.querySelector('[data-demo=latent] .gl-say').textContent.includes('% of the way')")
    box.get_by_role('button', name='Stop').click()
    box.get_by_label('Generator', exact=True).select_option('fashion')
    box.get_by_role('button', name='a real Bag').click()
    assert len(shown.js('ganadLive.mounted.latent.picture(ganadLive.mounted.latent.code)'))==784


def test_search_is_stepped(demo, data):
    shown, films = demo('search'), data['search']['films']
    last = len(films[0]['loss'])-1
    normal, anomalous = films
    assert (normal['kind'], anomalous['kind'])==('normal', 'anomalous')
    assert normal['score']<anomalous['score']
    for film in films:
        assert film['loss'][-1]==pytest.approx(film['score'], abs=1e-4)
        assert len(film['frames'])==last+1
    assert shown.slide('search', 'Step of the search', 'End')==last
    for film in films:
        assert f"{film['score']:.3f} left over (score: {film['score']:.3f})" in shown.line('search')
    shown.page.get_by_role('button', name='One step back').click()
    assert shown.state('search', 'step')==last-1
    assert f"{normal['loss'][-2]:.3f} left over" in shown.line('search')
    shown.slide('search', 'Step of the search', 'Home')
    shown.page.get_by_role('button', name='Play').click()
    shown.until('ganadLive.mounted.search.step>3')


POINT = """([threshold, base]) => {
  const demo = ganadLive.mounted.threshold
  demo.set(threshold, base)
  return demo.point
}"""


def test_threshold_lab_agrees_with_metrics(demo, data):
    shown = demo('threshold')
    for source, stored in data['scores'].items():
        y = live._unpack(stored['y'], 'u1')
        for method, about in stored['methods'].items():
            scores = live._unpack(about['scores'], '<f4')
            shown.js('name => ganadLive.mounted.threshold.choose(name)', method)
            assert shown.state('threshold', 'auroc')==pytest.approx(metrics.auroc(y, scores), abs=1e-9)
            auprc = shown.js('base => ganadLive.mounted.threshold.auprc(base)', metrics.base_rate(y))
            assert auprc==pytest.approx(metrics.auprc(y, scores), abs=1e-9)
            for share in .1, .5, .9:
                threshold = scores.sort().values[int(share*len(scores))].item()            # a score itself
                point = shown.js(POINT, [threshold, .01])
                wanted = counts(data, source, method, threshold)
                assert {kind:point[kind] for kind in wanted}==wanted
                recall = wanted['tp']/(wanted['tp']+wanted['fn'])
                false_alarms = wanted['fp']/(wanted['fp']+wanted['tn'])
                assert point['precision']==pytest.approx(.01*recall/(.01*recall+.99*false_alarms))


def test_rarer_anomalies_make_alarms_worth_less(demo):
    shown = demo('threshold')
    def point(): return shown.state('threshold', 'point')
    shown.slide('threshold', 'Base rate: from 1 in 1,000 to 1 in 2', 'End')
    often = point()
    shown.slide('threshold', 'Base rate: from 1 in 1,000 to 1 in 2', 'Home')
    rare = point()
    assert often['b']==pytest.approx(.5) and rare['b']==pytest.approx(.001)
    assert rare['precision']<.1*often['precision']
    assert rare['tpr']==often['tpr']
    assert '10,000 rows' in shown.line('threshold')
    shown.drag(shown.page.locator('[data-demo=threshold] .gl-drag'), (.3, .5), (.8, .5))
    assert point()['th']>rare['th'] and point()['tpr']<rare['tpr'] and point()['precision']>rare['precision']


# All of them

LIGHT = 'background:#fff;color:#343a40'
DARK = 'background:#222;color:#fff;color-scheme:dark'


@pytest.mark.parametrize('width', [1400, 360])
@pytest.mark.parametrize('style', [LIGHT, DARK], ids=['light', 'dark'])
def test_every_demo_says_what_it_shows(demo, width, style):
    "Names on all controls, words for all pictures, a line of text; and nothing is wider than a phone"
    shown = demo(*DEMOS, width=width, style=style)
    assert shown.page.locator('.ganad-live[data-ready=yes]').count()==5
    assert shown.js('document.documentElement.scrollWidth')<=width
    assert all(len(shown.line(name))>40 for name in DEMOS)
    canvases = shown.js("""[...document.querySelectorAll('canvas')].map(
        canvas => [canvas.getAttribute('role'), canvas.getAttribute('aria-label') || ''])""")
    assert len(canvases)>20
    assert all(role in ('img', 'application') and len(words)>4 for role, words in canvases)
    assert shown.js("""[...document.querySelectorAll('.ganad-live :is(input, select)')]
                       .filter(control => !control.labels.length).length""")==0
    assert shown.js("""[...document.querySelectorAll('.ganad-live button')]
                       .filter(button => !button.textContent && !button.querySelector('canvas')).length""")==0


def test_pictures_follow_the_theme(demo):
    shown = demo('threshold')
    PICTURE = "document.querySelector('[data-demo=threshold] canvas').toDataURL()"
    before = shown.js(PICTURE)
    shown.js("document.body.style.cssText = 'background:#222;color:#fff'")
    shown.js("document.documentElement.classList.add('quarto-dark')")
    shown.until(f'before => {PICTURE} !== before', before)


def test_without_javascript_a_picture_stays(chrome, base):
    page = chrome.new_context(java_script_enabled=False).new_page()
    page.route(ADDRESS, lambda route: route.fulfill(body=page_with(*DEMOS), content_type='text/html'))
    page.goto(base + 'demo.html')
    assert page.locator('.ganad-live img').count()==5
    for name in DEMOS: assert page.locator(f'[data-demo={name}] img').bounding_box()['height']>50
    page.context.close()


def test_a_demo_that_cannot_start_leaves_the_picture(chrome, base):
    page = chrome.new_page()
    page.route(ADDRESS, lambda route: route.fulfill(body=page_with('latent'), content_type='text/html'))
    page.route('**/data/latent.js', lambda route: route.abort())
    page.goto(base + 'demo.html')
    page.wait_for_selector('[data-ready=no]')
    assert page.locator('.ganad-live img').count()==1
    assert 'could not start: data/latent.js did not load' in page.locator('.ganad-live').inner_text()
    page.close()


def test_what_the_page_loads_is_small():
    "All that a reader loads who starts every demo; the detectors of other digits come when they are chosen"
    later = {f'digit{digit}.js' for digit in range(10) if digit!=8}
    files = [path for path in (NBS/'live').rglob('*') if path.is_file()]
    assert sum(path.stat().st_size for path in files if path.name not in later)<1.2*2**20
    assert all(path.stat().st_size<2**19 for path in files)
    for path in (NBS/'live').glob('*.js'):
        assert not re.search(r'https?://|\beval\(|new Function|import\(', path.read_text()), path.name


# On the site

WHERE = dict(gan=['playground'], alice=['latent'], anogan=['search'], metrics=['threshold'],
             ganomaly=['pick'], live=[*DEMOS])


def start_demos(page, names):
    for name in names:
        page.locator(f'[data-demo={name}]').scroll_into_view_if_needed()
        page.wait_for_selector(f'[data-demo={name}][data-ready=yes]', timeout=20000)


@pytest.mark.parametrize('page', WHERE)
def test_demos_run_on_the_site(docs, serve, chrome, page):
    visit = Visit(chrome, serve(docs), f'{page}.html', width=360)
    sizes = []
    visit.page.on('response', lambda response: sizes.append(len(response.body())))
    visit.page.reload(wait_until='networkidle')
    start_demos(visit.page, WHERE[page])
    visit.page.wait_for_load_state('networkidle')
    assert sum(sizes)<3*2**20, f'{sum(sizes)>>10} KB'
    assert visit.evaluate('document.documentElement.scrollWidth')<=360
    visit.close_clean()


def test_demos_run_from_disk(docs, chrome):
    "A page opened as a file, without any server"
    page = chrome.new_page()
    page.goto((docs/'live.html').as_uri())
    start_demos(page, DEMOS)
    page.close()
