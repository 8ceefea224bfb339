"""Vega-Lite specifications: constant for the same words, so that new data flow in unflickered."""
