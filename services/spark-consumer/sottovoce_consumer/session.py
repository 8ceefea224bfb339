"""Starting Spark."""

from __future__ import annotations

import os
import sys
import threading
from contextlib import suppress
from importlib import resources

from py4j.protocol import Py4JError
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from sottovoce_consumer.settings import ConsumerSettings
from sottovoce_consumer.source import ListensSource

_JVM_OPTIONS = "-XX:+UseSerialGC -XX:TieredStopAtLevel=1"
"""The JVM plans and passes bytes on: starting soon matters more than its best code."""

_METRICS = {
    "spark.ui.enabled": "true",
    "spark.ui.killEnabled": "false",
    "spark.ui.prometheus.enabled": "true",
    # The page remembers jobs, of which there are two a second.
    "spark.ui.retainedJobs": "10",
    "spark.ui.retainedStages": "10",
    "spark.ui.retainedTasks": "100",
    "spark.sql.ui.retainedExecutions": "2",
    "spark.sql.streaming.ui.enabled": "false",
    # Else every name would hold the id of this run.
    "spark.metrics.namespace": "spark",
    "spark.metrics.conf.*.sink.prometheusServlet.class": (
        "org.apache.spark.metrics.sink.PrometheusServlet"
    ),
    "spark.metrics.conf.*.sink.prometheusServlet.path": "/metrics/prometheus",
}
"""What has Spark serve figures of its own."""


def start_session(settings: ConsumerSettings) -> SparkSession:
    """Start Spark: its JVM ends with this process, however that ends."""
    os.environ["PYSPARK_PYTHON"] = os.environ["PYSPARK_DRIVER_PYTHON"] = sys.executable
    settings.export_secrets()
    log = resources.files(__package__).joinpath("log4j2.properties")
    config = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": settings.driver_memory,
        "spark.driver.maxResultSize": "0",
        "spark.driver.extraJavaOptions": f"-Dlog4j2.configurationFile={log} {_JVM_OPTIONS}",
        # A replay must not make batches wait: each has its own pool, and tasks are short.
        "spark.scheduler.mode": "FAIR",
        "spark.sql.shuffle.partitions": "1",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.sql.streaming.metricsEnabled": "false",
        "spark.sql.streaming.numRecentProgressUpdates": "2",
        "spark.sql.streaming.minBatchesToRetain": "2",
        "spark.sql.streaming.stopTimeout": "10s",
        "spark.sql.catalogImplementation": "in-memory",
        "spark.eventLog.enabled": "false",
        # Workers are there at once, not each after a second of its own imports.
        "spark.python.daemon.module": "sottovoce_consumer.daemon",
    }
    if settings.spark_metrics_port:
        config |= {**_METRICS, "spark.ui.port": str(settings.spark_metrics_port)}
    if settings.master.startswith("local"):
        config |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = SparkSession.builder.appName("sottovoce-consumer").master(settings.master)
    for name, value in config.items():
        builder = builder.config(name, value)
    session: SparkSession = builder.getOrCreate()
    session.dataSource.register(ListensSource)
    threading.Thread(target=_warm_up, args=(session,), name="warm-up", daemon=True).start()
    return session


def _warm_up(session: SparkSession) -> None:
    """Have the Python processes started that the first batch needs, beside that of the planner.

    Else Spark would start them one after the other. Whatever fails here fails there again, where it
    is told.
    """
    with suppress(PySparkException, Py4JError, OSError):
        session.read.format(ListensSource.name()).load().collect()
