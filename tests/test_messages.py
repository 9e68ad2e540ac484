"""Every kind of mistake at the command line, as a user reads it: `messages.txt` is compared as a whole.

Left out is what the machine or another library words: disks, devices, damaged files.

After a change, `python tests/test_messages.py` writes it again; the difference shows what users will see."""
import contextlib
import io
import os
import shlex
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from advised import wrong_advice
from PIL import Image
from pumps import pump

MESSAGES = Path(__file__).parent/'messages.txt'
LONGEST = 200                                                   # characters of a message that are kept

FIT = 'fit train.csv --save new --label bad --drop no --method alad'
GAN = 'fit train.csv --save left --label bad --drop no --method gan --set nz=2'      # see `write_models`
MISTAKES = {
    # files
    'file that is not there': 'fit nothing.csv --save new',
    'file of an unknown kind': 'fit t.xlsx --save new',
    'empty file': 'fit empty.csv --save new',
    'no rows': 'fit no-rows.csv --save new',
    'value too few': 'fit torn.csv --save new',
    'quote left open': 'fit quote.csv --save new',
    'two columns of one name': 'fit twice.csv --save new',
    'no header': 'fit no-header.csv --save new',
    'other encoding': 'fit latin.csv --save new',
    'decimal comma': 'fit comma.csv --save new',
    'one word among numbers': 'fit stray.csv --save new',
    'line of units': 'fit of-units.csv --save new',
    'thousands': 'fit thousands.csv --save new',
    'thousands with points': 'fit points.csv --save new',
    'one comma among points': 'fit one-comma.csv --save new',
    'numbers with a unit': 'fit measures.csv --save new',
    'times of day': 'fit hours.csv --save new',
    'numbers and words': 'fit mixed.csv --save new',
    'titles as wide as the table': 'fit wide-title.csv --save new',
    'titles and an empty line': 'fit titles.csv --save new',
    'several blanks between values': 'fit wide-gaps.csv --save new',
    'JSON that is called a table': 'fit json.csv --save new',
    'web page that is called a table': 'fit page.csv --save new',
    'dates': 'fit dates.csv --save new',
    'codes among numbers': 'fit codes.csv --save new',
    'row where names should be': 'fit headerless.csv --save new',
    'comment above the names': 'fit comment.csv --save new',
    'title above the names': 'fit title.csv --save new',
    'separator at the end of rows': 'fit trailing.csv --save new',
    'names that come again': 'fit names-again.csv --save new',
    'first row that comes again': 'fit row-again.csv --save new',
    'separator that does not occur': "fit train.csv --save new --sep ';' --header none",
    'word that is dropped': 'fit train.csv --save new --words mode --drop mode',
    'picture without its folder': 'fit pictures/good/00.png --save new',
    'word not seen below, among numbers': 'fit new-word.csv --save new',
    'false among numbers': 'fit false.csv --save new',
    'decimal comma that is none': 'fit one-comma.csv --save new --decimal ,',
    'every value with a decimal comma': 'fit all-commas.csv --save new',
    'more lines to skip than there are': 'fit names.csv --save new --skip-rows 500',
    'pickle that is called a table': 'fit pickle.csv --save new',
    'value without a name': 'fit unnamed.csv --save new',
    'columns between blanks': 'fit blanks.csv --save new',
    'sheet that is called a table': 'fit sheet.csv --save new',
    'table in an archive': 'fit table.zip --save new',
    'separator of two signs': 'fit train.csv --save new --sep ::',
    'words that are no column': 'fit train.csv --save new --words what',
    'small file that takes much memory': 'fit bomb.npz --save new',
    'separator of an archive': 'fit x.npz --save new --sep ,',
    'Parquet with times': 'fit times.parquet --save new',
    'NPZ with objects': 'fit objects.npz --save new',
    'NPZ that promises too much': 'fit lies.npz --save new',
    'NPZ of another width': 'score wide.npz --model n',
    'NPZ of another width, of a model from Python': 'score wide.npz --model a',
    'NPZ with two arrays': 'fit two.npz --save new',
    'NPZ of another shape': 'fit flat.npz --save new',
    'NPZ without such labels': 'fit x.npz --save new --label y',
    'NPZ with labels of another shape': 'fit labels.npz --save new --label y',
    'folder without pictures': 'fit none --save new',
    'no picture can be read': 'fit junk --save new',
    'torn picture, strictly': 'fit torn-pictures --save new --strict',
    'two pictures of one name': 'fit twice.zip --save new',
    'zipped table': 'fit table.csv.zip --save new',
    'several data sets in one folder': 'fit sets --save new',
    'archive that leaves its folder': 'fit evil.zip --save new',
    'no name of what to read': 'fit "" --save new',
    'no limit of memory': 'fit train.csv --save new --max-gb 0',
    'one sign for thousands and fractions': 'fit train.csv --save new --thousands .',
    # rows to learn from
    'one row': 'fit one-row.csv --save new --method pca',
    'numbers that are called words': 'fit numbers.csv --save new --words x',
    'name in each row': 'fit names.csv --save new',
    'column without values': 'fit no-values.csv --save new --method pca',
    'gaps': 'fit gaps.csv --save new --label bad --drop no',
    'infinity': 'fit infinity.csv --save new --method pca',
    'too many categories': 'fit categories.csv --save new --method pca',
    'no such label column': 'fit train.csv --save new --label what',
    'no such column to drop': 'fit train.csv --save new --drop nothing,no',
    'no column left': 'fit train.csv --save new --drop no,mode,speed,heat,flow,bad',
    'all anomalous': 'fit anomalous.csv --save new --label bad',
    'labels that nobody explains': 'fit words.csv --save new --label bad',
    'no such normal label': FIT + ' --normal 7',
    'no such normal folder': 'fit pictures --save new --normal god',
    'normal value without labels': 'fit train.csv --save new --normal ok',
    'normal value of pictures in no folder': 'fit pictures/good --save new --normal good',
    'method that needs labels': 'fit train.csv --save new --drop no,bad --method classifier',
    # settings
    'method': FIT.replace('alad', 'alda'),
    'size of a table': 'fit train.csv --save new --label bad --size 16',
    'words of pictures': 'fit pictures --save new --words a --impute median',
    'strict with a table': 'score test.csv --model m --strict',
    'two ways to draw a threshold': FIT + ' --set contamination=.3 --false-alarms .1',
    'setting that is an option, too': FIT + ' --set epochs=3 --epochs 2',
    'setting': FIT + ' --set nzz=3',
    'setting without a value': FIT + ' --set nz',
    'setting that is no number': FIT + ' --set nz=abc',
    'setting below zero': FIT + ' --set nz=-1',
    'setting of another type': FIT + ' --set nets=3',
    'setting of too little': FIT + ' --method gan --set k=0',
    'setting of a part': FIT + ' --method isolationforest --set trees=1.5',
    'setting that is a function': FIT + ' --method anogan --set l_d=features',
    'false alarms that are no number': FIT + ' --method pca --set false_alarms=abc',
    'seed that is no number': FIT + ' --set random_state=x',
    'false alarms': FIT + ' --false-alarms 2',
    'false alarms for too few rows': FIT + ' --false-alarms .001 --method pca',
    'contamination': FIT + ' --contamination .9',
    'holdout': FIT + ' --set holdout=2',
    'epochs': FIT + ' --epochs 0',
    'precision': FIT + ' --precision bf8',
    'batch size': FIT + ' --batch-size 0',
    'way to impute': FIT + ' --impute zero --method pca',
    'seed': FIT + ' --seed -1',
    'last rows and whole groups': FIT + ' --method pca --groups mode --hold-out last',
    'groups in no column': FIT + ' --groups what',
    'rows of one group': 'fit one-group.csv --save new --groups site',
    'groups of pictures': 'fit pictures --save new --groups good --method pca',
    'size': 'fit pictures --save new --size 30',
    'place of the model': FIT + ' --save none',
    'model over data': 'fit test.csv --save test.csv --drop no,bad',
    'model over a file that is none': 'fit train.csv --save words.csv --method pca',
    'names in no quotes': 'fit train.csv --save new --drop "a\nb"',
    'checkpoint of another seed': GAN + ' --seed 1',
    'checkpoint of other rows': GAN.replace('train', 'test'),
    'checkpoint of another method': 'fit train.csv --save left --label bad --drop no',
    'checkpoint of another setting': GAN.replace('nz=2', 'nz=3'),
    # scores and reports
    'model that is not there': 'score test.csv --model nothing',
    'model that is a table': 'score test.csv --model train.csv',
    'model that was changed': 'info edited',
    'column that is missing': 'score missing.csv --model m',
    'numbers that became text': 'score units.csv --model m',
    'decimal commas where points were': 'score commas.csv --model m',
    'one typing error': 'score typo.csv --model m',
    'gaps where there were none': 'score test-gaps.csv --model m',
    'infinity to score': 'score test-infinity.csv --model m',
    'text where numbers were, in Parquet': 'score units.parquet --model m',
    'nothing to score': 'score test-no-rows.csv --model m',
    'column without a value': 'score test-silent.csv --model g --out scores.csv',
    'other text than in training': 'score test.csv --model bars --out scores.csv',
    'scored already': 'score scored.csv --model m',
    'scores of parts to standard output': 'score parts --model m',
    'scores of parts in one file': 'score parts --model m --out scores.csv',
    'scores of parts and labels': 'score parts --model m --out new --label bad',
    'first part without a column': 'score narrow-parts --model m --out new',
    'cluster for one file': 'score test.csv --model m --out new --cluster tcp://127.0.0.1:9',
    'pictures for a model of tables': 'score pictures --model m',
    'table for a model of pictures': 'score test.csv --model p',
    'pictures of another depth': 'score deep --model p',
    'torn picture to score, strictly': 'score torn-pictures --model p --strict',
    'threshold': 'score test.csv --model m --threshold nan',
    'JSON and scores to one place': 'score test.csv --model m --json',
    'ending of the scores': 'score test.csv --model m --out scores.parquet',
    'scores over data': 'score test.csv --model m --out test.csv',
    'scores into a folder': 'score test.csv --model m --out none',
    'scores without a name': 'score test.csv --model m --out ""',
    'report to standard output': 'report test.csv --model m --out /dev/stdout',
    'report without a name': 'report test.csv --model m --out -',
    'ending of the report': 'report test.csv --model m --out report.pdf',
    'report of no rows': 'report test.csv --model m --out report.html --top 0',
    'report with no such normal label': 'report test.csv --model m --out report.html --normal good',
    'comparison without labels': 'compare train.csv test.csv --out c.html --drop no,bad',
    'method of a comparison': 'compare train.csv test.csv --out c.html --label bad --methods alda',
    'label that is a feature': 'score test.csv --model m --out scores.csv --label heat',
    'label that is not there': 'score test.csv --model m --out scores.csv --label state',
    'label of pictures': 'fit pictures --save new --label good',
    'column without labels': 'fit unlabelled.csv --save new --label bad',
    'NPZ with labels that nobody named': 'fit forgotten.npz --save new',
    # the course
    'data set': 'demo --out new --data digitz',
    'method of the demo': 'demo --out new --methods bigan,alda',
    'class': 'demo --out new --normal 12',
    'class of KDD': 'demo --out new --data kdd99 --normal 1',
    'labels of KDD': 'demo --out new --data kdd99 --methods classifier',
    'no table of ADBench': 'demo --out new --data adbench/beer --methods knn',
    'no name of a table of ADBench': 'demo --out new --data adbench --methods knn',
    'seeds': 'demo --out new --seeds 0',
    'table of the course': 'bench --matrix digitz',
    'processes': 'bench --matrix quick --jobs 0',
    'minutes': 'bench --matrix quick --max-minutes nan',
}


