"""Installs gluongan, with the command line in the top-level folder `cli` as `gluongan.cli`."""

import json
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:  # before setuptools 70.1
    from wheel.bdist_wheel import bdist_wheel

# python_requires alone is not enough: pip may first build NumPy from source, for minutes, and fail.
if not (3, 9) <= sys.version_info[:2] <= (3, 12):
    sys.exit(
        'gluongan needs Python 3.9 to 3.12, as MXNet 1.9.1 does; this is Python {}.{}'.format(
            *sys.version_info
        )
    )

HERE = Path(__file__).parent
VERSION = re.search(r"__version__ = '(.+)'", (HERE / 'gluongan' / '__init__.py').read_text())[1]
# The address of the repository that a release is made from; nothing is invented where it has none.
ADDRESS = os.environ.get('GLUONGAN_ADDRESS', '').rstrip('/')
ONNX = [
    'onnx>=1.13',
    'onnxruntime>=1.14',
]  # the graph is written in our own words, so any of them will do
REPORT = ['jinja2>=3.0']
SEARCH = [
    'optuna>=4.0',  # the first with its journal in optuna.storages.journal
    'scikit-learn>=1.2',  # for the importance of settings
]

TENSORBOARD = ['tensorboardX>=2.5']
DOCS = [
    'sphinx>=7.4',  # the last that Python 3.9 has
    'myst-parser>=3.0',
    'furo>=2024.8',
    'nbclient>=0.8',  # runs examples/first_digits.ipynb
    'ipykernel>=6',
]

# What libmxnet.so of mxnet-cu117 loads, of the release of CUDA that it was built with. PyTorch
# 2.0.1 brings the same ones. Which wheel has which library is in gluongan/devices/libraries.py.
CUDA = [
    'nvidia-cublas-cu11==11.10.3.66',
    'nvidia-cuda-nvrtc-cu11==11.7.99',
    'nvidia-cuda-runtime-cu11==11.7.99',
    'nvidia-cudnn-cu11==8.5.0.96',  # MXNet never ran with 9
    'nvidia-cufft-cu11==10.9.0.58',
    'nvidia-curand-cu11==10.2.10.91',
    'nvidia-cusolver-cu11==11.4.0.1',
    'nvidia-cusparse-cu11==11.7.4.91',
    'nvidia-nccl-cu11==2.14.3',
    'nvidia-nvtx-cu11==11.7.91',
]

# Strict IEEE arithmetic, except that products are made of fused multiply-adds.
FLAGS = ['-std=c++17', '-O3', '-fno-math-errno', '-fno-trapping-math', '-fPIC', '-pthread']
FLAGS += ['-Wno-psabi']  # on vectors as arguments, of functions that are inlined
CONTRACTION = {'products': 'fast'}


def read_me():
    """Return the README for readers elsewhere: its links and pictures lead to the repository.

    Without an address they would lead nowhere, so that the links are text and the pictures go.
    """
    text = (HERE / 'README.md').read_text(encoding='utf-8')
    if not ADDRESS:
        text = re.sub(r'^!\[[^]]*]\((?!https?:)[^)]*\)\n+', '', text, flags=re.M)
        return re.sub(r'(?<!!)\[([^]]*)]\((?!https?:|#)[^)]*\)', r'\1', text)
    text = re.sub(r'(!\[[^]]*]\()(?!https?:)', rf'\1{ADDRESS}/raw/HEAD/', text)
    return re.sub(r'((?<!!)\[[^]]*]\()(?!https?:|#)', rf'\1{ADDRESS}/blob/HEAD/', text)


def project_urls():
    """Return the addresses that PyPI shows beside the description."""
    if not ADDRESS:
        return {}
    pages = {'Documentation': 'docs', 'Changelog': 'CHANGELOG.md'}
    blobs = {title: f'{ADDRESS}/blob/HEAD/{page}' for title, page in pages.items()}
    return {'Source': ADDRESS, 'Issues': f'{ADDRESS}/issues', **blobs}


class BuildWithOperators(build_py):
    """Also builds gluongan/native/libgluongan.so.1, where there is a C++ compiler."""

    def run(self):
        super().run()
        root = HERE if self.editable_mode else Path(self.build_lib)
        build_operators(root / 'gluongan' / 'native' / 'libgluongan.so.1')


def build_operators(target):
    """Compile the operators against the headers in MXNet's wheel, if there is a compiler."""
    target.unlink(missing_ok=True)  # of an earlier build
    compiler = shutil.which('g++') or shutil.which('c++')
    mxnet = find_spec('mxnet')  # found, not imported
    if compiler is None or mxnet is None:
        print('gluongan: no C++ compiler; training works, but takes longer', file=sys.stderr)
        return
    mxnet = Path(mxnet.submodule_search_locations[0])
    sources = [*sorted((HERE / 'gluongan' / 'native').glob('*.cc')), mxnet / 'src' / 'lib_api.cc']
    includes = [f'-I{mxnet / "include"}', f'-I{mxnet / "include" / "mxnet"}']
    target.parent.mkdir(parents=True, exist_ok=True)
    with TemporaryDirectory() as folder, ThreadPoolExecutor() as executor:
        commands, objects = [], []
        for source in sources:
            objects.append(f'{folder}/{source.stem}.o')
            contraction = f'-ffp-contract={CONTRACTION.get(source.stem, "off")}'
            command = [compiler, *FLAGS, contraction, *includes, '-c', str(source)]
            commands.append([*command, '-o', objects[-1]])
        succeeded = all(executor.map(run_compiler, commands))
        if succeeded:
            run_compiler([compiler, '-shared', '-pthread', *objects, '-o', str(target)])


