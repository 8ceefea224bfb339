"""The questions of `sottovoce ask`."""