def pumps(n, seed=0, broken=0):
    "With names that need no care on a command line"
    return pump(n, seed, broken).rename(columns={'mode 🌡':'mode', 'heat, °C':'heat'})


TEXTS = {
    't.xlsx': '', 'empty.csv': '', 'no-rows.csv': 'a,b\n', 'torn.csv': 'a,b\n1,2\n3',
    'quote.csv': 'a,b\n1,"2\n3,4\n',
    'twice.csv': 'a,b,a\n1,2,3\n', 'no-header.csv': '.5,1.5\n1,2\n',
    'comma.csv': 'a;b\n' + '1,5;2\n-2,25;3\n'*9,
    'one-row.csv': 'a,b\n1,2\n', 'names.csv': ''.join(['a,name\n', *(f'{i},n{i}\n' for i in range(99))]),
    'no-values.csv': 'a,b\n' + '1,\n2,\n'*9, 'infinity.csv': 'a\n' + '1\n2\ninf\n'*9,
    'stray.csv': 'a,b\n' + '1,2\n'*9 + '?,3\n', 'of-units.csv': 'a,b\nm,kg\n' + '1,2\n'*9,
    'points.csv': 'a;b\n' + '1.050;3\n730;4\n'*9, 'one-comma.csv': 'a;b\n' + '1.25;3\n'*9 + '1,25;3\n',
    'measures.csv': 'a,b\n' + '1,10.5 mm\n'*9, 'hours.csv': 'a,b\n' + '1,12:45\n'*9,
    'mixed.csv': 'a,b\n' + ''.join(f'{i%7},{i if i%4 else "low"}\n' for i in range(99)),
    'wide-title.csv': 'Export,today\na,b\n' + '1,2\n'*9, 'titles.csv': 'Pumps\n\na,b\n1,2\n',
    'wide-gaps.csv': 'a    b\n1    2\n10   20\n', 'json.csv': '[{"a": 1}]',
    'row-again.csv': '10.5,3\n' + '11.2,4\n'*9 + '10.5,3\n',
    'names-again.csv': 'a,b\n' + '1.5,2\n'*9 + 'a,b\n', 'new-word.csv': 'ssh,3\n' + 'tcp,50\nudp,47\n'*9,
    'false.csv': 'a,b\n' + ''.join(f'{50 + i},{i}\n' for i in range(9)) + 'FALSE,3\n',
    'all-commas.csv': 'a;b\n' + '1,5;2,5\n'*9,
    'page.csv': '<html><table></table></html>',
    'thousands.csv': 'a;b\n' + '1,200;3\n'*9, 'dates.csv': 'a,day\n' + '1,2026-01-31\n'*9,
    'codes.csv': 'a\n' + '1\n'*9 + '007\n', 'headerless.csv': '7,tcp\n' + '8,tcp\n'*9,
    'comment.csv': '# made by hand\na,b\n1,2\n', 'title.csv': 'Pumps\na,b\n1,2\n',
    'trailing.csv': 'a,b\n' + '1,2,\n'*9, 'unnamed.csv': 'a,,b\n1,,2\n1,7,2\n',
    'blanks.csv': 'a b\n1 2\n3 4\n', 'sheet.csv': 'PK\3\4',
    'categories.csv': ''.join(['a,b\n', *(f'{i},c{i//3}\n' for i in range(900))]),
    'one-group.csv': 'a,site\n' + '1,x\n2,x\n'*99,
    'numbers.csv': 'x,y\n' + ''.join(f'{i}.5,{i%3}\n' for i in range(99)),
    'unlabelled.csv': 'a,bad\n' + '1,\n2,unknown\n'*9,
    'anomalous.csv': 'a,bad\n' + '1,1\n2,1\n'*9, 'words.csv': 'a,bad\n' + '1,ok\n2,no\n'*9,
}


