"""Damaged and odd pictures, in folders and in archives

A picture that `score` or `fit` reads must be whole: an archive holds what was put into it, and a PNG with a
wrong check sum, or without an end, still has all its pixels as they were. What is left out must be said. The
pictures that were read, written once more as plain PNG files into a new folder, give the same scores and the
same model.
"""
import io
import os
import re
import shutil
import struct
import warnings
import zipfile
import zlib

import numpy as np
from damage import Mistake, damaged, entries_of, forged_archive, pick, write_field
from fuzz_tables import PCA, like, rows_of_text
from PIL import Image, ImageOps
from said import run_command

from ganad.estimator import load

SIDE = 16
KNN = '--method', 'knn', '--contamination', '.1', '--set', 'k=1'


def good_pictures(n, seed):
    "Name → bytes of a picture: gratings, grey, of several formats"
    rng = np.random.default_rng(seed)
    found = {}
    for i in range(n):
        waves = np.sin(np.arange(SIDE)*rng.uniform(.2, .9) + rng.uniform(0, 6))
        values = (120 + 70*waves[:, None]*waves + rng.normal(0, 20, (SIDE, SIDE))).clip(0, 255).astype('u1')
        values[0, :2] = 0, 255
        kind = ['png', 'png', 'jpg', 'bmp', 'tif', 'gif', 'webp', 'pgm'][i%8]
        found[f'p{i:02d}.{kind}'] = encoded(Image.fromarray(values), kind)
    return found


def encoded(image, kind='png', **options):
    out = io.BytesIO()
    name = dict(jpg='JPEG', tif='TIFF', pgm='PPM').get(kind, kind)
    if name=='webp': options = dict(lossless=True)
    image.save(out, name, **options)
    return out.getvalue()


def is_whole_png(data):
    "Is it a PNG file to its end, with the check sums that it says? (The end itself needs none.)"
    place = 8
    while place+8<=len(data):
        length, kind = struct.unpack_from('>I4s', data, place)
        if kind==b'IEND': return True
        found = zlib.crc32(data[place+4:place+8+length])
        if data[place+8+length:place+12+length]!=found.to_bytes(4, 'big'): return False
        place += length+12
    return False


def read_again(data):
    "The picture as plain PNG; None if it cannot be read"
    try:
        image = Image.open(io.BytesIO(data), formats=['PNG', 'JPEG', 'PPM', 'BMP', 'TIFF', 'WEBP', 'GIF'])
        image.load()
        image = ImageOps.exif_transpose(image)
    except Exception: return None
    if image.mode=='I': return encoded(image, 'tif')
    if image.mode in ('I;16', 'L', '1'): return encoded(image)
    has_alpha = 'A' in image.getbands() or 'transparency' in image.info
    return encoded(image.convert('RGBA' if has_alpha else 'RGB'))


