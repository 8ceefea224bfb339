"""The questions, one file each: a request and the sources in, a response out."""
