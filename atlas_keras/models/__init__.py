"""Functional Keras models: encoder, decoder, autoencoder, with physical units in and out."""
