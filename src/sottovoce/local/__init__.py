"""A real Kafka on a laptop: prerequisites, jars, and a single-node broker without Docker."""

from sottovoce.local.broker import LocalBroker
from sottovoce.local.errors import (
    BrokerFailedError,
    JarsUnavailableError,
    LocalError,
    PrerequisiteError,
)
from sottovoce.local.guard import ParentGuard
from sottovoce.local.jars import KAFKA_VERSION, KafkaJars
from sottovoce.local.ports import free_port
from sottovoce.local.prerequisites import Prerequisite

__all__ = [
    "KAFKA_VERSION",
    "BrokerFailedError",
    "JarsUnavailableError",
    "KafkaJars",
    "LocalBroker",
    "LocalError",
    "ParentGuard",
    "Prerequisite",
    "PrerequisiteError",
    "free_port",
]
