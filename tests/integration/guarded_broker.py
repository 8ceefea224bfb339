"""A broker as Strimzi makes one of the chart's: clients show certificates, and only rules allow."""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path
from typing import Any, NamedTuple, Self

from confluent_kafka.admin import (
    AclBinding,
    AclOperation,
    AclPermissionType,
    NewTopic,
    ResourcePatternType,
    ResourceType,
)
from tests.certificates import Authority

from sottovoce.kafka import KafkaSettings
from sottovoce.local.broker import LocalBroker
from sottovoce.local.ports import LOOPBACK, free_port

AUTHORIZER_LOG = """
status = error
appender.file.type = File
appender.file.name = file
appender.file.fileName = ${sys:sottovoce.log}
appender.file.layout.type = PatternLayout
appender.file.layout.pattern = %p %c{1}: %m%n
rootLogger.level = warn
rootLogger.appenderRef.file.ref = file
logger.rights.name = kafka.authorizer.logger
logger.rights.level = debug
"""
DECISION = re.compile(
    r"Principal = User:CN=(\S+) is (Allowed|Denied) operation = (\S+) from host = \S+ "
    r"on resource = (\w+):LITERAL:(\S+) for request = (\w+)"
)
PATTERNS = {"literal": ResourcePatternType.LITERAL, "prefix": ResourcePatternType.PREFIXED}
KINDS = {
    "topic": ResourceType.TOPIC,
    "group": ResourceType.GROUP,
    "transactionalId": ResourceType.TRANSACTIONAL_ID,
}


class Rule(NamedTuple):
    """One operation that a KafkaUser may do on one resource."""

    user: str
    operation: str
    kind: str
    name: str
    pattern: str

    def allows(self, use: Use) -> bool:
        """Whether a use is what the rule is for."""
        named = use.name.startswith if self.pattern == "prefix" else use.name.__eq__
        return (self.user, self.operation, self.kind) == use[:3] and bool(named(self.name))


class Use(NamedTuple):
    """One operation that the broker was asked for by a user."""

    user: str
    operation: str
    kind: str
    name: str


class GuardedBroker:
    """A real broker over which a super user, who speaks plain text, applies the chart's manifests.

    Args:
        folder: where it lives, and its CA's certificates.
        prefix: of the topics, for those who connect.
    """

    def __init__(self, folder: Path, prefix: str) -> None:
        self._authority = Authority(folder)
        self._prefix = prefix
        certificate, key = self._authority.server("broker")
        store = folder / "broker.pem"
        store.write_bytes(key.read_bytes() + certificate.read_bytes())
        logging = folder / "authorizer.properties"
        logging.write_text(AUTHORIZER_LOG)
        port, self._secure, control = free_port(), free_port(), free_port()
        clients = f"PLAINTEXT://{LOOPBACK}:{port},SSL://{LOOPBACK}:{self._secure}"
        self.broker = LocalBroker(
            folder / "broker",
            port,
            {
                "listeners": f"{clients},CONTROLLER://{LOOPBACK}:{control}",
                "advertised.listeners": clients,
                "listener.security.protocol.map": (
                    "PLAINTEXT:PLAINTEXT,SSL:SSL,CONTROLLER:PLAINTEXT"
                ),
                "controller.quorum.voters": f"1@{LOOPBACK}:{control}",
                "authorizer.class.name": "org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                "super.users": "User:ANONYMOUS",
                "ssl.client.auth": "required",
                "ssl.keystore.type": "PEM",
                "ssl.keystore.location": str(store),
                "ssl.truststore.type": "PEM",
                "ssl.truststore.location": str(self._authority.file),
            },
            java_options=[f"-Dlog4j2.configurationFile={logging}"],
        )

    def __enter__(self) -> Self:
        self.broker.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.broker.stop()

    @property
    def super_user(self) -> KafkaSettings:
        """How whoever may do everything is let in."""
        return KafkaSettings(
            kafka_bootstrap=self.broker.bootstrap, kafka_topic_prefix=self._prefix, _env_file=None
        )

    def user(self, name: str) -> KafkaSettings:
        """How a user is let in, with a certificate of its name."""
        certificate, key = self._authority.client(name)
        return KafkaSettings(
            kafka_bootstrap=f"{LOOPBACK}:{self._secure}",
            kafka_topic_prefix=self._prefix,
            kafka_security_protocol="SSL",
            kafka_ca_file=self._authority.file,
            kafka_cert_file=certificate,
            kafka_key_file=key,
            _env_file=None,
        )

    def make_topics(self, manifests: list[dict[str, Any]]) -> None:
        """Make the topics of KafkaTopics, as Strimzi's topic operator does."""
        wanted = [
            NewTopic(
                each["spec"]["topicName"],
                num_partitions=each["spec"]["partitions"],
                replication_factor=each["spec"]["replicas"],
                config={name: str(value) for name, value in each["spec"]["config"].items()},
            )
            for each in manifests
            if each["kind"] == "KafkaTopic"
        ]
        admin = self.super_user.admin()
        for future in admin.create_topics(wanted).values():
            future.result()

    def grant(self, manifests: list[dict[str, Any]]) -> list[Rule]:
        """Apply the rules of KafkaUsers, as Strimzi's user operator does."""
        rules = [
            Rule(
                user["metadata"]["name"],
                operation,
                acl["resource"]["type"],
                acl["resource"]["name"],
                acl["resource"]["patternType"],
            )
            for user in manifests
            if user["kind"] == "KafkaUser"
            for acl in user["spec"]["authorization"]["acls"]
            for operation in acl["operations"]
        ]
        bindings = [
            AclBinding(
                KINDS[rule.kind],
                rule.name,
                PATTERNS[rule.pattern],
                f"User:CN={rule.user}",
                "*",
                AclOperation[re.sub(r"(?<=[a-z])(?=[A-Z])", "_", rule.operation).upper()],
                AclPermissionType.ALLOW,
            )
            for rule in rules
        ]
        admin = self.super_user.admin()
        for future in admin.create_acls(bindings).values():
            future.result()
        return rules

    def uses(self, decision: str) -> dict[Use, set[str]]:
        """What users were `Allowed` or `Denied` so far, and by which requests."""
        found = defaultdict(set)
        for user, was, operation, kind, name, request in DECISION.findall(
            self.broker.log.read_text()
        ):
            if was == decision:
                found[
                    Use(
                        user,
                        operation.title().replace("_", ""),
                        kind[0].lower() + kind[1:],
                        name,
                    )
                ].add(request)
        return dict(found)
