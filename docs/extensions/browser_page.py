"""Put the page for the browser into the site."""


def setup(app):
    """Tell Sphinx."""
    return {"parallel_read_safe": True}
