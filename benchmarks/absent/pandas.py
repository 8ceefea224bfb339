"""Stands before pandas on the path of a service whose image has none."""

raise ImportError("the image of this service has no pandas")