class Pictures:
    "Forged pictures in a folder"
    name = 'folder'

    def __init__(self, folder):
        self.folder = folder
        self.out = folder/'scores.csv'
        self.again = folder/'again'
        self.path = self.place(folder)
        self.contents = good_pictures(10, 1)
        write_folder(folder/'train', good_pictures(14, 0))
        said = run_command('fit', folder/'train', '--save', folder/'model', *KNN)
        if said.is_refused: raise AssertionError(said)
        self.model = folder/f'{self.name}-pictures.safetensors'
        (folder/'model').rename(self.model)
        self.scores = self.scores_of_again({name:read_again(data) for name, data in self.contents.items()})
        self.put(self.contents)
        if (self.judge_scores(self.contents), self.judge_fit(self.contents))!=('equal', 'right'):
            raise AssertionError(self.name)

    def place(self, folder): return folder/'forged'

    def put(self, contents): write_folder(self.path, contents)

    def forge(self, rng):
        "Write forged pictures; which content each has, and what was done"
        contents = dict(self.contents)
        how = pick(rng, [self.damage, self.damage, self.damage, self.other_picture, self.other_name,
                         self.links])
        return contents, how(rng, contents)

    def damage(self, rng, contents):
        said = ''
        for _ in range(int(rng.integers(1, 4))):
            name = pick(rng, [*contents])
            contents[name], how = damaged(rng, contents[name])
            said += f'{name} {how} '
        self.put(contents)
        return said

    def other_picture(self, rng, contents):
        name = pick(rng, [*contents])
        contents[name], how = odd_picture(rng)
        self.put(contents)
        return how

    def other_name(self, rng, contents):
        content = contents.pop(pick(rng, [*contents]))
        name = pick(rng, ODD_FILES)
        contents[name] = content
        self.put(contents)
        return f'named {name!r}'

    def links(self, rng, contents):
        "Links to other places, and folders and pipes that are called like pictures"
        self.put(contents)
        how = pick(rng, ['out', 'inside', 'nowhere', 'itself', 'folder', 'pipe', 'loop', 'secret'])
        path = self.path/'odd.png'
        if how=='out': path.symlink_to(self.folder/'train'/'p00.png')
        if how=='inside': path.symlink_to('p00.png')
        if how=='inside': contents['odd.png'] = contents['p00.png']
        if how=='nowhere': path.symlink_to('nobody')
        if how=='itself': path.symlink_to('odd.png')
        if how=='folder': path.mkdir()
        if how=='pipe': os.mkfifo(path)
        if how=='loop': (self.path/'again').symlink_to(self.path)
        if how=='secret': path.write_text('password')
        return f'link: {how}'

    def check(self, rng):
        "Verdict on one forged folder or archive, and what was forged"
        contents, how = self.forge(rng)
        judge = pick(rng, [self.judge_scores, self.judge_fit])
        try: return judge(contents), how, ''
        except Mistake as mistake: return mistake.verdict, how, mistake.detail

    def judge_scores(self, contents):
        self.out.unlink(missing_ok=True)
        said = run_command('score', self.path, '--model', self.model, '--out', self.out)
        if said.is_refused: return 'refused'
        with open(self.out, encoding='utf-8',
                  newline='') as file: head, *rows = rows_of_text(file.read(), ',')
        found = {row[0]:float(row[-3]) for row in rows}
        self.check_what_is_left_out(contents, found, said)
        whole = self.whole(contents, found)
        expected = self.scores_of_again(whole)
        differ = [name for name in found if not like([found[name]], [expected[name]])]
        if differ: raise Mistake('other', f'scores of {differ}')
        known = [name for name in found if contents[name]==self.contents.get(name)]
        if any(not like([found[name]], [self.scores[name]]) for name in known):
            raise Mistake('other', 'scores of pictures as they were')
        return 'equal' if len(known)==len(found) else 'right'

    def whole(self, contents, names):
        "Name → picture that was read again, if they are all undamaged"
        unknown = {*names} - {*contents}
        if unknown: raise Mistake('other', f'nobody put in {unknown}')
        whole = {name:self.read(name, contents[name]) for name in names}
        damaged_ones = [name for name, data in whole.items() if data is None]
        if damaged_ones: raise Mistake('other', f'damaged: {damaged_ones}')
        return whole

    def read(self, name, content):
        "The picture as plain PNG; None for one that is damaged, and has other pixels than before"
        again = read_again(content)
        if not content.startswith(b'\x89PNG') or is_whole_png(content): return again
        return again if again==read_again(self.contents.get(name, b'')) else None

    def check_what_is_left_out(self, contents, found, said):
        "Every picture that was put in is scored, or spoken of"
        lost = sum(map(is_picture, contents)) - len(found)
        counts = [re.match(r'ganad: ([0-9,]+) (pictures?|masks?) (skipped|left out)',
                           line) for line in said.errors]
        spoken_of = sum(int(count[1].replace(',', '')) for count in counts if count)
        if lost>spoken_of: raise Mistake('other', f'{lost} left out, {spoken_of} spoken of: {said.errors}')

    def scores_of_again(self, whole):
        write_folder(self.again, whole)
        said = run_command('score', self.again, '--model', self.model, '--out', self.out)
        if said.is_refused: raise Mistake('other', f'the same pictures are refused: {said.errors}')
        with open(self.out, encoding='utf-8',
                  newline='') as file: head, *rows = rows_of_text(file.read(), ',')
        return {row[0]:float(row[-3]) for row in rows}

    def judge_fit(self, contents):
        save = self.folder/'fitted'
        said = run_command('fit', self.path, '--save', save, *PCA, '--size', SIDE)
        if said.is_refused: return 'refused'
        found = load(save)
        names = {*self.names_in(found, contents)}
        write_folder(self.again, self.whole(contents, names))
        again = run_command('fit', self.again, '--save', save, *PCA, '--size', SIDE)
        if again.is_refused: raise Mistake('other', f'fit refuses the same pictures: {again.errors}')
        expected = load(save)
        x = np.random.default_rng(0).integers(0, 255, (9, SIDE, SIDE, 1 if found.prep_.shape[0]==1 else 3))
        x = x.astype('u1')
        is_alike = found.prep_.shape==expected.prep_.shape and like(found.anomaly_score(x),
                                                                    expected.anomaly_score(x))
        if not is_alike: raise Mistake('other', 'fit: another model')
        return 'right'

    def names_in(self, est, contents):
        "Pictures that a model has learned"
        skipped = {name for name, _ in est.extra_['skipped']}
        return [name for name in contents if is_picture(name) and name not in skipped]


