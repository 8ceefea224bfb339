"""How every process reaches Kafka: one set of settings, one client library."""

from __future__ import annotations

import logging
from typing import Any, Literal

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient
from pydantic import Field, FilePath, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from sottovoce.kafka.errors import UnreachableBrokerError

_log = logging.getLogger(__name__)
_log.addHandler(logging.NullHandler())


def _tell(error: KafkaError) -> None:
    """Log what a client meets on its way; what matters is also raised where it was asked for."""
    _log.warning("Kafka client: %s", error.str())


class KafkaSettings(BaseSettings):
    """Where Kafka is and how to be let in."""

    model_config = SettingsConfigDict(env_prefix="SOTTOVOCE_", frozen=True, extra="ignore")

    kafka_bootstrap: str = Field(
        "127.0.0.1:9092", min_length=1, description="Kafka's addresses, HOST:PORT[,HOST:PORT...]"
    )
    kafka_topic_prefix: str = Field(
        "", pattern=r"^[a-zA-Z0-9._-]*$", description="Put before the name of every topic"
    )
    kafka_security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = Field(
        "PLAINTEXT", description="How Kafka is spoken to"
    )
    kafka_ca_file: FilePath | None = Field(None, description="The CA that signed the brokers, PEM")
    kafka_cert_file: FilePath | None = Field(None, description="This client's certificate, PEM")
    kafka_key_file: FilePath | None = Field(None, description="This client's private key, PEM")
    kafka_sasl_mechanism: Literal["SCRAM-SHA-512", "SCRAM-SHA-256", "PLAIN"] | None = Field(
        None, description="How SASL proves who we are"
    )
    kafka_sasl_username: str | None = Field(None, description="The SASL user")
    kafka_sasl_password: SecretStr | None = Field(None, description="The SASL password")

    def client_config(self, **more: Any) -> dict[str, Any]:
        """Return a librdkafka configuration that reaches these brokers; `more` has dots as `_`."""
        secret = self.kafka_sasl_password
        config = {
            "bootstrap.servers": self.kafka_bootstrap,
            "security.protocol": self.kafka_security_protocol,
            "ssl.ca.location": self.kafka_ca_file and str(self.kafka_ca_file),
            "ssl.certificate.location": self.kafka_cert_file and str(self.kafka_cert_file),
            "ssl.key.location": self.kafka_key_file and str(self.kafka_key_file),
            "sasl.mechanisms": self.kafka_sasl_mechanism,
            "sasl.username": self.kafka_sasl_username,
            "sasl.password": secret and secret.get_secret_value(),
            "log_level": 0,  # librdkafka's own lines; what it has to say comes through error_cb
            "error_cb": _tell,
            **{name.replace("_", "."): value for name, value in more.items()},
        }
        return {name: value for name, value in config.items() if value is not None}

    def admin(self) -> AdminClient:
        """Return an admin client."""
        return AdminClient(self.client_config())

    def require_broker(self, timeout: float = 10.0) -> None:
        """Return when a broker answers.

        Raises:
            UnreachableBrokerError: none did within `timeout` seconds.
        """
        try:
            self.admin().list_topics(timeout=timeout)
        except KafkaException as error:
            raise UnreachableBrokerError(
                f"no Kafka broker answers at {self.kafka_bootstrap} "
                f"({error.args[0].str()}): is it running, and is kafka_bootstrap right?"
            ) from error
