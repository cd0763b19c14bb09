"""The site builds from the repository without a warning, fetches nothing, and every link of its pages leads on."""

import html.parser
import sys
from pathlib import Path
from urllib.parse import unquote, urldefrag, urlsplit

import pytest

ROOT = Path(__file__).parents[1]
FETCHED = {"script": "src", "img": "src", "link": "href", "iframe": "src", "source": "src"}

pytestmark = pytest.mark.slow


class Page(html.parser.HTMLParser):
    """Anchors of a page, what it links to, and what it fetches."""

    def __init__(self, text):
        super().__init__()
        self.anchors, self.links, self.fetched = set(), set(), set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.anchors |= {attributes[key] for key in ("id", "name") if attributes.get(key)}
        if tag == "a" and attributes.get("href"):
            self.links.add(attributes["href"])
        if attributes.get(FETCHED.get(tag)):
            self.fetched.add(attributes[FETCHED[tag]])


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    build = pytest.importorskip("sphinx.cmd.build", reason="Sphinx is not installed (extra docs)")
    folder = tmp_path_factory.mktemp("site")
    path, modules = list(sys.path), set(sys.modules)
    try:
        assert (
            build.build_main(
                ["-q", "-W", "--keep-going", "-d", str(folder / "trees"), str(ROOT / "docs"), str(folder / "html")]
            )
            == 0
        )
    finally:
        sys.path[:] = path
        for name in set(sys.modules) - modules:
            if name.partition(".")[0] == "extensions":
                del sys.modules[name]
    return folder / "html"


def test_links_lead_somewhere_and_nothing_is_fetched(site):
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    assert len(pages) > 30
    broken = []
    for path, page in pages.items():
        assert [url for url in page.fetched if urlsplit(url).netloc] == [], path
        for url in page.links | page.fetched:
            address, anchor = urldefrag(url)
            if urlsplit(url).scheme in ("http", "https", "mailto", "data"):
                continue
            target = (path.parent / unquote(urlsplit(address).path)).resolve() if address else path
            if not target.exists() or (anchor and target in pages and unquote(anchor) not in pages[target].anchors):
                broken.append(f"{path.relative_to(site)}: {url}")
    assert broken == []


def test_style_sheets_fetch_nothing(site):
    for path in site.rglob("*.css"):
        assert "url(http" not in path.read_text(encoding="utf-8").replace("'", "").replace('"', ""), path
