"The demos of the page Live, driven in a real browser, and their numbers beside PyTorch's"
import json, re
from pathlib import Path
import numpy as np, pytest, torch
from project import NBS, ROOT
from test_site import Visit, chrome, docs, serve          # fixtures among them
from ganad import metrics
from ganad.core import set_seed
from ganad.data import OneClass, load
from ganad.models.gan import GAN
from ganad.site import live

DEMOS = 'playground', 'latent', 'pick', 'search', 'threshold'
STILL = '<div class="ganad-live" data-demo="{0}"><img src="live/{0}.png" alt="{0}"></div>'
PAGE = '<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>t</title><link rel="icon" href="data:,">{head}</head>' \
       '<body style="{style}"><main>{body}</main><script defer src="live/live.js"></script></body></html>'
STRICT = '<meta http-equiv="Content-Security-Policy" content="default-src \'self\'; style-src \'self\' \'unsafe-inline\'; img-src \'self\' data:">'

class Demo:
    "Demos on a bare page that allows no script but those of its own host, and no eval"
    def __init__(self, chrome, base, *names, width=800, style='', **kw):
        self.html,self.base,self.errors,self.foreign = PAGE.format(head=STRICT, style=style, body=''.join(map(STILL.format, names))),base,[],[]
        self.page = chrome.new_page(viewport=dict(width=width, height=900), **kw)
        self.page.on('pageerror', lambda e: self.errors.append(str(e)))
        self.page.on('console', lambda m: self.errors.append(m.text) if m.type=='error' else None)
        self.page.route('**/*', self.route)
        self.page.goto(base+'demo.html')
        for n in names:
            self.page.locator(f'[data-demo={n}]').scroll_into_view_if_needed()
            self.page.wait_for_selector(f'[data-demo={n}][data-ready]', timeout=20000)
    def route(self, r):
        if r.request.url.endswith('/demo.html'): return r.fulfill(body=self.html, content_type='text/html')
        if r.request.url.startswith((self.base,'data:')): return r.continue_()
        self.foreign.append(r.request.url); r.abort()
    def js(self, text, arg=None): return self.page.evaluate(text, arg)
    def until(self, text, arg=None):
        "Wait for something to be true; Playwright's own way needs eval, which these pages forbid"
        for _ in range(400):
            if self.js(text, arg): return
            self.page.wait_for_timeout(50)
        pytest.fail(f'never true: {text}')
    def say(self, name): return self.page.locator(f'[data-demo={name}] .gl-say').inner_text()
    def end(self):
        self.page.close()
        assert self.errors==self.foreign==[]

@pytest.fixture(scope='session')
def base(serve): return serve(NBS)

@pytest.fixture
def demo(chrome, base):
    opened = []
    def start(*names, **kw): opened.append(Demo(chrome, base, *names, **kw)); return opened[-1]
    yield start
    for d in opened: d.end()

def drag(page, locator, *points):
    "Press at the first point (shares of the box), move over the others, release"
    locator.scroll_into_view_if_needed()
    b = locator.bounding_box()
    at = [(b['x']+x*b['width'], b['y']+y*b['height']) for x,y in points]
    page.mouse.move(*at[0]); page.mouse.down()
    for p in at: page.mouse.move(*p, steps=2)
    page.mouse.up()

def slide(demo, name, label, key, times=1):
    "Move a range by keys, as somebody without a mouse does"
    r = demo.page.locator(f'[data-demo={name}]').get_by_label(label, exact=True)
    r.focus()
    for _ in range(times): demo.page.keyboard.press(key)
    return float(r.input_value())

# The playground trains as PyTorch does

def weights(net): return [p.detach().flatten().tolist() for p in net.parameters()]

@pytest.mark.parametrize('k', [1, 3])
def test_training_steps_are_those_of_torch(demo, k):
    "GAN(2) and the page's, from the same weights, rows and codes: after four steps the same weights and losses"
    set_seed(0)
    m = GAN(2, k=k).double()
    xs,zs = torch.randn(4, 64, 2, dtype=torch.double),torch.randn(4*(k+1), 64, 16, dtype=torch.double)
    d = demo('playground')
    got = d.js("""({G, D, xs, zs, k}) => { const {GAN} = ganadLive.toy, m = new GAN({lr: 1e-3}), set = (net, w) => net.params.forEach((p, i) => p.set(w[i]))
        set(m.G, G); set(m.D, D); let i = 0; const losses = xs.map(x => m.step(Float64Array.from(x), k, () => Float64Array.from(zs[i++])))
        return {losses, G: m.G.params.map(p => [...p]), D: m.D.params.map(p => [...p])} }""",
        dict(G=weights(m.G), D=weights(m.D), xs=xs.flatten(1).tolist(), zs=zs.flatten(1).tolist(), k=k))
    codes = iter(zs)
    m.noise = lambda x: next(codes)
    for x,l in zip(xs, got['losses']): assert m.step(x)==pytest.approx(l, abs=1e-9)
    for net,ws in ((m.G,got['G']), (m.D,got['D'])):
        for p,w in zip(net.parameters(), ws): np.testing.assert_allclose(p.detach().flatten(), w, atol=1e-8)

