"What the page of `ganad report` says of rows is true, and all of it can be seen"
import re
import zipfile

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from said import run_command
from small_data import deep_png

from ganad._files.report import histogram_range, reasons
from ganad.cli import main
from ganad.data import masked_pictures
from ganad.estimator import estimators, load
from ganad.estimator._columns import as_word
from ganad.estimator._units import Units
from ganad.metrics import auprc, pixel_auroc, pixel_rows

MANY = 30           # columns of noise


def pump(n, seed=0):
    rng = np.random.default_rng(seed)
    is_fast = rng.random(n)<.4
    speed = np.where(is_fast, 50, 20) + rng.normal(0, 2, n)
    return pd.DataFrame(dict(mode=np.where(is_fast, 'fast', 'eco'), speed=speed,
                             heat=30 + .5*speed + rng.normal(0, 1, n)))


def wide(n, seed=0):
    rng = np.random.default_rng(seed)
    noise = pd.DataFrame({f'sensor_{i:02}':rng.normal(i, 1, n) for i in range(MANY)})
    return noise.assign(**pump(n, seed))


@pytest.fixture(scope='module')
def models():
    "One of each kind, fitted on pumps"
    return {name:estimators()[name](random_state=0, false_alarms=.05, **settings).fit(pump(600))
            for name, settings in dict(pca={}, knn={}, bigan=dict(nz=2, epochs=5)).items()}


# Why

@pytest.mark.parametrize('name', ['pca', 'knn', 'bigan'])
def test_usual_is_said_of_what_is_usual_and_of_nothing_else(models, name):
    "Of each value that is named: outside of the range it is odd, inside of it usual by itself"
    rows = pump(40, 1)
    rows.loc[:9, 'heat'] = 30 + .5*(70 - rows.speed[:10])           # usual by itself, not at this speed
    rows.loc[10:19, 'heat'] += 60
    rows.loc[20:24, 'mode'] = rows['mode'][20:25].map(dict(eco='fast', fast='eco'))
    texts = reasons(models[name], rows)
    reason = re.compile(r'(?:speed|heat) (\S+) \(\d+%; (by itself )?usual,? (\S+) to (\S+)\)')
    found = reason.findall('\n'.join(texts))
    assert len(found)>=20 and {by_itself for _, by_itself, *_ in found}=={'by itself ', ''}
    for value, by_itself, low, high in found:
        assert bool(by_itself)==(float(low)<=float(value)<=float(high)), (value, by_itself, low, high)
    assert not any('usual eco or fast' in text for text in texts), 'both words are known'


def test_words_are_named_with_how_frequent_they_were(models):
    rows = pump(3, 1).assign(mode=['turbo', 'eco', 'fast'], speed=[20, 90, 90.])
    texts = ' '.join(reasons(models['pca'], rows))
    assert 'mode turbo' in texts and 'new; usual eco or fast' in texts        # the more frequent one first
    rare = pd.concat([pump(600), pump(1).assign(mode='slow')])
    est = estimators()['pca'](random_state=0).fit(rare)
    text, = reasons(est, pump(1).assign(mode='slow'))
    assert re.search(r'mode slow \(\d+%; in under 1% of the training rows\)', text)
    est.prep_.units = Units()                                               # a file from before
    text, = reasons(est, pump(1).assign(mode='slow'))
    assert 'usual slow' not in text and as_word('slow') in text


def test_gaps_and_rows_without_a_reason_have_words():
    x = wide(400)
    est = estimators()['pca'](random_state=0, impute='median').fit(x)
    row = x[:1].assign(heat=np.nan, speed=500.)
    assert 'speed 500' in reasons(est, row)[0] and 'nan' not in reasons(est, x.assign(mode=None)[:1])[0]
    texts = reasons(est, x[:50])
    assert all(texts) and 'no column stands out' in texts


# The page

@pytest.fixture(scope='module')
def page_of(tmp_path_factory):
    "The page on rows, by a model of many columns"
    from ganad._files.fit_and_score import fit_file
    from ganad._files.report import report_file
    folder = tmp_path_factory.mktemp('report')
    wide(500).to_csv(folder/'train.csv', index=False)
    fit_file(folder/'train.csv', folder/'m', 'pca')
    def write(rows):
        rows.to_csv(folder/'test.csv', index=False)
        report_file(folder/'m', folder/'test.csv', folder/'report.html')
        return folder, (folder/'report.html').read_text('utf-8')
    return write


def planted(value=40.):
    rows = wide(200, 1)
    rows.loc[:5, 'sensor_27'] += value
    return rows


def test_of_many_columns_those_that_matter_are_shown(page_of):
    _, page = page_of(planted())
    top = re.search(r'<h2>Most anomalous</h2>.*?</table>', page, re.DOTALL)[0]
    shown = [name for name in re.findall('<th>(.*?)</th>', top) if name in planted()]
    assert shown[0]=='sensor_27' and len(shown)==8
    assert f'Shown are 8 of {MANY+3} columns' in page and f'{MANY+3-8} are not' in page


