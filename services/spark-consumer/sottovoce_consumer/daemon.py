"""Spark's daemon of Python workers, which has loaded what its workers need before it forks them."""

import pyspark.worker  # noqa: F401 - for those who are forked
from pyspark.daemon import manager

import sottovoce_consumer.rows
import sottovoce_consumer.source
import sottovoce_consumer.tasks  # noqa: F401

if __name__ == "__main__":
    manager()
