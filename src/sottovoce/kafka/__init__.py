"""Kafka as the only store: names, reading to the end, writing in transactions."""

from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.reading import LogReader
from sottovoce.kafka.topics import Topics
from sottovoce.kafka.transactions import TransactionalWriter

__all__ = ["KafkaSettings", "LogReader", "Topics", "TransactionalWriter"]
