"""Spark's own Kafka source, tuned, over a whole topic: to `noop`, or with a job of built-ins.

    python -m benchmarks.jobs.spark_source '{"bootstrap": ..., "topic": ..., "way": "noop", ...}'

Prints one line of JSON: for each micro-batch its rows and when it ended.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime
from typing import Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as f

_SOURCE = {
    "startingOffsets": "earliest",
    "failOnDataLoss": "true",
    "kafka.isolation.level": "read_committed",
    # Tuned: the defaults read half as fast.
    "kafka.max.poll.records": "50000",
    "kafka.max.partition.fetch.bytes": str(8 * 2**20),
    "kafka.fetch.max.bytes": str(64 * 2**20),
    "kafka.fetch.min.bytes": "1",
    "kafka.fetch.max.wait.ms": "20",
    "kafka.receive.buffer.bytes": str(2**20),
    "kafka.check.crcs": "true",
}


def session(asked: dict[str, Any]) -> SparkSession:
    """Start Spark on all cores, quiet, with the connector."""
    os.environ["PYSPARK_PYTHON"] = sys.executable
    config = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.jars": ",".join(asked["jars"]),
        "spark.sql.shuffle.partitions": str(os.cpu_count()),
        "spark.sql.streaming.metricsEnabled": "false",
        "spark.sql.catalogImplementation": "in-memory",
    }
    builder = SparkSession.builder.appName("bench").master("local[*]")
    for name, value in config.items():
        builder = builder.config(name, value)
    started: SparkSession = builder.getOrCreate()
    started.sparkContext.setLogLevel("ERROR")
    return started


def built_ins(listens: DataFrame) -> DataFrame:
    """Return what Spark's built-ins can say of a batch in one pass, by shard and minute.

    A value's fields stand at fixed places behind their tags. Time is the broker's: an event time of
    eight little-endian bytes would cost Spark more.
    """
    value = f.col("value")
    listener, track = f.substring(value, 2, 17), f.substring(value, 20, 17)
    country = f.hex(f.substring(value, 70, 2))
    ordinal = f.substring(value, 80, 4)
    minute = f.floor(f.unix_millis("timestamp") / 60_000)
    return (
        listens.select("partition", minute.alias("minute"), listener.alias("listener"),
                       f.xxhash64(track).alias("track"), country.alias("country"),
                       (ordinal == f.lit(b"\0\0\0\0")).alias("first"))
        .groupBy("partition", "minute")
        .agg(
            f.count("*"),
            f.count_if("first"),
            f.hll_sketch_agg("listener", 12),
            f.expr("approx_top_k(track, 100, 10000)"),
            f.expr("approx_top_k(country, 100, 1000)"),
        )
    )  # fmt: skip


def _ended(progress: dict[str, Any]) -> float:
    began = datetime.fromisoformat(progress["timestamp"])
    seconds: float = progress["durationMs"]["triggerExecution"] / 1000
    return began.timestamp() + seconds


def main() -> None:
    """Read the topic; print what each batch took."""
    asked = json.loads(sys.argv[1])
    spark = session(asked)
    source = spark.readStream.format("kafka").options(
        **_SOURCE,
        **{
            "kafka.bootstrap.servers": asked["bootstrap"],
            "subscribe": asked["topic"],
            "maxOffsetsPerTrigger": str(asked["batch"]),
        },
    )

    def aggregate(batch: DataFrame, _: int) -> None:
        built_ins(batch).write.format("noop").mode("overwrite").save()

    stream = source.load().writeStream
    stream = (
        stream.foreachBatch(aggregate) if asked["way"] == "built-ins" else stream.format("noop")
    )
    query = (
        stream.option("checkpointLocation", asked["checkpoint"]).trigger(availableNow=True).start()
    )
    query.awaitTermination()
    told = [
        {"ended": _ended(each), "rows": each["numInputRows"]}
        for each in query.recentProgress
        if each["numInputRows"]
    ]
    print(json.dumps({"batches": told}), flush=True)
    spark.stop()


if __name__ == "__main__":
    main()