def test_the_histogram_holds_the_top_score_or_says_what_is_beyond(page_of):
    _, page = page_of(planted(10))
    assert 'The last bar holds' not in page
    _, page = page_of(planted().replace({'sensor_03':{planted().sensor_03[7]:1e7}}))
    assert 'The last bar holds those beyond it, too: 1 row, up to' in page
    scores = np.r_[np.random.default_rng(0).normal(5, 1, 1000), 12.]
    _, right = histogram_range(scores, scores[:500], 7.)
    assert right==12
    assert histogram_range(np.ones(9), np.ones(9), 1.)==(1, 2)                # no range, no error


def test_the_promise_is_two_short_sentences(page_of):
    _, page = page_of(planted())
    verdict = re.search('class="verdict">(.*?)</p>', page)[1]
    sentences = re.split(r'(?<=[.)])\s+(?=[A-Z])', verdict)
    assert len(sentences)==3, verdict
    for sentence in sentences: assert len(sentence)<90 and ';' not in sentence
    assert sentences[1].startswith('Of new normal rows, ')
    assert sentences[2].startswith('Of held-out normal rows, ')


@pytest.mark.parametrize('scheme', ['light', 'dark'])
@pytest.mark.parametrize('width', [1400, 390])
def test_the_whole_table_can_be_seen(page_of, chrome, width, scheme):
    "It fits, or it can be scrolled, by keyboard too; the page itself never moves sideways"
    folder, _ = page_of(planted())
    page = chrome.new_page(viewport=dict(width=width, height=900), color_scheme=scheme)
    page.goto((folder/'report.html').as_uri())
    assert page.evaluate('document.documentElement.scrollWidth')<=width
    table = page.locator('table.top')
    box = table.bounding_box()
    assert box['x']>=0 and box['x']+box['width']<=width
    inner, visible = table.evaluate('t => [t.scrollWidth, t.clientWidth]')
    if width==1400: assert inner<=visible+1
    table.focus()
    page.keyboard.press('End')
    for _ in range(60): page.keyboard.press('ArrowRight')
    page.wait_for_timeout(500)
    last = table.locator('tr:first-child th:last-child').bounding_box()
    assert last['x']+last['width']<=width+1, 'its last column cannot be seen'
    page.close()


def test_a_model_that_was_loaded_says_the_same(models, tmp_path):
    rows = pump(5, 2).assign(heat=54., speed=20., mode='eco')
    again = load(models['pca'].save(tmp_path/'m'))
    assert reasons(again, rows)==reasons(models['pca'], rows)


# Masks