def test_playground_learns_the_ring(demo):
    d = demo('playground')
    before = d.js('ganadLive.mounted.playground.judge().good')
    d.js('ganadLive.mounted.playground.train(600)')
    after = d.js('ganadLive.mounted.playground.judge()')
    assert before<.4 and after['good']>.55 and after['places']>=9, (before, after)

def test_playground_is_driven(demo):
    d = demo('playground')
    P,steps = d.page.locator('[data-demo=playground]'),lambda: d.js('ganadLive.mounted.playground.steps')
    assert steps()==0 and 'press Play' in d.say('playground')
    P.get_by_role('button', name='One step').press('Enter')
    assert steps()==1 and re.match(r'Step 1\. \d+ % of the samples', d.say('playground'))
    assert slide(d, 'playground', 'Steps a picture', 'End')==20
    P.get_by_role('button', name='Play').click()
    d.until('ganadLive.mounted.playground.steps>60')
    P.get_by_role('button', name='Pause').click()
    n = steps()
    d.page.wait_for_timeout(200)
    assert steps()==n
    P.get_by_label('Data', exact=True).select_option('gaussians')
    assert steps()==0 and 'of the 5 heaps' in d.say('playground')

# What the page computes is what PyTorch computes

@pytest.fixture(scope='session')
def told(): return {n:live.take(NBS/f'live/data/{n}.js') for n in ('pick','latent','search','scores')}

@pytest.mark.parametrize('name', ['digits', 'fashion'])
def test_pictures_of_codes_are_those_of_torch(demo, told, name):
    d,m = demo('latent'),told['latent'][name]
    d.js('k => ganadLive.mounted.latent.choose(k)', name)
    G,z = live.rebuild(m['G']),torch.tensor([*m['codes'], [0.]*10, [3.]*10])
    with torch.no_grad(): want = G(z)
    got = [d.js('z => ganadLive.mounted.latent.picture(z)', c) for c in z.tolist()]
    np.testing.assert_allclose(want.flatten(1), got, atol=1e-5)
    real = torch.stack([live.unpack(i, 'u1') for i in m['images']])/127.5 - 1
    assert (want[:10].flatten(1)-real).abs().mean()<.6*(real-real.mean(0)).abs().mean()      # codes and pictures belong together

def scorers(told):
    "The three detectors again, from the files, with PyTorch's layers"
    def egbad(m):
        E,G,f = live.rebuild(m['E']),live.rebuild(m['G']),live.rebuilt(m['D'], 1).features
        def score(x): z = E(x); xr = G(z); return m['alpha']*(x-xr).abs().sum((1,2,3)) + (1-m['alpha'])*(f(x, z)-f(xr, z)).abs().sum(1)
        return score
    def alad(m):
        E,G,f = live.rebuild(m['E']),live.rebuild(m['G']),live.rebuilt(m['Dxx'], 2).features
        return lambda x: (f(x, x)-f(x, G(E(x)))).abs().sum(1)
    def ganomaly(m):
        E,G,E2 = map(live.rebuild, (m['E'], m['G'], m['E2']))
        def score(x): z = E(x); return (z-E2(G(z))).pow(2).mean(1)
        return score
    return {n:dict(EGBAD=egbad, ALAD=alad, GANomaly=ganomaly)[n](m) for n,m in told['pick']['models'].items()}

def spread(told, n): return live.unpack(told['scores']['digits']['methods'][n]['scores'], '<f4').std().item()

