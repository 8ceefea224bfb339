"""Means, covariances and correlations of vectors, from exact integer sums."""

import math
from typing import Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sottovoce.sketches.errors import InvalidParameter, ParametersDiffer
from sottovoce.sketches.estimate import Estimate, two_sided_deviate
from sottovoce.sketches.integers import decode_number, encode_number
from sottovoce.sketches.sketch import Sketch

_MAX_FIXED = 1 << 52
_MAX_DIMENSIONS = 4096
_SAFE_BITS = 62


class Moments(Sketch):
    """Keeps n, sum x and sum x y of vectors in fixed point, as integers of any size.

    A coordinate is rounded once, to the nearest 1 / scale; every sum after that is exact, so
    no order of additions and no merge tree changes a bit.

    **Guarantee:** mean, covariance and correlation are those of the rounded vectors, computed from
    exact sums; a coordinate is off by at most 1 / (2 scale).

    **Source:** the sums are the sufficient statistics of the correlation; the bounds are Fisher's
    z (Fisher, "On the probable error of a coefficient of correlation", Metron 1, 1921).

    Args:
        dimensions: the length of the vectors; None takes it from the first update.
        scale: fixed-point units in one.

    >>> moments = Moments()
    >>> moments.update([[0.0, 1.0], [1.0, 3.0], [2.0, 5.0], [3.0, 7.0]])
    >>> moments.estimate(0, 1).value
    1.0
    """

    KIND = 5
    __slots__ = ("_count", "_dimensions", "_products", "_scale", "_sums")

    def __init__(self, dimensions: int | None = None, scale: int = 1 << 20) -> None:
        if dimensions is not None and not 1 <= dimensions <= _MAX_DIMENSIONS:
            raise InvalidParameter(f"dimensions must be from 1 to {_MAX_DIMENSIONS}: {dimensions}")
        if not 1 <= scale <= 1 << 40:
            raise InvalidParameter(f"scale must be from 1 to 2^40: {scale}")
        self._dimensions, self._scale = dimensions, scale
        self._count = 0
        self._sums = np.zeros(dimensions or 0, dtype=object)
        self._products = np.zeros((dimensions or 0, dimensions or 0), dtype=object)

    @property
    def dimensions(self) -> int | None:
        """The length of the vectors; None before the first update where it was not given."""
        return self._dimensions

    @property
    def count(self) -> int:
        """The number of vectors, each by its weight."""
        return self._count

    def update(self, items: ArrayLike, weights: ArrayLike | None = None) -> None:
        """Adds vectors.

        Args:
            items: a matrix (n, dimensions) of finite numbers; times `scale` below 2^52.
            weights: how often each vector counts, integers that are not negative; None for once.
        """
        try:
            matrix = np.asarray(items, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise InvalidParameter(f"vectors must be rows of numbers: {error}") from error
        if matrix.shape == (0,) and weights is None:
            return
        if matrix.ndim != 2 or not 1 <= matrix.shape[1] <= _MAX_DIMENSIONS:
            raise InvalidParameter(f"vectors must come as a matrix (n, d): shape {matrix.shape}")
        if self._dimensions not in (None, matrix.shape[1]):
            raise InvalidParameter(
                f"vectors of {matrix.shape[1]} numbers where {self._dimensions} are expected"
            )
        weight = _read_weights(weights, len(matrix))
        scaled = np.rint(matrix * self._scale)
        if not (np.abs(scaled) < _MAX_FIXED).all():
            raise InvalidParameter(
                f"a number is not finite or, times {self._scale}, not below 2^52: "
                f"{np.abs(matrix).max()}"
            )
        self._size_to(matrix.shape[1])
        fixed = scaled.astype(np.int64)
        self._count += sum(weight.tolist())
        self._sums += _weighted_products(np.ones((len(fixed), 1), np.int64), fixed, weight)[0]
        self._products += _weighted_products(fixed, fixed, weight)

    def _size_to(self, dimensions: int) -> None:
        if self._dimensions is None:
            self._dimensions = dimensions
            self._sums = np.zeros(dimensions, dtype=object)
            self._products = np.zeros((dimensions, dimensions), dtype=object)

    def mean(self) -> NDArray[np.float64]:
        """The mean vector; nan where there are no vectors."""
        if not self._count:
            return np.full(len(self._sums), math.nan)
        return np.array([total / (self._count * self._scale) for total in self._sums], np.float64)

    def _centred(self) -> NDArray[np.object_]:
        """The matrix of n sum x y - sum x sum y: n^2 times the population covariance, in units."""
        return np.asarray(self._count * self._products - np.outer(self._sums, self._sums))

    def covariance(self, degrees_lost: int = 1) -> NDArray[np.float64]:
        """The covariance matrix, over n - degrees_lost; nan where that is not positive."""
        size = len(self._sums)
        if self._count <= degrees_lost:
            return np.full((size, size), math.nan)
        unit = self._count * (self._count - degrees_lost) * self._scale**2
        flat = [value / unit for value in self._centred().reshape(-1)]
        return np.array(flat, dtype=np.float64).reshape(size, size)

    def correlation(self) -> NDArray[np.float64]:
        """The correlation matrix; nan where a variance is 0."""
        centred = self._centred()
        size = len(centred)
        result = np.full((size, size), math.nan)
        for i in range(size):
            for j in range(size):
                square = centred[i, i] * centred[j, j]
                if square > 0:
                    # Integers may be too large for a float: their ratio, squared, is at most 1.
                    share = math.sqrt(centred[i, j] ** 2 / square)
                    result[i, j] = math.copysign(min(1.0, share), centred[i, j])
        return result

    def estimate(self, first: int = 0, second: int = 1, confidence: float = 0.95) -> Estimate:
        """The correlation of two coordinates; nan where a variance is 0.

        The bounds are for independent, nearly normal vectors; fewer than four bound nothing.
        """
        deviate = two_sided_deviate(confidence)
        size = len(self._sums)
        if not (0 <= first < size and 0 <= second < size):
            raise InvalidParameter(f"no coordinates {first} and {second} in vectors of {size}")
        value = float(self.correlation()[first, second])
        if math.isnan(value):
            return Estimate(math.nan, math.nan, math.nan)
        if abs(value) == 1.0:
            return Estimate.exact(value)
        if self._count <= 3:
            return Estimate(value, -1.0, 1.0)
        reach = deviate / math.sqrt(self._count - 3)
        centre = math.atanh(value)
        return Estimate(value, math.tanh(centre - reach), math.tanh(centre + reach))

    def payload(self) -> bytes:
        """Scale, dimensions and n, then the sums and the upper triangle of the products."""
        size = self._dimensions or 0
        numbers = [*self._sums, *self._products[np.triu_indices(size)]]
        parts = [encode_number(value) for value in (self._scale, size)]
        parts += [_encode_signed(int(value)) for value in (self._count, *numbers)]
        return b"".join(parts)

    @classmethod
    def _restore(cls, body: bytes) -> Self:
        scale, offset = decode_number(body, 0)
        size, offset = decode_number(body, offset)
        sketch = cls(size or None, scale)
        numbers = []
        for _ in range(1 + size + size * (size + 1) // 2):
            value, offset = _decode_signed(body, offset)
            numbers.append(value)
        sketch._count = numbers[0]
        sketch._sums[:] = numbers[1 : 1 + size]
        rows, columns = np.triu_indices(size)
        sketch._products[rows, columns] = numbers[1 + size :]
        sketch._products[columns, rows] = numbers[1 + size :]
        return sketch

    def _parameters(self) -> dict[str, object]:
        return {"scale": self._scale}

    def _merge(self, other: Self) -> None:
        if other._dimensions is None:
            return
        self._size_to(other._dimensions)
        if self._dimensions != other._dimensions:
            raise ParametersDiffer(
                f"moments of {self._dimensions} dimensions can't take in those of "
                f"{other._dimensions}"
            )
        self._count += other._count
        self._sums = self._sums + other._sums
        self._products = self._products + other._products


def _read_weights(weights: ArrayLike | None, count: int) -> NDArray[np.int64]:
    if weights is None:
        return np.ones(count, dtype=np.int64)
    read = np.asarray(weights)
    if read.shape != (count,) or (read.size and read.dtype.kind not in "iu"):
        raise InvalidParameter(
            f"weights must be {count} integers: shape {read.shape}, type {read.dtype}"
        )
    if read.size and (read.min() < 0 or read.max() >= 1 << 62):
        raise InvalidParameter("a weight must be from 0 to 2^62 - 1")
    return read.astype(np.int64)


def _weighted_products(
    left: NDArray[np.int64], right: NDArray[np.int64], weights: NDArray[np.int64]
) -> NDArray[np.object_]:
    """Left' diag(weights) right, exactly, as Python integers.

    Where the products of whole numbers might pass 63 bits, each is cut into halves; where even
    those might, the rows are summed as Python integers, which is slow and always right.
    """
    total = np.zeros((left.shape[1], right.shape[1]), dtype=object)
    if not len(left):
        return total
    widths = [int(np.abs(side).max()).bit_length() for side in (left, right)]
    cut = (max(widths) + 1) // 2
    weight_bits = int(weights.max()).bit_length()
    if sum(widths) + weight_bits <= _SAFE_BITS - 10:
        pieces = [(left, 0)], [(right, 0)]
        free = _SAFE_BITS - sum(widths) - weight_bits
    else:
        mask = (1 << cut) - 1
        pieces = (
            [(left >> cut, cut), (left & mask, 0)],
            [(right >> cut, cut), (right & mask, 0)],
        )
        free = _SAFE_BITS - 2 * (cut + 1) - weight_bits
    if free < 4:
        return np.asarray((left.astype(object).T * weights.astype(object)) @ right.astype(object))
    rows = 1 << min(free, 20)
    for begin in range(0, len(left), rows):
        part = slice(begin, begin + rows)
        for one, one_shift in pieces[0]:
            weighted = (one[part] * weights[part, None]).T
            for two, two_shift in pieces[1]:
                total += (weighted @ two[part]).astype(object) * (1 << (one_shift + two_shift))
    return total


def _encode_signed(value: int) -> bytes:
    raw = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return encode_number(len(raw)) + raw


def _decode_signed(data: bytes, offset: int) -> tuple[int, int]:
    length, offset = decode_number(data, offset)
    raw = data[offset : offset + length]
    if len(raw) != length:
        raise ValueError("an integer is cut short")
    return int.from_bytes(raw, "little", signed=True), offset + length
