"""Keras runs on several backends: our models do, training and exporting need TensorFlow."""

from __future__ import annotations

from atlas_keras.errors import RunError


def require_tensorflow(purpose: str) -> None:
    """Refuse another backend of Keras.

    Args:
        purpose: what needs TensorFlow, as the beginning of a sentence.

    Raises:
        RunError: Keras runs on another backend.
    """
    import keras  # takes seconds, and who asks has imported it anyway

    name = keras.backend.backend()
    if name != "tensorflow":
        raise RunError(f"{purpose} needs TensorFlow, and Keras runs on {name}: unset KERAS_BACKEND")
