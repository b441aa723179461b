"""Installs gluongan, with the command line in the top-level folder `cli` as `gluongan.cli`."""

import sys
from pathlib import Path

from setuptools import find_packages, setup

# python_requires alone is not enough: pip may first build NumPy from source, for minutes, and fail.
if not (3, 9) <= sys.version_info[:2] <= (3, 12):
    sys.exit(
        'gluongan needs Python 3.9 to 3.12, as MXNet 1.9.1 does; this is Python {}.{}'.format(
            *sys.version_info
        )
    )

HERE = Path(__file__).parent
ONNX = [
    'onnx>=1.13',
    'onnxruntime>=1.14',
]  # the graph is written in our own words, so any of them will do

setup(
    name='gluongan',
    version='0.1.0',
    description='Train, judge, benchmark and export generative adversarial networks on MXNet/Gluon',
    long_description=(HERE / 'README.md').read_text(encoding='utf-8'),
    long_description_content_type='text/markdown',
    license='Apache-2.0',
    license_files=['LICENSE', 'gluongan/data/mnist/LICENSE-MNIST.md'],
    # MXNet 1.9.1 is the last release. It never ran on 3.13, and 3.8 is past its end of life.
    python_requires='>=3.9,<3.13',
    packages=[*find_packages(include=['gluongan', 'gluongan.*']), 'gluongan.cli'],
    package_dir={'gluongan.cli': 'cli'},
    package_data={'gluongan': ['data/mnist/*', 'evaluation/classifier/shipped/*']},
    install_requires=[
        'mxnet==1.9.1',  # the last release: the project is archived
        'gluoncv==0.10.5.post0',  # the last release
        'numpy>=1.23.5,<2',  # 2.x breaks MXNet; below, one alias is enough (gluongan/runtime.py)
        'scipy>=1.9',  # gluoncv needs it already
        'matplotlib>=3.5',
        'click>=8.0',
        'pillow>=9.1',
        'graphviz>=0.8.1,<0.9.0',  # for `gluongan summary --graph`; the range that mxnet 1.9.1 pins
        # MXNet imports distutils, which Python 3.12 no longer has; setuptools brings it.
        'setuptools; python_version >= "3.12"',
    ],
    extras_require={
        'onnx': ONNX,
        'test': [
            'pytest>=7',
            'hypothesis>=6',
            'ruff>=0.6',
            'scikit-learn>=1.2',
            'prdc==0.2',
            *ONNX,
        ],
    },
    entry_points={'console_scripts': ['gluongan = gluongan.cli:main']},
    classifiers=[
        'Programming Language :: Python :: 3',
        'Topic :: Scientific/Engineering :: Artificial Intelligence',
    ],
)
