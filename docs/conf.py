"""The site: `sphinx-build -W docs build/site` makes it from the repository alone, and its pages need no network.

Why Sphinx: see CONTRIBUTING.
"""

import sys
from pathlib import Path

DOCS = Path(__file__).parent
ROOT = DOCS.parent
sys.path[:0] = [str(DOCS), str(ROOT)]

import atlas_keras  # noqa: E402

project = "atlas_keras"
version = release = atlas_keras.__version__
html_title = f"atlas_keras {version}"

extensions = [
    "myst_nb",  # Markdown, and notebooks
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxarg.ext",
    "extensions.pages_from_elsewhere",
    "extensions.browser_page",
    "extensions.looks",
]
exclude_patterns = ["browser"]
nb_execution_mode = "off"  # what they gave is stored; tests/test_notebooks.py runs them
suppress_warnings = ["myst.domains"]  # sphinx-argparse has a domain that Markdown cannot refer to

smartquotes = False  # `--data` has two hyphens
highlight_language = "none"

# Markdown: headings are what links lead to, in this page and from others.
myst_heading_anchors = 4

# The public names, from their docstrings, which are Markdown in style: `code`, no roles.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_display_short_literal_types = True
napoleon_google_docstring = True
napoleon_use_rtype = False
default_role = "code"

html_theme = "furo"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_theme_options = {"navigation_with_keys": True, "top_of_page_buttons": []}
