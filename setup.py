"Packaging: everything is declared in settings.ini, which nbdev reads too"
from configparser import ConfigParser
from pathlib import Path
import setuptools

cfg = ConfigParser(delimiters=['='])
cfg.read('settings.ini', encoding='utf-8')
cfg = cfg['DEFAULT']

setuptools.setup(
    name=cfg['lib_name'], version=cfg['version'], description=cfg['description'],
    project_urls={'Source': cfg['repository']} if cfg['repository'] else {},
    author=cfg['author'], author_email=cfg['author_email'], license='Apache-2.0', keywords=cfg['keywords'],
    long_description=Path('README.md').read_text(encoding='utf-8'), long_description_content_type='text/markdown',
    classifiers=['Intended Audience :: Education', 'Intended Audience :: Science/Research',
                 'Programming Language :: Python :: 3', 'Topic :: Scientific/Engineering :: Artificial Intelligence'],
    packages=setuptools.find_packages(include=['ganad*'], exclude=['ganad.site*']),    # what builds the site stays here
    include_package_data=True, exclude_package_data={'': ['site/*', 'site/*/*']},
    python_requires='>=' + cfg['min_python'], install_requires=cfg['requirements'].split(),
    extras_require=dict(dev=cfg['dev_requirements'].split(), widgets=cfg['widget_requirements'].split(),
                        **{k:cfg[f'{k}_requirements'].split() for k in ('course','cluster','onnx','parquet','completion')}),
    entry_points=dict(console_scripts=cfg['console_scripts'].split('\n'),
                      nbdev=[f"{cfg['lib_name']}={cfg['lib_path']}._modidx:d"]))