def test_scores_are_those_of_the_trained_models(demo, told):
    "Of each picked image: in the page, and by the model when it was trained, before weights were rounded"
    d = demo('pick')
    for i,p in enumerate(told['pick']['picks']):
        d.page.locator('[data-demo=pick] .gl-picks button').nth(i).click()
        got = d.js('ganadLive.mounted.pick.scores()')
        for n,m in told['scores']['digits']['methods'].items():
            want = live.unpack(m['scores'], '<f4')[p['row']].item()
            assert abs(got[n]-want)<=1e-3*spread(told, n), (n, p['name'], got[n], want)

def test_stored_rows_are_those_of_the_data(told):
    split = OneClass(normal=8).split(load('digits'))
    assert torch.equal(live.unpack(told['scores']['digits']['y'], 'u1').long(), split.y)
    for p in told['pick']['picks']: assert torch.equal(live.unpack(p['x'], 'u1').view(1, 8, 8)/8 - 1, split.test[p['row']])

def test_a_drawing_is_scored_as_torch_scores_it(demo, told):
    d,S = demo('pick'),scorers(told)
    pad = d.page.locator('[data-demo=pick] .gl-pad')
    d.page.get_by_role('button', name='Clear').click()
    assert set(d.js('ganadLive.mounted.pick.x()'))=={-1}
    t = np.linspace(0, 2*np.pi, 13)
    drag(d.page, pad, *zip(.5+.22*np.sin(t), .28-.2*np.cos(t))); drag(d.page, pad, *zip(.5+.26*np.sin(t), .72-.22*np.cos(t)))
    x = torch.tensor(d.js('ganadLive.mounted.pick.x()')).view(1, 1, 8, 8)
    assert (x>0).sum()>12 and x[0,0,0].max()>-1 and x[0,0,-1].max()>-1            # it fills the frame
    got = d.js('ganadLive.mounted.pick.scores()')
    with torch.no_grad():
        for n,s in S.items(): assert abs(s(x).item()-got[n])<=1e-4*spread(told, n), n
    said = d.say('pick')
    assert re.search(r'EGBAD gives yours [\d.]+, (above|below) the threshold', said) and 'GANomaly says' in said
    d.page.locator('[data-demo=pick]').get_by_label('ALAD', exact=True).check()
    assert d.say('pick').startswith('ALAD gives yours')
    d.page.get_by_label('rub out', exact=True).check()
    drag(d.page, pad, *[(.02+.96*(i%2),.02+.04*i) for i in range(0, 25, 3)])
    assert d.js('Math.max(...ganadLive.mounted.pick.x())')<x.max()

def counts(told, source, n, at):
    s,y = (live.unpack(v, k).numpy() for v,k in ((told['scores'][source]['methods'][n]['scores'],'<f4'), (told['scores'][source]['y'],'u1')))
    return {k:int(((s>=at)==f)[y==c].sum()) for k,f,c in (('tp',True,1),('fp',True,0),('fn',False,1),('tn',False,0))}

def test_threshold_is_dragged_and_counted(demo, told):
    d = demo('pick')
    hist,th = d.page.locator('[data-demo=pick] .gl-drag'),lambda: d.js('ganadLive.mounted.pick.threshold')
    was = th()
    assert d.js('ganadLive.mounted.pick.counts()')==counts(told, 'digits', 'EGBAD', was)
    drag(d.page, hist, (.2,.5), (.5,.5), (.7,.5))
    assert th()>was+3 and d.js('ganadLive.mounted.pick.counts()')==counts(told, 'digits', 'EGBAD', th())
    cells = d.page.locator('[data-demo=pick] tbody td').all_inner_texts()
    c = counts(told, 'digits', 'EGBAD', th())
    assert [int(v) for v in cells]==[c['tp'],c['fn'],c['fp'],c['tn']]
    now = th()
    slide(d, 'pick', 'Threshold', 'ArrowLeft', 50)
    assert th()<now

def test_pad_by_keys_and_by_touch(demo):
    d = demo('pick', has_touch=True, width=360)
    ink = 'ganadLive.mounted.pick.x().filter(v => v > -1).length'
    d.page.get_by_role('button', name='Clear').focus(); d.page.keyboard.press('Enter')
    assert d.js(ink)==0
    pad = d.page.get_by_role('application')
    pad.focus()
    for key in ['Space', *['ArrowDown']*8, *['ArrowRight']*4]: d.page.keyboard.press(key)
    d.until(ink + ' > 6')
    by_keys = d.js(ink)
    assert by_keys>6
    d.page.get_by_label('make it fill').uncheck()
    by_keys = d.js(ink)
    pad.tap(position=dict(x=20, y=230))
    assert d.js(ink)>by_keys
    hist = d.page.locator('[data-demo=pick] .gl-drag')
    was = d.js('ganadLive.mounted.pick.threshold')
    hist.tap(position=dict(x=hist.bounding_box()['width']*.8, y=80))
    assert d.js('ganadLive.mounted.pick.threshold')>was

