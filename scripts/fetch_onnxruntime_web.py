"""Fetch the ONNX runtime for browsers, which the page `docs/browser` needs, as the npm registry has it.

`python scripts/fetch_onnxruntime_web.py` writes `build/onnxruntime-web.tgz`, 33 MB; the build of the site takes what it
needs out of it, 5 MB. Version and checksum stand here: a file with another checksum is refused.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import sys
import urllib.request
from pathlib import Path

VERSION = "1.30.0"
URL = f"https://registry.npmjs.org/onnxruntime-web/-/onnxruntime-web-{VERSION}.tgz"
SHA512 = "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ=="
TARGET = Path(__file__).resolve().parents[1] / "build" / "onnxruntime-web.tgz"


def is_whole(archive: bytes) -> bool:
    """Compare an archive with the checksum, which is written as npm does."""
    return base64.b64encode(hashlib.sha512(archive).digest()).decode() == SHA512


def main() -> int:
    """Fetch it, unless it is there."""
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    if TARGET.exists() and is_whole(TARGET.read_bytes()):
        return 0
    with urllib.request.urlopen(URL) as response:
        archive = response.read()
    if not is_whole(archive):
        print(f"{URL}: has another checksum than this script knows", file=sys.stderr)
        return 1
    TARGET.parent.mkdir(exist_ok=True)
    TARGET.write_bytes(archive)
    return 0


if __name__ == "__main__":
    sys.exit(main())
