"""Kafka's settings as options of a command."""

from __future__ import annotations

from collections.abc import Callable

from sottovoce.cli.settings_options import with_settings
from sottovoce.kafka.connection import KafkaSettings


def with_kafka[R](command: Callable[..., R]) -> Callable[..., R]:
    """Give a command the options of `KafkaSettings`, and hand them to it as `kafka`.

    Args:
        command: a typer command with the keyword parameter `kafka`.

    Returns:
        The command to register.
    """
    return with_settings(
        command, KafkaSettings, "Kafka", lambda kafka, given: command(**given, kafka=kafka), "kafka"
    )