def write_tables():
    for name, text in TEXTS.items(): Path(name).write_text(text)
    Path('pickle.csv').write_bytes(b'\x80\x04\x95')
    Path('latin.csv').write_bytes('a,b\nü,1\n'.encode('latin1'))
    pd.DataFrame(dict(a=[1, 2], when=pd.to_datetime(['2026-01-01']*2))).to_parquet('times.parquet')
    train, test = pumps(400, broken=10), pumps(300, 1, 12)
    train.to_csv('train.csv', index=False)
    test.to_csv('test.csv', index=False)
    gaps = train.assign(flow=train.flow.where(train.index<200), mode=train['mode'].where(train.index!=250))
    gaps.to_csv('gaps.csv', index=False)
    test.drop(columns='heat').to_csv('missing.csv', index=False)
    for folder in ('parts', 'narrow-parts'): Path(folder).mkdir()
    test.to_parquet('parts/0.parquet')
    test.drop(columns='heat').to_parquet('narrow-parts/0.parquet')
    units = test.assign(speed=test.speed.round(1).astype(str) + ' rpm')
    units.to_csv('units.csv', index=False)
    units.to_parquet('units.parquet')
    commas = test.speed.round(2).astype(str).str.replace('.', ',')
    test.assign(speed=commas).to_csv('commas.csv', index=False)
    test.assign(speed=[*test.speed[:-1].astype(str), '2O']).to_csv('typo.csv', index=False)
    test.assign(flow=test.flow.where(test.index>2)).to_csv('test-gaps.csv', index=False)
    test.assign(flow=[np.inf, *test.flow[1:]]).to_csv('test-infinity.csv', index=False)
    test[:0].to_csv('test-no-rows.csv', index=False)
    test.assign(heat='n/a').to_csv('test-silent.csv', index=False)
    train.drop(columns=['no', 'bad']).to_csv('bars.csv', index=False, sep='|')
    test.assign(score=1).to_csv('scored.csv', index=False)