def run_compiler(command):
    """Return whether a command succeeds; say what it says where it does not."""
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        print(f'gluongan: its operators do not compile here:\n{result.stderr}', file=sys.stderr)
    return result.returncode == 0


# What is in the wheel and is not ours: name, version, licence, package URL, where.
OTHERS = [
    ('uplot', '1.6.32', 'MIT', 'pkg:npm/uplot@1.6.32', 'gluongan/pages/vendor/uplot'),
    ('mxnet', '1.9.1', 'Apache-2.0', 'pkg:pypi/mxnet@1.9.1', 'lib_api.cc, in the operators'),
    ('mnist', None, 'CC-BY-SA-3.0', None, 'gluongan/data/mnist'),
]


def bill_of_materials():
    """Return what the wheel holds, as CycloneDX 1.6; what it needs is in its metadata."""
    components = []
    for name, version, licence, url, place in [
        ('gluongan', VERSION, 'Apache-2.0', None, None),
        *OTHERS,
    ]:
        component = {
            'type': 'data' if url is None and place else 'library',
            'name': name,
            'version': version,
            'licenses': [{'license': {'id': licence}}],
            'purl': url,
            'description': place,
        }
        components.append({key: value for key, value in component.items() if value})
    ours, *others = components
    ours['purl'] = f'pkg:pypi/gluongan@{VERSION}'
    bill = {'bomFormat': 'CycloneDX', 'specVersion': '1.6', 'version': 1}
    return {**bill, 'metadata': {'component': ours}, 'components': others}


class WheelWithOperators(bdist_wheel):
    """The library has no Python ABI: one wheel serves all versions of Python."""

    def finalize_options(self):
        # The library makes the whole package one of a platform, and auditwheel looks at no other.
        self.distribution.has_ext_modules = lambda: True
        super().finalize_options()
        self.root_is_pure = False

    def write_wheelfile(self, wheelfile_base, *arguments, **options):
        super().write_wheelfile(wheelfile_base, *arguments, **options)
        bill = Path(wheelfile_base, 'sboms', 'gluongan.cdx.json')  # PEP 770
        bill.parent.mkdir(exist_ok=True)
        bill.write_text(json.dumps(bill_of_materials(), indent=1) + '\n')

    def get_tag(self):
        _, _, platform = super().get_tag()
        return 'py3', 'none', platform


setup(
    cmdclass={'build_py': BuildWithOperators, 'bdist_wheel': WheelWithOperators},
    name='gluongan',
    version=VERSION,
    description='Train, judge, benchmark and export generative adversarial networks on MXNet/Gluon',
    long_description=read_me(),
    long_description_content_type='text/markdown',
    project_urls=project_urls(),
    license='Apache-2.0',
    license_files=[
        'LICENSE',
        'gluongan/data/mnist/LICENSE-MNIST.md',
        'gluongan/pages/vendor/uplot/LICENSE',
    ],
    # MXNet 1.9.1 is the last release. It never ran on 3.13, and 3.8 is past its end of life.
    python_requires='>=3.9,<3.13',
    packages=[*find_packages(include=['gluongan', 'gluongan.*']), 'gluongan.cli'],
    package_dir={'gluongan.cli': 'cli'},
    package_data={
        'gluongan': [
            'py.typed',
            '_mxnet/*.pyi',
            '_mxnet/*/*.pyi',
            'data/mnist/*',
            'evaluation/classifier/shipped/*',
            'exports/generators/*/*',
            'native/*.cc',
            'native/*.h',
            'pages/*/*.css',
            'pages/*/*.js',
            'pages/*/*.html',
            'pages/play/script/*.js',
            'pages/*/templates/*',
            'pages/vendor/*/*',
        ],
    },
    install_requires=[
        'mxnet==1.9.1',  # the last release: the project is archived
        'gluoncv==0.10.5.post0',  # the last release
        'numpy>=1.23.5,<2',  # 2.x breaks MXNet; below, one alias is enough (gluongan/runtime.py)
        'scipy>=1.9',  # gluoncv needs it already
        'matplotlib>=3.6',  # the first with layout engines
        'click>=8.0',
        'pillow>=9.1',
        'graphviz>=0.8.1,<0.9.0',  # for `gluongan summary --graph`; the range that mxnet 1.9.1 pins
        # MXNet imports distutils, which Python 3.12 no longer has; setuptools brings it.
        'setuptools; python_version >= "3.12"',
    ],
    extras_require={
        'cuda': CUDA,
        'horovod': ['horovod==0.28.1'],  # compiled from source, see docs/scaling.md
        'onnx': ONNX,
        'report': REPORT,
        'search': SEARCH,
        'tensorboard': TENSORBOARD,
        'docs': DOCS,
        'test': [
            'pytest>=7',
            'pytest-cov>=5',  # for faults.py: which test runs which line
            'wheel',  # which setup.py asks for before setuptools 70.1
            'hypothesis>=6',
            'ruff>=0.6',
            'scikit-learn>=1.2',
            'prdc==0.2',
            *ONNX,
            *REPORT,
            *SEARCH,
            *TENSORBOARD,
            'tensorboard>=2.10',  # to read back what is written
        ],
    },
    entry_points={'console_scripts': ['gluongan = gluongan.cli:main']},
    classifiers=[  # what has been seen to work, and nothing else: see docs/install.md
        'Development Status :: 4 - Beta',
        'Environment :: Console',
        'Intended Audience :: Science/Research',
        'Operating System :: POSIX :: Linux',
        'Programming Language :: C++',
        'Programming Language :: Python :: 3',
        'Programming Language :: Python :: 3.9',
        'Programming Language :: Python :: 3.10',
        'Programming Language :: Python :: 3.11',
        'Programming Language :: Python :: 3.12',
        'Typing :: Typed',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
)
