"""The law of what is written as JSON: it keeps its schema, and the schema does not take anything else."""

import jsonschema

from scripts.make_schemas import schemas


def check_schema(name, content):
    """Check content against a schema, and that the schema is not one that takes anything."""
    validator = jsonschema.Draft202012Validator(schemas()[name])
    validator.validate(content)
    for key in schemas()[name]["required"]:
        assert not validator.is_valid({k: v for k, v in content.items() if k != key})
    assert not validator.is_valid({**content, "another": 1})