ENDINGS = '.jpg', '.jpeg', '.png', '.ppm', '.pgm', '.bmp', '.tif', '.tiff', '.webp', '.gif'
ODD_FILES = ['P00.PNG', 'a b.png', 'ü.png', 'x,y.png', '"q".png', 'new\nline.png', '\x1b[31m.png',
             '.hidden.png', 'sub/p.png',
             'train/p.png', 'p.txt', 'p', 'p00_mask.png', 'masks/p00.png', 'Thumbs.db',
             '__MACOSX/p.png', 'x'*150 + '.png',
             '-.png', '~.png', 'p%00.png', '\u202egnp.png', 'test/a.png', 'good/a.png']


def is_picture(name):
    parts = name.split('/')
    return name.lower().endswith(ENDINGS) and not any(part.startswith(('.', '__MACOSX')) for part in parts)


def write_folder(path, contents):
    "A folder of these files, and of no others"
    shutil.rmtree(path, ignore_errors=True)
    path.mkdir()
    for name, data in contents.items():
        (path/name).parent.mkdir(parents=True, exist_ok=True)
        (path/name).write_bytes(data)


def odd_picture(rng):
    "A picture of another kind, size or depth; which"
    how = pick(rng, ['I;16', 'I', 'F', 'CMYK', 'P', 'LA', 'RGBA', 'RGB', '1', 'size', 'long',
                     'one pixel', 'turned', 'pages',
                     'bomb', 'text', 'svg', 'eps', 'nothing', 'black', 'no colour', 'transparent',
                     'icc', 'lies'])
    values = rng.integers(0, 256, (SIDE, SIDE)).astype('u1')
    image = Image.fromarray(values)
    if how=='I;16': return encoded(Image.fromarray(values.astype('u2')*257)), how
    if how=='I': return encoded(Image.fromarray(values.astype('i4')*99), 'tif'), how
    if how=='F': return encoded(Image.fromarray(values.astype('f4')), 'tif'), how
    if how=='CMYK': return encoded(image.convert('CMYK'), pick(rng, ['tif', 'jpg'])), how
    if how in ('P', 'LA', 'RGBA', 'RGB', '1'): return encoded(image.convert(how)), how
    if how=='size': return encoded(image.resize([int(n) for n in rng.integers(1, 60, 2)])), how
    if how=='long': return encoded(image.resize((900, 2))), how
    if how=='one pixel': return encoded(image.resize((1, 1))), how
    if how=='black': return encoded(Image.new('L', (SIDE, SIDE))), how
    if how=='pages': return encoded(image, pick(rng, ['gif', 'tif']), save_all=True,
                                    append_images=[image.rotate(90)]), how
    if how=='turned':
        exif = Image.Exif()
        exif[0x112] = int(rng.integers(0, 12))
        return encoded(image, 'jpg', exif=exif), how
    if how=='bomb':
        size = pick(rng, [(60_000, 60_000), (2**31-1, 1), (1, 2**31-1), (15_000, 15_000)])
        return png_that_says(size, image), how
    if how=='text': return b'password', how
    if how=='svg': return b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', how
    if how=='eps': return b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 16 16\nshowpage\n', how
    if how=='nothing': return b'', how
    if how=='no colour': return encoded(image, 'png', transparency=int(values[3, 3])), how
    if how=='transparent':
        of_colours = rng.integers(0, 256, 256).astype('u1').tobytes()
        return encoded(image.convert('P'), 'png', transparency=of_colours), how
    if how=='icc': return encoded(image, 'png', icc_profile=rng.bytes(200)), how
    return png_that_says(pick(rng, [(SIDE, 2*SIDE), (2*SIDE, SIDE), (0, SIDE), (SIDE, SIDE-1)]), image), how


