"""The gate's inside: what is released, when, at what cost, and what was released before."""
