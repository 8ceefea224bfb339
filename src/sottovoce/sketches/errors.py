"""What can go wrong with a sketch, one sentence each; a name says what is the matter."""

# ruff: noqa: N818

from sottovoce.errors import SottovoceError


class SketchError(SottovoceError):
    """The root of every error of a sketch."""


class InvalidParameter(SketchError, ValueError):
    """A sketch was asked for with a parameter that it can't have."""


class UnsupportedItems(SketchError, TypeError):
    """What was given as items can't be read as items."""


class ParametersDiffer(SketchError, ValueError):
    """Two sketches of different type or parameters can't be merged."""


class NotMergeable(SketchError, TypeError):
    """This type of sketch can't be merged at all."""


class OutOfOrder(SketchError, ValueError):
    """A tick is older than one that was already added."""


class CorruptSketch(SketchError, ValueError):
    """The bytes are not a sketch, or were changed after they were written."""


class TruncatedSketch(CorruptSketch):
    """The bytes end before the sketch does."""


class NewerVersion(SketchError, ValueError):
    """The bytes were written by a newer version of the library than this one."""
