"""The root of every error that Sottovoce raises on purpose.

Each package keeps its own small tree beneath it; a message says what was wrong, the value, and
what to do about it.
"""


class SottovoceError(Exception):
    """Something that a user or an operator can act on."""
