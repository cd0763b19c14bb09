"""Readers of jet files, the shipped sample, and the tf.data pipeline."""
