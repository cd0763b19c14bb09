"""Functions of plain loops over integers, compiled where numba is installed and run by Python where it is not.

Both give the same integers. Without the compiler a column takes some fifty times longer, so that nothing is learned
then, and everything is decoded.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from threading import Lock
from typing import Any, TypeVar

import numpy as np

from atlas_keras.system import is_command

BLAS = "scipy.linalg.cython_blas"

try:
    import numba
    import numba.core.entrypoints
except ImportError:
    COMPILES = False
else:
    COMPILES = True
    if is_command():
        # What awkward and vector add to numba takes longer to load than numba itself, and nothing here compiles it.
        numba.core.entrypoints._already_initialized = True
        if BLAS not in sys.modules:  # SciPy, which numba would load to see whether it is there, takes half as long
            sys.modules[BLAS] = None  # type: ignore[assignment]
            try:
                import numba.np.arraymath
            except ImportError:  # of a numba that has it elsewhere: then SciPy is loaded
                pass
            finally:
                del sys.modules[BLAS]
Function = TypeVar("Function", bound=Callable[..., Any])
OPTIONS = {"nogil": True, "error_model": "numpy"}  # without a test for zeros at every division


def compiled(function: Function, **options: Any) -> Function:
    """Compile a function, to be called by other compiled functions or by `call`."""
    if not COMPILES:
        return function
    try:
        return numba.njit(cache=True, **OPTIONS, **options)(function)
    except RuntimeError:  # there is no folder that it may keep what is compiled in
        return numba.njit(**OPTIONS, **options)(function)


def inlined(function: Function) -> Function:
    """Compile a function as a part of those that call it.

    LLVM leaves calls of small functions in loops over rows; without them these take a fifth to a third less.
    """
    return compiled(function, inline="always")


if COMPILES:

    @compiled
    def place(index: int) -> Any:
        """Return an index that is not negative: without the test for this that the compiler makes of other ones."""
        return np.uint64(index)

    @compiled
    def quotient(a: int, b: int) -> int:
        """Return a // b of numbers from 0 on, in fewer steps than numbers with a sign take."""
        return int(np.int64(np.uint64(a) // np.uint64(b)))

else:

    def place(index: int) -> Any:
        """Return the index."""
        return index

    def quotient(a: int, b: int) -> int:
        """Return a // b."""
        return a // b


_compiling, _known = Lock(), set[tuple[Any, ...]]()


def _kind(argument: Any) -> Any:
    """Return what numba compiles for, of an argument."""
    if isinstance(argument, np.ndarray):
        return argument.dtype, argument.ndim, argument.flags.writeable, argument.flags.c_contiguous
    return type(argument)


def call(function: Callable[..., Any], *arguments: Any, changed: tuple[int, ...] = ()) -> Any:
    """Call a compiled function.

    Args:
        function: of `compiled`.
        arguments: integers, and arrays of one dimension. Python gets lists, whose integers know no overflow.
        changed: which arguments are arrays that the function writes to.
    """
    if COMPILES:
        kinds = (function, *map(_kind, arguments))
        if kinds in _known:
            return function(*arguments)
        with _compiling:  # numba reads what other threads add to while they compile, or load what is compiled
            result = function(*arguments)
        _known.add(kinds)
        return result
    lists = [a.tolist() if isinstance(a, np.ndarray) else a for a in arguments]
    result = function(*lists)
    for index in changed:
        arguments[index][:] = lists[index]
    return result
