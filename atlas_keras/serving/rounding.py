"""How far float32 may take a model from what it computes in float64: a tolerance that follows from the model itself.

Processors and libraries round differently (AVX2, AVX-512, Arm; Eigen, oneDNN, XNNPACK, ONNX Runtime), each within a
unit or so in the last place of every intermediate result. Here the graph of the model runs in float64, and every result
of every operation is rounded to float32 after a random push up or down: done a few times, what comes out spreads as
sound evaluations in float32 do, whatever the processor. Sources: D. S. Parker, "Monte Carlo Arithmetic" (UCLA
CSD-970002, 1997); that the rounding of a sum grows with the root of its length: N. Higham, T. Mary, "A new approach to
probabilistic rounding error analysis" (SIAM J. Sci. Comput. 41, 2019).
"""

from __future__ import annotations

import inspect
import json
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

Array = NDArray[np.float64]

DRAWS = 16
HALF_ULP = 2.0**-24  # half a unit in the last place of float32, relative to the power of two below a number
EXPONENT = 0x7FF0000000000000  # of a float64: without the other bits it is the power of two below the number
FUNCTION = 8 * HALF_ULP  # exp, log, tanh and all that is not listed here: four units in the last place
ROUNDED_ONCE = {"AddV2", "BiasAdd", "Mul", "RealDiv", "Sqrt", "Square", "Sub"}
CONSTANT = {"Const", "ReadVariableOp"}
EXACT = {
    "Abs", "Cast", "ConcatV2", "ExpandDims", "Fill", "Floor", "Identity", "IdentityN", "Maximum", "Minimum", "Neg",
    "Pack", "Relu", "Reshape", "SelectV2", "Shape", "Sign", "Slice", "Split", "Squeeze", "StopGradient",
    "StridedSlice", "Transpose",
}  # fmt: skip


def in_float64(model: keras.Model) -> keras.Model:
    """Build the same model with all of its arithmetic in float64.

    Args:
        model: a functional model whose layers hold all of their constants in their configuration or their weights.
    """
    config = json.loads(json.dumps(model.get_config()).replace('"float32"', '"float64"'))
    twin = type(model).from_config(config)
    twin.set_weights(model.get_weights())
    return twin


