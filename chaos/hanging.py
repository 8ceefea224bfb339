"""An operator who ends what Kafka left hanging, as docs/operations.md says."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Final, Self

from sottovoce.kafka import KafkaSettings
from sottovoce.kafka.errors import LogError
from sottovoce.kafka.hanging import HangingTransaction, hanging_transactions
from sottovoce.kafka.offsets import Partition
from sottovoce.local.jars import KafkaJars
from sottovoce.local.prerequisites import java_program

_LOOKS_EVERY: Final = 10.0
_TOOL: Final = "org.apache.kafka.tools.TransactionsCommand"


def end(jars: KafkaJars, bootstrap: str, each: HangingTransaction) -> None:
    """End a transaction by Kafka's own tool: its records are dropped.

    Raises:
        CalledProcessError: the tool failed.
    """
    subprocess.run(
        [
            *(java_program(), "-cp", jars.classpath, _TOOL, "--bootstrap-server", bootstrap),
            *("abort", "--topic", each.topic, "--partition", str(each.partition)),
            *("--start-offset", str(each.offset)),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )


class Operator:
    """A thread that looks at some logs now and then.

    Args:
        settings: the broker.
        jars: Kafka's.
        logs: which.
        tell: is told what was ended.
    """

    def __init__(
        self,
        settings: KafkaSettings,
        jars: KafkaJars,
        logs: list[Partition],
        tell: Callable[[str], None],
    ) -> None:
        self._settings = settings
        self._jars = jars
        self._logs = logs
        self._tell = tell
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="operator", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._over.wait(_LOOKS_EVERY):
            # The broker may be away; then it is looked at again.
            with suppress(LogError, subprocess.SubprocessError):
                for each in hanging_transactions(self._settings, self._logs):
                    end(self._jars, self._settings.kafka_bootstrap, each)
                    self._tell(
                        f"Kafka left a transaction hanging at {each.topic}[{each.partition}], "
                        f"offset {each.offset}: it was ended, as an operator would"
                    )
