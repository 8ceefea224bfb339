"""Faults against every process under load, and what must hold afterwards; `python -m chaos`."""
