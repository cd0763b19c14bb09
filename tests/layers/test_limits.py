import numpy as np
import pytest

from atlas_keras.layers import Limits
from tests.layers.laws import check_gradient, check_layer_config

X = np.array([[-9, 0.5], [0, 7], [np.inf, -np.inf], [np.nan, 1]], np.float32)


def test_what_lies_beyond_counts_as_the_limit():
    layer = Limits([-1, 0], [2, 3], name="limits")
    np.testing.assert_array_equal(np.asarray(layer(X)), [[-1, 0.5], [0, 3], [2, 0], [np.nan, 1]])
    check_layer_config(layer, X)
    check_gradient(layer, X[:3])
    assert layer.compute_output_shape((None, 2)) == (None, 2)


def test_data_never_reach_their_limits():
    data = np.array([[0.0, 7], [4, 7], [1, 7]])
    layer = Limits.around(data, [1e-3, 0.5])
    np.testing.assert_array_equal(np.asarray(layer(data.astype(np.float32))), data)
    np.testing.assert_array_equal([layer.low, layer.high], [[-4, 6.5], [8, 7.5]])


@pytest.mark.parametrize("limits", [([0.0], [0.0]), ([np.nan], [1.0]), ([0.0], [np.inf])])
def test_impossible_limits_are_refused(limits):
    with pytest.raises(ValueError, match="Received"):
        Limits(*limits)
