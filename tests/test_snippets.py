"""The code of `exports/README.md` in other languages runs, and computes what LiteRT computes in Python."""

import shutil
import subprocess
import sys
import tarfile
from urllib.parse import urlsplit

import numpy as np
import pytest

from atlas_keras import JetEncoder
from tests.pages import ROOT, blocks_of

FOLDED = ROOT / "exports" / "folded"
RUNTIME = ROOT / "build" / "onnxruntime-web.tgz"
BLOCKS = list(blocks_of(ROOT / "exports" / "README.md"))
JETS = np.array([[647093, 530443, 0.632603, -0.442608], [377828, 170410, -1.43225, -2.75772]], np.float32)
PAGE = """<!doctype html>
<script type="importmap">{"imports": {"onnxruntime-web/wasm": "/dist/ort.wasm.bundle.min.mjs"}}</script>
<script type="module">
const jets = JETS;
CODE
window.found = Array.from(latent.data);
</script>"""

pytestmark = pytest.mark.slow


def code_in(language):
    (block,) = (block for block in BLOCKS if block.language == language)
    return block.code


def check_latents(found, jets):
    expected = JetEncoder(FOLDED / "encoder.tflite").encode(jets)
    np.testing.assert_allclose(np.reshape(found, expected.shape), expected, rtol=1e-5)


@pytest.mark.skipif(shutil.which("g++") is None, reason="g++ is not installed")
def test_cpp(tmp_path):
    """With the commands of the page, in a folder that holds the export."""
    (commands,) = (block.code for block in BLOCKS if "g++" in block.code)
    (tmp_path / "encode.cpp").write_text(code_in("cpp"))
    (tmp_path / "folded").symlink_to(FOLDED)
    python = f'python() {{ "{sys.executable}" "$@"; }}'
    script = "\n".join(["set -e", python, *(line.removeprefix("$ ") for line in commands.splitlines())])
    done = subprocess.run(["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    check_latents([float(number) for number in done.stdout.split()], JETS[:1])


@pytest.mark.skipif(not RUNTIME.exists(), reason="no runtime for browsers: python scripts/fetch_onnxruntime_web.py")
def test_javascript(browser):
    """In a page of a server that this test plays, which maps the name of the package as a bundler does."""

    def answer(route, request):
        path = urlsplit(request.url).path
        if path.startswith("/dist/"):
            with tarfile.open(RUNTIME) as archive:
                body = archive.extractfile(f"package{path}").read()
            kind = "application/wasm" if path.endswith(".wasm") else "text/javascript"
        elif path.endswith(".onnx"):
            body, kind = (FOLDED / path[1:]).read_bytes(), "application/octet-stream"
        else:
            body, kind = PAGE.replace("JETS", str(JETS.tolist())).replace("CODE", code_in("js")), "text/html"
        route.fulfill(body=body, content_type=kind)

    page = browser.new_page()
    page.route("**/*", answer)
    page.goto("http://here/")
    page.wait_for_function("window.found")
    check_latents(page.evaluate("found"), JETS)
    page.close()
