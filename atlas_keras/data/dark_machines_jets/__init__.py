"""The TFDS data set `dark_machines_jets`; importing it registers the builder (extra `tfds`)."""

from atlas_keras.data.dark_machines_jets.builder import DarkMachinesJets

__all__ = ["DarkMachinesJets"]
