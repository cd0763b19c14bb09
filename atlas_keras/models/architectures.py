"""All architectures, by name."""

from __future__ import annotations

from typing import Any

from atlas_keras.errors import ConfigError
from atlas_keras.models.architecture import Architecture, ModelConfig
from atlas_keras.models.columns import COLUMNS
from atlas_keras.models.folded import FOLDED
from atlas_keras.models.kinematic import KINEMATIC
from atlas_keras.models.published import PUBLISHED
from atlas_keras.models.trigger import TRIGGER
from atlas_keras.suggestions import suggest

ARCHITECTURES: dict[str, Architecture] = {
    architecture.name: architecture for architecture in (COLUMNS, FOLDED, KINEMATIC, PUBLISHED, TRIGGER)
}


def model_config(values: dict[str, Any], path: str = "", start: ModelConfig | None = None) -> ModelConfig:
    """Build the configuration of a model, of the class that its architecture has.

    Args:
        values: by name of the field, as JSON gives them.
        path: of the section in its file, for messages.
        start: has the values that are missing, as far as the architecture has such fields.

    Raises:
        ConfigError: an unknown architecture or key, a missing one, or a value that is refused.
    """
    if not isinstance(values, dict):
        raise ConfigError(f"Configuration {path.removesuffix('.')} has to be an object. Received: {values!r:.80}")
    given = {} if start is None else start.to_dict()
    name = values.get("architecture", given.get("architecture"))
    if name is None:
        raise ConfigError(f"Configuration key {path + 'architecture'!r} is missing")
    if not isinstance(name, str) or name not in ARCHITECTURES:
        raise ConfigError(f"Unknown architecture {name!r:.80}; {suggest(str(name), ARCHITECTURES)}")
    kind = ARCHITECTURES[name].configuration
    known = {key: value for key, value in given.items() if key in kind.__dataclass_fields__}
    return kind.from_dict({**known, **values}, path)