def png_that_says(size, image):
    "A PNG file, check sums and all, that says another size"
    data = encoded(image)
    head = b'IHDR' + struct.pack('>II', *size) + data[24:29]
    return data[:12] + head + zlib.crc32(head).to_bytes(4, 'big') + data[33:]


class Archive(Pictures):
    "Forged archives of pictures"
    name = 'zip'

    def place(self, folder): return folder/'forged.zip'

    def put(self, contents): self.path.write_bytes(zipped(contents))

    def forge(self, rng):
        contents = dict(self.contents)
        how = pick(rng, [self.archive, self.archive, self.archive, self.damage, self.other_picture,
                         self.other_name,
                         self.members])
        return contents, how(rng, contents)

    def archive(self, rng, contents):
        method = pick(rng, [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED,
                            zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
        data, how = forged_archive(rng, zipped(contents, method))
        self.path.write_bytes(data)
        return f'{how}, method {method}'

    def members(self, rng, contents):
        "More members: out of the archive, twice, empty, huge, encrypted, an archive"
        how = pick(rng, ['../odd.png', '/odd.png', 'C:/odd.png', '..\\odd.png', 'a/../odd.png',
                         './odd.png', 'twice', 'twice, case',
                         'folder', 'huge', 'archive', 'table', 'link', 'encrypted', 'long', 'no text',
                         'many', 'comment'])
        more = {}
        name = pick(rng, [*contents])
        if 'odd' in how: more[how] = contents['p00.png']
        if how=='twice, case': more[name.upper()] = contents[name]
        if how=='folder': more['odd.png/'] = b''
        if how=='huge': more['odd.png'] = bytes(300<<20)
        if how=='archive': more['odd.zip'] = zipped(contents)
        if how=='table': more['table.csv'] = b'a,b\n1,2\n'
        if how=='long': more['x/'*90 + 'odd.png'] = contents['p00.png']
        if how=='many': more = {f'q{i}.txt':b'' for i in range(2000)}
        data = zipped({**contents, **more})
        if how=='twice': data = zipped_twice(contents, name)
        if how=='encrypted': data = encrypted(data)
        if how=='comment': data = data[:-2] + struct.pack('<H', 400) + rng.bytes(400)
        if how=='link': data = linked(contents)
        if how=='no text': data = data.replace(b'p00.png', b'\xff\xfe0.png')
        self.path.write_bytes(data)
        if how=='no text': contents['\xa0■0.png'] = contents.pop('p00.png')          # 0xff, 0xfe in cp437
        if how!='folder': contents.update({name.removeprefix('./'):content for name, content in more.items()})
        return f'member: {how}'


def zipped(contents, method=zipfile.ZIP_DEFLATED):
    out = io.BytesIO()
    with zipfile.ZipFile(out, 'w', method, compresslevel=1) as archive:
        for name, data in contents.items(): archive.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def zipped_twice(contents, name):
    out = io.BytesIO(zipped(contents))
    with warnings.catch_warnings(), zipfile.ZipFile(out, 'a') as archive:
        warnings.simplefilter('ignore')
        archive.writestr(zipfile.ZipInfo(name), contents['p01.png'])
    return out.getvalue()


def linked(contents):
    "A link that leads out, as tools of Unix pack it"
    out = io.BytesIO(zipped(contents))
    member = zipfile.ZipInfo('odd.png')
    member.external_attr = 0o120777<<16
    with zipfile.ZipFile(out, 'a') as archive: archive.writestr(member, '/etc/passwd')
    return out.getvalue()


def encrypted(data):
    "Every member says that it is"
    data = bytearray(data)
    for entry in entries_of(data):
        local, = struct.unpack_from('<I', data, entry+42)
        write_field(data, entry+8, 'H', 1)
        write_field(data, local+6, 'H', 1)
    return bytes(data)


PICTURES = [Pictures, Archive]
