"""The page for the browser does what it says: a headless Chromium clicks, drags and types; LiteRT computes the same.

Nothing is fetched: the page is opened from the disk, and any other address that it asks for is a failure. Without a
browser, or the runtime that `scripts/fetch_onnxruntime_web.py` fetches, these tests are skipped.
"""

import itertools
import math
import sys
from pathlib import Path

import numpy as np
import pytest

from atlas_keras import JetDecoder, JetEncoder

ROOT = Path(__file__).parents[1]
PRESETS = ("folded", "kinematic")
CLOSE = np.array([2e-4, 1e-5, 1e-5, 1e-5])  # E, pt relative; of E a rounding of the third number of `folded`
WAIT = 600_000  # milliseconds: the end of a browser that hangs

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    pytest.importorskip("sphinx", reason="Sphinx is not installed (extra docs)")
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        from extensions.browser_page import RUNTIME, write_page
    finally:
        sys.path.pop(0)
    if not RUNTIME.exists():
        pytest.skip("no runtime for browsers: python scripts/fetch_onnxruntime_web.py")
    folder = tmp_path_factory.mktemp("site") / "browser"
    write_page(folder)
    return (folder / "index.html").as_uri()


@pytest.fixture(scope="module")
def open_page(browser, address):
    """Return a function that opens the page; it fails where the page fetches anything, or says an error."""
    faults = []

    def watch(request):
        if not request.url.startswith(("file:", "blob:", "data:")):
            faults.append(request.url)

    def open_page(**options):
        page = browser.new_page(**{"viewport": {"width": 1200, "height": 900}, **options})
        page.set_default_timeout(WAIT)
        page.on("request", watch)
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda message: faults.append(message.text) if message.type == "error" else None)
        page.goto(address)
        page.wait_for_selector("#sweeps td")
        return page

    yield open_page
    assert faults == []


@pytest.fixture(scope="module")
def page(open_page):
    return open_page()


def settled(page):
    """Wait until all that was asked for is computed and shown."""
    page.wait_for_function("!running")
    return page


def read(page):
    """Return the jets, the numbers stored for them and what comes back, as the page has them."""
    state = settled(page).evaluate("[state.jets, state.latents, state.after]")
    return [np.array(rows, np.float64) for rows in state]


def shown(page, jet):
    """Return what the table shows of a jet that comes back: all digits, E to phi."""
    cells = page.locator("#jets tbody tr").nth(jet).locator("td[data-after]")
    return [float(cells.nth(k).get_attribute("data-after")) for k in range(4)]


def check_as_litert(page, preset):
    folder = ROOT / "exports" / preset
    jets, latents, after = read(page)
    again = JetDecoder(folder / "decoder.tflite").decode(latents)
    assert (differences(after, again) <= 1).all()
    np.testing.assert_array_equal(shown(page, 0), after[0])
    return jets, latents, after


def differences(jets, others):
    """Return how far jets are apart, in units of what is close."""
    change = jets - others
    change[:, 3] = (change[:, 3] + math.pi) % (2 * math.pi) - math.pi
    change[:, :2] /= others[:, :2]
    return np.abs(change) / CLOSE


@pytest.mark.parametrize("preset", PRESETS)
def test_numbers_are_those_of_litert(page, preset):
    page.get_by_label(preset).check()
    encoder = JetEncoder(ROOT / "exports" / preset / "encoder.tflite")
    decoder = JetDecoder(ROOT / "exports" / preset / "decoder.tflite")
    for number in (1, 2, 7):
        page.get_by_label("number", exact=True).fill(str(number))
        page.keyboard.press("Enter")
        jets, _, after = check_as_litert(page, preset)
        expected = decoder.decode(encoder.encode(jets))
        assert (differences(after, expected) <= 1).all()
    assert len(jets) == page.locator("#jets tbody tr").count() == page.locator("#plane circle[data-jet]").count() / 3
    ends = "all => all.map(track => ['x1', 'y2', 'x2', 'y1'].map(end => track[end].baseVal.value))"
    tracks = np.array(page.locator("#transverse line[data-jet]").evaluate_all(ends))
    x, y = (tracks[:, 2:] - tracks[:, :2]).T  # y points down in SVG
    np.testing.assert_allclose(np.arctan2(y, x), jets[:, 3], atol=1e-4)
    np.testing.assert_allclose(np.hypot(x, y) / np.hypot(x[0], y[0]), jets[:, 1] / jets[0, 1], rtol=1e-4)
    rows = page.locator("#sweeps tbody tr").count()
    assert rows == page.locator("#sweeps svg").count() / 5 == {"folded": 4, "kinematic": 3}[preset]