@pytest.fixture
def masked(tmp_path):
    "Grey pictures with a bright square on some of the test, a mask of each, and a model of the good ones"
    rng = np.random.default_rng(0)
    folder = tmp_path/'plates'
    def save(x, name):
        (folder/name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(x.astype('u1')).save(folder/name)
    for name, n in {'train/good':30, 'test/good':6, 'test/spot':6}.items():
        for i in range(n):
            x = rng.normal(110, 12, (24, 40)) + 30*np.sin(np.arange(40)/6 + rng.random())
            spot = np.zeros(x.shape, bool)
            if name=='test/spot':
                spot[6+i:11+i, 10:16] = True
                save(255*spot, f'masks/spot/{i}.png')
            save((x + 60*spot).clip(0, 255), f'{name}/{i}.png')
    run_command('fit', str(folder), '--normal', 'good', '--method', 'pca', '--save', str(tmp_path/'m'))
    return folder, tmp_path/'m'


def reported(masked):
    from ganad._files.report import report_file
    folder, model = masked
    done = report_file(model, folder, folder.parent/'r.html')
    return done, (folder.parent/'r.html').read_text('utf-8')


def test_pixels_are_compared_with_masks(masked, capsys):
    "As all maps and masks at once would be, though pixels are only counted"
    from ganad._files.pictures import rows_of
    folder, model = masked
    done, page = reported(masked)
    est = load(model)
    names, _, masks = zip(*masked_pictures(folder))
    rows = rows_of(folder, part='test', size=est.prep_.shape[1], grey=True, pictures=est.extra_['pictures'])
    chunk = rows.all()
    assert [*names]==chunk.names
    maps = [rows.on_original(m, *mask.shape) for m, mask in zip(est.explain(chunk.x), masks)]
    found = done['pixels']
    assert found['pictures']==12 and found['base_rate']==pytest.approx(6*30/(12*24*40))
    assert found['auroc']==pytest.approx(pixel_auroc(maps, masks), abs=1e-3) and found['auroc']>.9
    assert found['auprc']==pytest.approx(auprc(*pixel_rows(maps, masks)), abs=1e-3)
    assert f"Pixels, against the masks: AUROC {found['auroc']:.3f}" in page
    with pytest.raises(SystemExit) as end:
        main(['report', str(folder), '--model', str(model), '--out', str(folder.parent/'s.html')])
    assert end.value.code==0
    assert f"Pixels, against the masks: AUROC {found['auroc']:.3f}" in capsys.readouterr().out


def test_a_picture_without_a_mask_counts_only_if_it_is_normal(masked):
    folder, _ = masked
    (folder/'masks/spot/2.png').unlink()
    done, _ = reported(masked)
    assert done['pixels']['pictures']==11
    note, = (note for note in done['notes'] if 'without a mask' in note)
    assert note.startswith('1 picture') and 'test/spot/2.png' in note


@pytest.mark.parametrize('damage, why', [
    (lambda path: path.write_bytes(b'no picture'), 'a mask cannot be read: neither BMP'),
    (lambda path: path.write_bytes((path.parent.parent.parent/'train/good/0.png').read_bytes()[:300]),
     'a mask cannot be read'),
    (lambda path: path.write_bytes(deep_png(3)), 'more than 8 bits a value'),
    (lambda path: Image.new('L', (9, 9)).save(path), 'a mask of 9×9 pixels, its picture has 40×24')])
def test_a_mask_that_is_no_use_is_named(masked, damage, why):
    folder, _ = masked
    damage(folder/'masks/spot/2.png')
    done, page = reported(masked)
    note, = (note for note in done['notes'] if note.startswith('The masks were not used'))
    assert why in note and '(masks/spot/2.png)' in note
    assert done['pixels']=={} and 'Pixels, against' not in page and done['labels']['auroc']>0


def test_a_mask_that_contradicts_its_label_is_not_counted(masked):
    "A black mask of a blot, and a white one of a good picture"
    folder, _ = masked
    Image.new('L', (40, 24)).save(folder/'masks/spot/2.png')
    done, _ = reported(masked)
    note, = (note for note in done['notes'] if 'its label contradicts' in note)
    assert note.startswith('1 picture with a mask') and 'spot/2.png' in note
    assert done['pixels']['pictures']==11
    for mask in (folder/'masks/spot').iterdir(): Image.new('L', (40, 24)).save(mask)
    done, _ = reported(masked)
    assert done['pixels']=={} and any(note.startswith('No pixel AUROC') for note in done['notes'])


def test_a_mask_of_no_picture_is_said(masked):
    folder, _ = masked
    (folder/'masks/spot/2.png').rename(folder/'masks/spot/77.png')
    done, _ = reported(masked)
    assert any(note.startswith("1 mask of no picture ('masks/spot/77.png')") for note in done['notes'])


def test_masks_without_labels_are_compared_too(masked):
    "Nobody knows who is normal: only what has a mask counts"
    from ganad._files.report import report_file
    folder, model = masked
    with zipfile.ZipFile(folder.parent/'p.zip', 'w') as zipped:
        for path in sorted([*(folder/'test/spot').iterdir(), *(folder/'test/good').iterdir()]):
            zipped.write(path, f'{path.parent.name}-{path.name}')
        for path in (folder/'masks/spot').iterdir(): zipped.write(path, f'masks/spot-{path.name}')
    done = report_file(model, folder.parent/'p.zip', folder.parent/'r.html')
    assert done['pixels']['pictures']==6 and done['pixels']['auroc']>.8
    assert '<h2>Against the masks</h2>' in (folder.parent/'r.html').read_text('utf-8')
    assert any(note.startswith('6 pictures without a mask') for note in done['notes'])


@pytest.mark.parametrize('width', [1400, 390])
def test_at_night_the_page_is_dark_and_its_figures_are_cards(page_of, chrome, width):
    "Whatever is read stands out from what it stands on; a figure keeps its white ground"
    folder, _ = page_of(planted())
    page = chrome.new_page(viewport=dict(width=width, height=900), color_scheme='dark')
    page.goto((folder/'report.html').as_uri())
    def style(selector, name):
        return page.eval_on_selector(selector, f'e => getComputedStyle(e).{name}')
    def luminance(colour):
        channels = [int(value)/255 for value in re.findall(r'\d+', colour)[:3]]
        linear = [c/12.92 if c<=.04045 else ((c+.055)/1.055)**2.4 for c in channels]
        return .2126*linear[0] + .7152*linear[1] + .0722*linear[2]
    ground = luminance(style('body', 'backgroundColor'))
    assert ground<.02
    for text in ('body', 'figcaption', '.verdict', 'td', 'pre'):
        assert (luminance(style(text, 'color')) + .05)/(ground + .05)>=4.5, text
    assert luminance(style('pre', 'backgroundColor'))<.03
    assert style('figure img', 'backgroundColor')=='rgb(255, 255, 255)'
    box = page.locator('figure img').first.bounding_box()
    assert box['x']>=0 and box['x']+box['width']<=width
    page.close()
