"""Functional Keras models: encoder, decoder, autoencoder, with physical units in and out."""

import keras  # noqa: F401 - before any module here: once Keras is there, the classes of these modules are registered
