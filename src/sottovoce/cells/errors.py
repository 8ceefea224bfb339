"""What can go wrong with cells, one sentence each."""

from sottovoce.errors import SottovoceError


class CellsError(SottovoceError):
    """Records of `cells.*` that make no whole cell, or are not of this data set."""


class IncompleteCellError(CellsError):
    """Parts of a base or a delta are missing."""


class ForgottenCellError(CellsError):
    """The content was let go of to save memory; only its header is here."""


class ForeignCellsError(CellsError):
    """The records belong to another making of the data set, or to a newer version of the format."""
