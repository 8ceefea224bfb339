"""Generated from protos/sottovoce/v1 by scripts/generate-protos; not edited by hand."""