def write_arrays():
    np.savez('objects.npz', x=np.array([{}], dtype=object))
    np.savez('two.npz', a=np.zeros((2, 2)), b=np.zeros((2, 2)))
    np.savez('flat.npz', x=np.zeros(5))
    np.savez('x.npz', x=np.zeros((2, 2)))
    np.savez('narrow.npz', x=np.random.default_rng(0).normal(size=(99, 3)))
    np.savez('wide.npz', x=np.zeros((9, 4)))
    np.savez('labels.npz', x=np.zeros((5, 2)), y=np.zeros(4))
    np.savez('forgotten.npz', x=np.zeros((5, 2)), y=np.zeros(5))
    np.savez_compressed('bomb.npz', x=np.zeros((2**24, 16), bool))
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, dict(descr='<f8', fortran_order=False, shape=(10**12, 10)))
    with zipfile.ZipFile('lies.npz', 'w') as archive: archive.writestr('x.npy', header.getvalue() + bytes(80))


def write_pictures():
    for folder, n in {'pictures/good':30, 'torn-pictures':4, 'junk':0, 'none':0}.items():
        Path(folder).mkdir(parents=True)
        for i in range(n):
            x = np.random.default_rng(i).integers(256, size=(8, 8)).astype('u1')
            Image.fromarray(x).save(f'{folder}/{i:02}.png')
    Path('deep').mkdir()
    for i in range(4): Image.fromarray(np.full((8, 8), 100*i, 'u2')).save(f'deep/{i}.png')
    for path in ('torn-pictures/02.png', 'junk/00.png'): Path(path).write_bytes(b'no picture')
    with zipfile.ZipFile('table.zip', 'w') as archive: archive.writestr('t.csv', 'a,b\n1,2\n')
    for name in ('bottle', 'cable'): shutil.copytree('pictures', f'sets/{name}/train')
    archives = {'twice.zip':['good/a.png', 'good/a.png'], 'table.csv.zip':['table.csv']}
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')                              # zipfile says what it does
        for path, names in archives.items():
            with zipfile.ZipFile(path, 'w') as archive:
                for name in names: archive.writestr(name, b'')
    with zipfile.ZipFile('evil.zip', 'w') as archive: archive.writestr('../x.png', b'')