def drag(page, box, to):
    page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    page.mouse.down()
    page.mouse.move(*to, steps=5)
    page.mouse.up()


def test_stored_numbers_are_dragged_and_typed(page):
    page.get_by_label("kinematic").check()
    page.get_by_role("button", name="next event").click()
    _, before, _ = read(page)
    for k in range(3):
        slider = page.get_by_label(f"stored number {k + 1}, slider")
        slider.scroll_into_view_if_needed()
        box = slider.bounding_box()
        drag(page, box, (box["x"] + 0.2 * box["width"], box["y"] + box["height"] / 2))
    _, dragged, _ = check_as_litert(page, "kinematic")
    assert (dragged[0] != before[0]).all()
    assert (dragged[1:] == before[1:]).all()
    slider.focus()
    page.keyboard.press("ArrowRight")
    assert read(page)[1][0, 2] > dragged[0, 2]
    page.get_by_label("stored number 1", exact=True).fill("0.25")
    _, typed, _ = check_as_litert(page, "kinematic")
    assert typed[0, 0] == 0.25
    page.get_by_role("button", name="Store what the encoder gives").click()
    np.testing.assert_allclose(read(page)[1][0], before[0], rtol=1e-4, atol=1e-4)


def test_a_jet_is_dragged_and_typed_and_comes_back(page):
    page.get_by_label("folded").check()
    jets, _, _ = read(page)
    circle = page.locator("#plane circle[data-jet='1']").first
    circle.scroll_into_view_if_needed()
    box, plane = circle.bounding_box(), page.locator("#plane").bounding_box()
    drag(page, box, (plane["x"] + plane["width"] / 2, plane["y"] + plane["height"] / 3))
    moved, _, after = read(page)
    assert page.locator("#chosen").inner_text() == "Jet 2"
    assert moved[1, 1] == jets[1, 1]
    assert (moved[1, 2:] != jets[1, 2:]).all()
    np.testing.assert_allclose(after[1], moved[1], rtol=1e-2, atol=1e-3)
    page.get_by_label("phi [rad]").fill("3.5")
    assert "phi has to be between -pi and pi" in page.get_by_role("status").inner_text()
    page.get_by_label("phi [rad]").fill("-3.0")
    assert read(page)[0][1, 3] == -3.0
    page.get_by_role("button", name="The jet as it was").click()
    assert (read(page)[0] == jets).all()


def test_a_file_of_ones_own(page, tmp_path):
    path = tmp_path / "mine.csv"
    path.write_text("event;mass;pt;eta;phi\n4;10;100;0.5;1\n4;5;50;-1;-2\n9;3;30;0;0\n")
    page.locator("#file").set_input_files(path)
    page.wait_for_function("state.events.length === 2")
    jets, _, after = read(page)
    p = 1e5 * np.cosh(0.5)
    np.testing.assert_allclose(jets[0], [np.hypot(p, 1e4), 1e5, 0.5, 1])
    assert len(jets) == 2
    np.testing.assert_allclose(after, jets, rtol=1e-2, atol=1e-3)
    for text, fault in (
        ("pt,eta\n1,2\n", "Line 1: the names have to be"),
        ("E,pt,eta,phi\n50,40,0,0\n50,x,0,0\n", 'Line 3: pt is no number: "x".'),
        ("E,pt,eta,phi\n50,40,0,9\n", "Line 2: phi has to be between -pi and pi."),
        ("E,pt,eta,phi\n", "The file has no jets."),
    ):
        path.write_text(text)
        page.locator("#file").set_input_files([])
        page.locator("#file").set_input_files(path)
        page.wait_for_function("text => document.getElementById('fault').textContent.includes(text)", arg=fault)
    assert len(read(page)[0]) == 2  # what was there stays


