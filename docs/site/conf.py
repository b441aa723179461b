"""What Sphinx is told. `python -m docs.site` lays out the sources and builds the site."""

from __future__ import annotations

import gluongan

project = 'gluongan'
version = release = gluongan.__version__
copyright = 'the authors of gluongan; Apache-2.0'

extensions = ['myst_parser']
root_doc = 'docs/index'
source_suffix = {'.md': 'markdown'}
myst_enable_extensions = ['colon_fence', 'deflist']
myst_heading_anchors = 4
smartquotes = False  # `--flag` stays as it is
# Output may have what its lexer does not know, and two modules may have a name in common.
suppress_warnings = ['misc.highlighting_failure', 'ref.python']

html_theme = 'furo'
html_title = f'gluongan {version}'
html_static_path = ['_static']
html_css_files = ['site.css']
html_copy_source = False
html_show_sourcelink = False
pygments_style = 'friendly'
pygments_dark_style = 'native'