class DoubleModel:
    """A float32 model evaluated in float64: as it is, or with the rounding of float32 played at every operation.

    Args:
        model: a functional model with one input and one output.
    """

    def __init__(self, model: keras.Model) -> None:
        twin, rows = in_float64(model), tf.TensorSpec(model.input_shape, tf.float64)
        self._twin = twin  # the traced functions refer to its variables, and do not keep them
        self._exact = tf.function(lambda x: twin(x), input_signature=[rows], autograph=False).get_concrete_function()
        self._rounded = tf.function(self._play, input_signature=[rows, tf.TensorSpec([], tf.int32)], autograph=False)

    def exact(self, rows: NDArray[np.floating]) -> Array:
        """Compute the outputs of rows, shape `(n, n_inputs)`: shape `(n, n_outputs)`."""
        return self._exact(tf.constant(rows, tf.float64)).numpy()

    def rounded(self, rows: NDArray[np.floating], seed: int) -> Array:
        """Compute the outputs as some float32 implementation may.

        Args:
            rows: shape `(n, n_inputs)`.
            seed: of the directions in which results are pushed.
        """
        return self._rounded(tf.constant(rows, tf.float64), seed).numpy()

    def _play(self, rows: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
        """Build the graph anew, with a rounding behind every operation."""
        graph = self._exact.graph
        known: dict[Any, tf.Tensor] = {graph.inputs[0].ref(): rows}
        known.update(zip((t.ref() for t in graph.inputs[1:]), self._exact.captured_inputs, strict=True))
        for number, op in enumerate(graph.get_operations()):
            if op.type in ("Placeholder", "NoOp"):
                continue
            inputs = [known[tensor.ref()] for tensor in op.inputs]
            for tensor, value in zip(op.outputs, _run(op, inputs), strict=True):
                known[tensor.ref()] = _round(op.type, inputs, value, tf.stack([seed, number]))
        return known[graph.outputs[0].ref()]


def _run(op: tf.Operation, inputs: list[tf.Tensor]) -> list[tf.Tensor]:
    """Run one operation of a graph on values."""
    if op.type == "Const":  # its value cannot be handed to an operation
        return [tf.constant(tf.make_ndarray(op.get_attr("value")))]
    function, definition = getattr(tf.raw_ops, op.type), op.op_def
    # Python calls some arguments by other names than the graph, in the same order.
    names = iter(inspect.signature(function).parameters)
    arguments, rest = {}, list(inputs)
    for argument in definition.input_arg:
        n = op.get_attr(argument.number_attr) if argument.number_attr else 1
        n = len(op.get_attr(argument.type_list_attr)) if argument.type_list_attr else n
        is_list = bool(argument.number_attr or argument.type_list_attr)
        arguments[next(names)] = rest[:n] if is_list else rest[0]
        del rest[:n]
    inferred = {name for a in definition.input_arg for name in (a.type_attr, a.number_attr, a.type_list_attr)}
    for attribute in definition.attr:
        if attribute.name not in inferred:
            arguments[attribute.name] = op.get_attr(attribute.name)
    result = function(**arguments)
    return list(result) if isinstance(result, list | tuple) else [result]


def _round(kind: str, inputs: list[tf.Tensor], value: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Round what an operation gives, as some float32 implementation of it may."""
    if kind in EXACT or value.dtype != tf.float64:
        return value
    if kind in CONSTANT:  # the same everywhere, rounded to the nearest
        return _nearest(value)
    size = tf.zeros([1] * len(value.shape), tf.float64)  # of the error before the result is rounded
    if kind == "MatMul":
        size = HALF_ULP * _sum_size(inputs[0], inputs[1], value)
    elif kind not in ROUNDED_ONCE:
        size = FUNCTION * value
    return tf.ensure_shape(_push(value, size, seed), value.shape)


@tf.function(reduce_retracing=True, autograph=False)  # traced once for all operations: tracing is what takes time
def _push(value: tf.Tensor, size: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Add an error of a size with a random sign, and round to the float32 above or below at random."""
    error, push = _signs(value, seed)
    value += error * size
    # A push by almost half a unit, and the nearest is the float32 above or below.
    below = tf.bitcast(tf.bitwise.bitwise_and(tf.bitcast(value, tf.int64), EXPONENT), tf.float64)
    pushed = _nearest(value + (HALF_ULP * (1 - HALF_ULP)) * push * below)
    return tf.where(_nearest(value) == value, value, pushed)


def _nearest(value: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.cast(value, tf.float32), tf.float64)


def _sum_size(a: tf.Tensor, b: tf.Tensor, total: tf.Tensor) -> tf.Tensor:
    """Compute the size that the rounding of a sum of n products is relative to.

    Products and partial sums are rounded n times, independently; in any order a partial sum is about as large as the
    root of the sum of the squares, or as its part of the total.
    """
    return tf.sqrt(a.shape[-1] * (tf.square(a) @ tf.square(b) + tf.square(total)))


def _signs(like: tf.Tensor, seed: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Draw -1 or 1 for every element, twice; the sum of a draw a row and one a column is random enough, and fast."""
    bits = tf.zeros([1] * len(like.shape), tf.int32)
    for axis in range(len(like.shape)):
        shape = [tf.shape(like)[axis] if index == axis else 1 for index in range(len(like.shape))]
        bits += tf.random.stateless_uniform(shape, [seed[0] * len(shape) + axis, seed[1]], 0, 4, tf.int32)
    return tf.cast(1 - (bits & 2), tf.float64), tf.cast(1 - 2 * (bits & 1), tf.float64)