# The other demos, by hand

def test_latent_is_driven(demo):
    d = demo('latent')
    L,code = d.page.locator('[data-demo=latent]'),lambda e: d.js(f'ganadLive.mounted.latent.codes.{e}')
    a,b = code('A'),code('B')
    assert slide(d, 'latent', 'z3', 'Home')==-3 and code('A')[2]==-3 and code('B')==b
    L.get_by_label('code B', exact=True).check()
    L.get_by_role('button', name='All zeros').click()
    assert code('B')==[0]*10 and code('A')[:2]==a[:2] and 'Code B: length 0.00' in d.say('latent')
    assert slide(d, 'latent', 'From A to B', 'Home')==0 and d.say('latent').startswith('Code A')
    L.get_by_role('button', name='Walk from A to B').click()
    d.until("document.querySelector('[data-demo=latent] .gl-say').textContent.includes('% of the way')")
    L.get_by_role('button', name='Stop').click()
    L.get_by_label('Generator', exact=True).select_option('fashion')
    L.get_by_role('button', name='a real Bag').click()
    assert len(d.js('ganadLive.mounted.latent.picture(ganadLive.mounted.latent.code)'))==784

def test_search_is_stepped(demo, told):
    d,films = demo('search'),told['search']['films']
    last = len(films[0]['loss'])-1
    assert [f['kind'] for f in films]==['normal','anomalous'] and films[0]['score']<films[1]['score']
    assert all(f['loss'][-1]==pytest.approx(f['score'], abs=1e-4) and len(f['frames'])==last+1 for f in films)
    assert slide(d, 'search', 'Step of the search', 'End')==last
    assert all(f"{f['score']:.3f} left over (score: {f['score']:.3f})" in d.say('search') for f in films)
    d.page.get_by_role('button', name='One step back').click()
    assert d.js('ganadLive.mounted.search.step')==last-1 and f"{films[0]['loss'][-2]:.3f} left over" in d.say('search')
    slide(d, 'search', 'Step of the search', 'Home')
    d.page.get_by_role('button', name='Play').click()
    d.until('ganadLive.mounted.search.step>3')

def test_threshold_lab_agrees_with_metrics(demo, told):
    d = demo('threshold')
    for source,r in told['scores'].items():
        for n,m in r['methods'].items():
            s,y = live.unpack(m['scores'], '<f4'),live.unpack(r['y'], 'u1')
            d.js('k => ganadLive.mounted.threshold.choose(k)', n)
            assert d.js('ganadLive.mounted.threshold.auroc')==pytest.approx(metrics.auroc(y, s), abs=1e-9)
            assert d.js('b => ganadLive.mounted.threshold.auprc(b)', metrics.base_rate(y))==pytest.approx(metrics.auprc(y, s), abs=1e-9)
            for q in .1,.5,.9:
                at = s.sort().values[int(q*len(s))].item()            # a score itself: at the threshold is flagged
                p = d.js('([t, b]) => { const D = ganadLive.mounted.threshold; D.set(t, b); return D.point }', [at, .01])
                c = counts(told, source, n, at)
                assert {k:p[k] for k in c}==c
                r1,f1 = c['tp']/(c['tp']+c['fn']),c['fp']/(c['fp']+c['tn'])
                assert p['precision']==pytest.approx(.01*r1/(.01*r1+.99*f1))

def test_rarer_anomalies_make_alarms_worth_less(demo):
    d = demo('threshold')
    point = lambda: d.js('ganadLive.mounted.threshold.point')
    slide(d, 'threshold', 'Base rate: from 1 in 1,000 to 1 in 2', 'End'); often = point()
    slide(d, 'threshold', 'Base rate: from 1 in 1,000 to 1 in 2', 'Home'); rare = point()
    assert often['b']==pytest.approx(.5) and rare['b']==pytest.approx(.001)
    assert rare['precision']<.1*often['precision'] and rare['tpr']==often['tpr'] and '10,000 rows' in d.say('threshold')
    drag(d.page, d.page.locator('[data-demo=threshold] .gl-drag'), (.3,.5), (.8,.5))
    assert point()['th']>rare['th'] and point()['tpr']<rare['tpr'] and point()['precision']>rare['precision']

