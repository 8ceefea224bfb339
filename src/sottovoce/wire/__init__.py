"""What goes over the wire: generated messages (`v1`) and the codec between them and arrays."""
