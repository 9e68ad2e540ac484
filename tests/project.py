"Where things are in the project, for tests that look at its files"
import json
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
NBS = ROOT/'nbs'


def notebooks_below(folder):
    "Every notebook, in the order of folders and numbers; templates and what editors leave are none"
    found = {path:path.relative_to(folder).parts for path in sorted(Path(folder).rglob('*.ipynb'))}
    return [path for path, parts in found.items() if not any(part[0] in '._' for part in parts)]


def cracked_plates(root, counts, side): # Folder; 'test/crack' → how many pictures; pixels a side
    "Grey noisy plates; those of a folder `crack` have a bright square in the middle. The folder"
    import numpy as np
    from PIL import Image
    rng = np.random.default_rng(0)
    middle = slice(side//4, 3*side//4)
    for name, count in counts.items():
        folder = root/name
        folder.mkdir(parents=True)
        for i in range(count):
            pixels = rng.normal(150, 20, (side, side))
            if folder.name=='crack': pixels[middle,middle] += 90
            Image.fromarray(pixels.clip(0, 255).astype('u1')).save(folder/f'{i:03}.png')
    return root


NOTEBOOKS = notebooks_below(NBS)
TEMPLATE = NBS/'methods/_template.ipynb'
NUMBERED = [path for path in NOTEBOOKS if path.name[0].isdigit()]


def folder_of(notebook):
    "'methods', 'toolkit', …; '' for the front page"
    return notebook.parent.name if notebook.parent!=NBS else ''


def name_of(notebook):
    "A notebook's name without its number"
    return re.sub(r'^\d+_', '', notebook.stem)


def is_lesson(notebook):
    "Does it teach a method?"
    return folder_of(notebook)=='methods' and '10'<=notebook.name[:2]<'80'


@cache
def about_pages():
    "Notebook's name → what `path.yml` says of it, and what it says itself below its title"
    import yaml
    about = yaml.safe_load((NBS/'path.yml').read_text(encoding='utf-8'))
    for notebook in NUMBERED:
        title = next(source for source in sources(notebook) if source.startswith('# '))
        own = yaml.safe_load('\n'.join(re.findall(r'^- (\w+:.*)$', title, re.M))) or {}
        about[name_of(notebook)] = {**about.get(name_of(notebook), {}), **own}
    return about


def page_of(notebook):
    "The page that a notebook makes: its name, unless its address is older than its name"
    name = name_of(notebook)
    return about_pages().get(name, {}).get('page', name) + '.html'


def sources(notebook, kind='markdown'):
    "The texts of the cells of a kind"
    cells = json.loads(notebook.read_text(encoding='utf-8'))['cells']
    return [''.join(cell['source']) for cell in cells if cell['cell_type']==kind]


def read_before(notebook):
    "The notebooks that one names in a line below its title, `- first: [gan, …]`"
    title = next(text for text in sources(notebook) if text.startswith('# '))
    line = re.search(r'^- first: \[(.*)\]$', title, re.M)
    return re.findall(r'\w+', line[1]) if line else []
