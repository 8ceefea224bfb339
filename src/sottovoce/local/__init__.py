"""A real Kafka on a laptop: prerequisites, jars, and a single-node broker without Docker.

Nothing is imported here: `prerequisites` must run on a bare Python, before anything is installed.
"""