# All of them

@pytest.mark.parametrize('width', [1400, 360])
@pytest.mark.parametrize('style', ['background:#fff;color:#343a40', 'background:#222;color:#fff;color-scheme:dark'], ids=['light','dark'])
def test_every_demo_says_what_it_shows(demo, width, style):
    "Names on all controls, words for all pictures, a line of text; and nothing is wider than a phone"
    d = demo(*DEMOS, width=width, style=style)
    assert d.page.locator('.ganad-live[data-ready=yes]').count()==5
    assert d.js('document.documentElement.scrollWidth')<=width
    assert all(len(d.say(n))>40 for n in DEMOS)
    words = d.js("[...document.querySelectorAll('canvas')].map(c => [c.getAttribute('role'), c.getAttribute('aria-label') || ''])")
    assert len(words)>20 and all(r in ('img','application') and len(w)>4 for r,w in words)
    assert d.js("[...document.querySelectorAll('.ganad-live :is(input, select)')].filter(i => !i.labels.length).length")==0
    assert d.js("[...document.querySelectorAll('.ganad-live button')].filter(b => !b.textContent && !b.querySelector('canvas')).length")==0

def test_pictures_follow_the_theme(demo):
    d = demo('threshold')
    shot = lambda: d.js("document.querySelector('[data-demo=threshold] canvas').toDataURL()")
    was = shot()
    d.js("document.body.style.cssText = 'background:#222;color:#fff'; document.documentElement.classList.add('quarto-dark')")
    d.until("w => document.querySelector('[data-demo=threshold] canvas').toDataURL() !== w", was)

def test_without_javascript_a_picture_stays(chrome, base):
    d = chrome.new_context(java_script_enabled=False).new_page()
    d.route('**/demo.html', lambda r: r.fulfill(body=PAGE.format(head='', style='', body=''.join(map(STILL.format, DEMOS))), content_type='text/html'))
    d.goto(base+'demo.html')
    assert d.locator('.ganad-live img').count()==5
    for n in DEMOS: assert d.locator(f'[data-demo={n}] img').bounding_box()['height']>50
    d.context.close()

def test_a_demo_that_cannot_start_leaves_the_picture(chrome, base):
    d = chrome.new_page()
    d.route('**/demo.html', lambda r: r.fulfill(body=PAGE.format(head='', style='', body=STILL.format('latent')), content_type='text/html'))
    d.route('**/data/latent.js', lambda r: r.abort())
    d.goto(base+'demo.html')
    d.wait_for_selector('[data-ready=no]')
    assert d.locator('.ganad-live img').count()==1 and 'could not start: data/latent.js did not load' in d.locator('.ganad-live').inner_text()
    d.close()

def test_what_the_page_loads_is_small():
    size = sum(p.stat().st_size for p in (NBS/'live').rglob('*') if p.is_file())
    assert size<1.5*2**20, f'{size>>10} KB'
    assert not [p.name for p in (NBS/'live').glob('*.js') if re.search(r'https?://|\beval\(|new Function|import\(', p.read_text())]

# On the site

WHERE = dict(gan=['playground'], alice=['latent'], anogan=['search'], metrics=['threshold'], alad=['pick'], live=[*DEMOS])

@pytest.mark.parametrize('page', WHERE)
def test_demos_run_on_the_site(docs, serve, chrome, page):
    v = Visit(chrome, serve(docs), f'{page}.html', width=360)
    size = []
    v.page.on('response', lambda r: size.append(len(r.body())))
    v.page.reload(wait_until='networkidle')
    for n in WHERE[page]:
        v.page.locator(f'[data-demo={n}]').scroll_into_view_if_needed()
        v.page.wait_for_selector(f'[data-demo={n}][data-ready=yes]', timeout=20000)
    v.page.wait_for_load_state('networkidle')
    assert v.errors==v.foreign==[] and sum(size)<3*2**20, f'{sum(size)>>10} KB'
    assert v.page.evaluate('document.documentElement.scrollWidth')<=360
    v.page.close()

def test_demos_run_from_disk(docs, chrome):
    "A page opened as a file, without any server"
    page = chrome.new_page()
    page.goto((docs/'live.html').as_uri())
    for n in DEMOS:
        page.locator(f'[data-demo={n}]').scroll_into_view_if_needed()
        page.wait_for_selector(f'[data-demo={n}][data-ready=yes]', timeout=20000)
    page.close()