DROP = """([name, text, n]) => {
  const files = new DataTransfer();
  files.items.add(new File(n ? [new Uint8Array(n)] : [text], name));
  const options = { dataTransfer: files, bubbles: true, cancelable: true };
  const dispatch = (kind) => document.querySelector("#plane").dispatchEvent(new DragEvent(kind, options));
  return ["dragover", "drop"].every((kind) => !dispatch(kind));
}"""


def test_a_file_is_dropped(page):
    """Onto a picture, as anywhere; a browser that is not kept from it would open the file in place of the page."""
    text = "event,E,pt,eta,phi\n7,60,50,0.1,3\n7,45,40,-0.2,-0.1\n7,31,30,0.1,1\n"
    assert page.evaluate(DROP, ["three.csv", text, 0])
    page.wait_for_function("state.events.length === 1")
    jets, _, after = read(page)
    assert len(jets) == 3 == page.locator("#jets tbody tr").count()
    np.testing.assert_allclose(after, jets, rtol=1e-2, atol=1e-3)
    for name, other, size, fault in (
        ("notes.txt", "Dear diary,\ntoday", 0, "notes.txt: Line 1: the names have to be E (or mass), pt, eta and phi."),
        ("muons.csv", "pt,eta,charge\n1,2,1\n", 0, "muons.csv: Line 1: the names have to be"),
        ("events.root", "", 1000, "events.root: this is no text, and this page takes CSV alone."),
        ("large.csv", "", 50_000_000, "large.csv: the file has 50 MB, and this page takes 10 MB at most."),
    ):
        assert page.evaluate(DROP, [name, other, size])
        page.wait_for_function("text => document.getElementById('fault').textContent.startsWith(text)", arg=fault)
        assert page.get_by_role("alert").is_visible()
    assert (read(page)[0] == jets).all()  # what was there stays
    assert page.evaluate(DROP, ["three.csv", text, 0])
    page.wait_for_function("document.getElementById('fault').textContent === ''")


def test_what_is_asked_for_in_haste_is_done(open_page):
    """Another event, model and jet, and a jet that is moved, all before the first is computed: nothing is lost."""
    page = open_page()
    encode = JetEncoder(ROOT / "exports" / "kinematic" / "encoder.tflite").encode
    page.evaluate("""() => {
      showEvent(3);
      moveTo(1, 1);
      choose(1);
      showEvent(4);
      document.querySelector("[value=kinematic]").click();
      moveTo(0.5, -2);
      choose(1);
    }""")
    jets, latents, _ = check_as_litert(page, "kinematic")
    np.testing.assert_allclose(jets[0, 2:], [0.5, -2])
    np.testing.assert_allclose(latents, encode(jets), atol=1e-4)
    page.evaluate("() => { moveTo(0.3, 2); choose(0); setLatent(0, 0.25); }")
    jets, latents, _ = check_as_litert(page, "kinematic")
    assert latents[0, 0] == 0.25
    np.testing.assert_allclose(latents[1], encode(jets[1:2])[0], atol=1e-4)


def test_phone_keyboard_and_screen_reader(open_page):
    looks = {}
    for scheme in ("light", "dark"):
        phone = open_page(viewport={"width": 360, "height": 740}, has_touch=True, color_scheme=scheme)
        assert phone.evaluate("document.documentElement.scrollWidth <= innerWidth")
        looks[scheme] = phone.evaluate("getComputedStyle(document.body).backgroundColor")
    assert looks["light"] != looks["dark"]
    phone.locator("#plane circle[data-jet='1']").first.tap()
    settled(phone)
    assert phone.locator("#chosen").inner_text() == "Jet 2"
    names = phone.locator("input, select, button").evaluate_all(
        "all => all.map(one => one.getAttribute('aria-label') || one.labels?.[0]?.textContent || one.textContent)"
    )
    assert len(names) > 15
    assert all(name.strip() for name in names)
    phone.get_by_label("folded").focus()
    reached = set()
    for _ in itertools.repeat(None, 40):
        reached.add(phone.evaluate("document.activeElement.id || document.activeElement.name"))
        phone.keyboard.press("Tab")
    assert {"model", "event", "file", "slider-1", "number-3", "variable-phi", "again", "jet"} <= reached
