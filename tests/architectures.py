"""Architectures by what laws they obey: of floats all; quantized ones those of `models/test_trigger.py`."""

from atlas_keras.models.architectures import ARCHITECTURES

OF_FLOATS = [name for name, architecture in ARCHITECTURES.items() if not architecture.for_firmware]
