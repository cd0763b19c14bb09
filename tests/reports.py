"""Reports are sound HTML that fetches nothing and holds every plot."""

import html.parser


class Checker(html.parser.HTMLParser):
    """Check that tags are closed, and collect what a page would fetch."""

    def __init__(self):
        super().__init__()
        self.open, self.sources, self.figures = [], [], 0

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.sources += [attributes[k] for k in ("src", "href") if k in attributes]
        if tag == "img":
            assert attributes["alt"]
            self.figures += 1
        if tag not in ("meta", "img"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_report(path):
    text = path.read_text(encoding="utf-8")
    assert path.stat().st_size < 5e6
    page = Checker()
    page.feed(text)
    assert page.open == []
    assert page.figures == len(list((path.parent / "plots").glob("*")))
    assert all(source.startswith(("data:image/png;base64,", "#")) for source in page.sources)
    return text
