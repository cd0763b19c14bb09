"""The JSON schemas are those of the types, and what is shipped and made keeps them."""

import json

import jsonschema
import pytest

from scripts.make_schemas import SCHEMAS, schemas
from tests.schemas import check_schema
from tests.test_exports import EXPORTS

NAMES = tuple(schemas())


@pytest.mark.parametrize("name", NAMES)
def test_the_schema_is_that_of_the_types(name):
    written = json.loads((SCHEMAS / f"{name}.schema.json").read_text())
    assert written == schemas()[name], "run `python scripts/make_schemas.py`"
    jsonschema.Draft202012Validator.check_schema(written)


@pytest.mark.parametrize("preset", ["folded", "kinematic"])
def test_what_is_shipped_keeps_it(preset):
    check_schema("manifest", json.loads((EXPORTS / preset / "manifest.json").read_text()))
    check_schema("metrics", json.loads((EXPORTS / preset / "run" / "metrics.json").read_text()))