def write_models():
    from ganad.estimator import estimators
    assert outcome('fit train.csv --save m --label bad --drop no --method pca --set k=2 --quiet')==(0, '')
    assert outcome('fit pictures --save p --method pca --quiet')==(0, '')
    impute = 'fit gaps.csv --save g --label bad --drop no --method pca --set k=2 --impute median --quiet'
    assert outcome(impute)==(0, '')
    assert outcome("fit bars.csv --save bars --sep '|' --method pca --set k=2 --quiet")==(0, '')
    assert outcome('fit narrow.npz --save n --method pca --quiet')==(0, '')
    estimators()['pca']().fit(np.load('narrow.npz')['x']).save('a')
    content = Path('m').read_bytes()
    Path('edited').write_bytes(content[:-1] + bytes([content[-1]^1]))
    rows = pd.read_csv('train.csv')
    normal = rows[rows.bad==0].drop(columns=['no', 'bad'])
    gan = estimators()['gan'](epochs=1, nz=2, random_state=0, false_alarms=.05)
    gan.fit(normal, checkpoint='left.part')             # as of a training that was killed before it was saved


def outcome(line):
    "Exit code, and what went to standard error"
    from ganad.cli import main
    err = io.StringIO()
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(err):
        try: main(shlex.split(line))
        except SystemExit as end: return end.code, err.getvalue()


def messages(folder):
    "A line for each kind of mistake; whatever is no mistake of one line, or leaves a file behind, fails"
    was = os.getcwd()
    os.chdir(folder)
    try:
        write_tables()
        write_arrays()
        write_pictures()
        write_models()
        there = {*Path().rglob('*')}
        lines = []
        for kind, line in MISTAKES.items():
            code, err = outcome(line)
            assert code==2 and err.startswith('ganad: ') and err.count('\n')==1, (kind, code, err)
            assert not (wrong := wrong_advice(shlex.split(line), '', err)), (kind, wrong)
            assert {*Path().rglob('*')}==there, f'{kind}: it left a file behind'
            text = err.removeprefix('ganad: ').strip()
            before, list_follows, _ = text.partition('there are: ')
            if list_follows: text = before + 'there are: …'       # a new method is no new message
            if len(text)>LONGEST: text = text[:LONGEST] + ' …'
            lines.append(f'{kind}: {text}')
        return lines
    finally: os.chdir(was)


def test_messages(tmp_path, monkeypatch):
    monkeypatch.setenv('GANAD_CACHE', str(tmp_path/'cache'))
    (tmp_path/'work').mkdir()
    expected = MESSAGES.read_text(encoding='utf-8').splitlines()
    assert messages(tmp_path/'work')==expected, 'if they should be so, write the file again'


if __name__=='__main__':
    with tempfile.TemporaryDirectory() as folder:
        MESSAGES.write_text('\n'.join(messages(folder)) + '\n', encoding='utf-8')
