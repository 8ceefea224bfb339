"""What attacks need of a real broker."""

from tests.integration.conftest import broker, topic_prefix

__all__ = ["broker", "topic_prefix"]
