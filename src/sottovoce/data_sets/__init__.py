"""Data sets: constants, the grid of panes and slices, the terms that slices are pinned to."""

from sottovoce.data_sets.data_set import PROFILES, DataSet, DataSetError
from sottovoce.data_sets.terms import Terms, TermsTimeline

__all__ = ["PROFILES", "DataSet", "DataSetError", "Terms", "TermsTimeline"]
