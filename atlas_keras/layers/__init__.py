"""Keras layers of the autoencoders: invertible preprocessing, and nothing that knows files or runs."""

import keras  # noqa: F401 - before any module here: once Keras is there, the classes of these modules are registered

from atlas_keras.layers.column_transforms import ColumnTransforms
from atlas_keras.layers.folding import BinProbabilities, Fold
from atlas_keras.layers.invertible import InvertibleLayer
from atlas_keras.layers.kinematic_coordinates import KinematicCoordinates
from atlas_keras.layers.limits import Limits
from atlas_keras.layers.scaling import Scaling
from atlas_keras.layers.selection import FirstColumns
from atlas_keras.layers.standardization import Standardization
from atlas_keras.layers.summation import DenseInParts, Sum

__all__ = [
    "BinProbabilities",
    "ColumnTransforms",
    "DenseInParts",
    "FirstColumns",
    "Fold",
    "InvertibleLayer",
    "KinematicCoordinates",
    "Limits",
    "Scaling",
    "Standardization",
    "Sum",
]
