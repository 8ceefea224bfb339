"""One real Kafka broker on this machine, for a demo, a test or a laptop."""

from __future__ import annotations

import base64
import fcntl
import signal
import subprocess
import time
import uuid
from collections.abc import Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import BinaryIO, Self

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from sottovoce.local import ports, prerequisites
from sottovoce.local.errors import BrokerFailedError
from sottovoce.local.guard import ParentGuard
from sottovoce.local.jars import KafkaJars, Progress, silent

# A broker that answers soon, in little memory, for one machine. Whole partitions of internal
# topics are loaded at start, so there are few.
SETTINGS: Mapping[str, str] = {
    "process.roles": "broker,controller",
    "node.id": "1",
    "controller.listener.names": "CONTROLLER",
    "auto.create.topics.enable": "false",
    "offsets.topic.replication.factor": "1",
    "offsets.topic.num.partitions": "4",
    "transaction.state.log.replication.factor": "1",
    "transaction.state.log.min.isr": "1",
    "transaction.state.log.num.partitions": "4",
    "share.coordinator.state.topic.replication.factor": "1",
    "share.coordinator.state.topic.min.isr": "1",
    "share.coordinator.state.topic.num.partitions": "1",
    # A dead writer's transaction holds read-committed readers back until the broker looks.
    "transaction.abort.timed.out.transaction.cleanup.interval.ms": "1000",
    "group.initial.rebalance.delay.ms": "0",
    # After a crash the controller lets the broker back in when its last session has run out.
    "broker.session.timeout.ms": "3000",
    "broker.heartbeat.interval.ms": "500",
    # Retention and compaction within seconds, so that tests and demos see them happen.
    "log.initial.task.delay.ms": "500",
    "log.retention.check.interval.ms": "1000",
    "log.segment.delete.delay.ms": "1000",
    "log.cleaner.backoff.ms": "1000",
    "log.cleaner.dedupe.buffer.size": str(16 * 1024**2),
    "num.network.threads": "2",
    "num.io.threads": "4",
}
JVM_OPTIONS = ("-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-Xshare:auto")
HEAP_MB = 512


class LocalBroker:
    """A single-node broker in KRaft mode, listening on the loopback interface only.

    It ends with the process that started it, however that ends. Its folder holds `data`, `log`
    and `server.properties`; what was committed is there again after `stop`, `kill` and `start`.

    Args:
        folder: Where it lives. A folder that served a broker before serves it again.
        port: Where it listens; 0 takes a free one, and keeps it over restarts of this object.
        settings: Broker settings over those of `SETTINGS`.
        jars: Kafka; by default the jars kept in `.local`, fetched when missing.
        port_setting: What a user changes when the port is busy; for the message.
        heap_mb: The most that the broker's heap may grow to.
        java_options: More options of Java; of two that say the same, these hold.
    """

    def __init__(
        self,
        folder: Path | str,
        port: int = 0,
        settings: Mapping[str, str] | None = None,
        *,
        jars: KafkaJars | None = None,
        port_setting: str = "the broker's port",
        heap_mb: int = HEAP_MB,
        java_options: Sequence[str] = (),
    ) -> None:
        self.folder = Path(folder).absolute()
        self.port = port
        self.settings = dict(settings or {})
        self.jars = jars or KafkaJars()
        self._port_setting = port_setting
        self._heap_mb = heap_mb
        self._java_options = tuple(java_options)
        self._process: subprocess.Popen[bytes] | None = None
        self._guard: ParentGuard | None = None

    @property
    def bootstrap(self) -> str:
        """The address to give a client as `bootstrap.servers`."""
        if not self.port:
            raise BrokerFailedError("The broker has no address before it was started once.")
        return f"{ports.LOOPBACK}:{self.port}"

    @property
    def log(self) -> Path:
        """The broker's log."""
        return self.folder / "log" / "broker.log"

    @property
    def running(self) -> bool:
        """Whether the broker's process is there."""
        return self._process is not None and self._process.poll() is None

    @property
    def pid(self) -> int | None:
        """Its process id while it was started and not stopped."""
        return None if self._process is None else self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended by itself, a signal as a negative number; None while it did not."""
        return None if self._process is None else self._process.poll()

    def start(self, timeout: float = 60.0, progress: Progress = silent) -> Self:
        """Start, and return when the broker answers.

        Args:
            timeout: Seconds to wait for an answer.
            progress: Called with a line for a person while jars are downloaded.

        Raises:
            PrerequisiteError: No Java, too little disk, or the port is taken.
            JarsUnavailableError: Kafka could not be downloaded.
            BrokerFailedError: It ended by itself, or did not answer in time; it is not left
                running.
        """
        if self.running:
            return self
        prerequisites.java().require()
        self.jars.fetch(progress)
        prerequisites.disk(self.folder).require()
        self.port = self.port or ports.free_port()
        prerequisites.port(self.port, self._port_setting).require()
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self._lock() as lock:
            self._write_settings()
            if not (self.folder / "data" / "meta.properties").exists():
                self._format()
            self._launch(lock)
        try:
            self._wait(time.monotonic() + timeout)
        except BaseException:
            self.kill()
            raise
        return self

    def stop(self, timeout: float = 30.0) -> None:
        """Stop in order; after `timeout` seconds, kill. Stopping twice is fine."""
        if self._process is not None:
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
        self._ended()

    def kill(self) -> None:
        """End the process with SIGKILL, as a crash would."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
        self._ended()

    def restart(self) -> Self:
        """Stop, and start again on the same folder and port."""
        self.stop()
        return self.start()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ended(self) -> None:
        self._process = None
        if self._guard is not None:
            self._guard.release()
            self._guard = None

    def _lock(self) -> BinaryIO:
        # Kafka takes its own lock too late: a second broker has by then read the first one's
        # metadata log, and dies of it with a riddle.
        lock = (self.folder / "lock").open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.close()
            raise BrokerFailedError(
                f"Another broker runs in {self.folder}: stop it, or use another folder."
            ) from None
        return lock

    def _write_settings(self) -> None:
        control = f"{ports.LOOPBACK}:{ports.free_port()}"
        settings = {
            **SETTINGS,
            "listeners": f"PLAINTEXT://{self.bootstrap},CONTROLLER://{control}",
            "advertised.listeners": f"PLAINTEXT://{self.bootstrap}",
            "controller.quorum.voters": f"1@{control}",
            "log.dirs": str(self.folder / "data"),
            **self.settings,
        }
        lines = (f"{name}={value}\n" for name, value in settings.items())
        (self.folder / "server.properties").write_text("".join(lines))

    def _java(self, *arguments: str) -> list[str]:
        config = resources.files(__package__).joinpath("log4j2.properties")
        return [
            prerequisites.java_program(),
            f"-Xmx{self._heap_mb}m",
            *JVM_OPTIONS,
            f"-Dlog4j2.configurationFile={config}",
            f"-Dsottovoce.log={self.log}",
            *self._java_options,
            *("-cp", self.jars.classpath),
            *arguments,
            str(self.folder / "server.properties"),
        ]

    def _format(self) -> None:
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        done = subprocess.run(  # noqa: S603 - the user's Java
            # An id may begin with a dash: only behind its option's equals sign is it no option.
            self._java("kafka.tools.StorageTool", "format", f"--cluster-id={cluster}", "-c"),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            told = (done.stderr + done.stdout).strip().splitlines() or ["it said nothing"]
            raise BrokerFailedError(f"Kafka can't use the folder {self.folder}: {told[0]}")

    def _launch(self, lock: BinaryIO) -> None:
        with (self.log.parent / "output.log").open("wb") as output:
            self._process = subprocess.Popen(  # noqa: S603 - the user's Java
                self._java("kafka.Kafka"),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C is for us, who stop it after its clients
                pass_fds=(lock.fileno(),),  # so the folder is locked for as long as it lives
            )
        self._guard = ParentGuard(self._process.pid)

    def _wait(self, until: float) -> None:
        quick = {"reconnect.backoff.ms": 50, "reconnect.backoff.max.ms": 200, "log_level": 0}
        while time.monotonic() < until:
            if not self.running:
                raise BrokerFailedError(f"The broker ended at once: {self._last_words()}")
            if ports.is_free(self.port):
                time.sleep(0.05)
                continue
            admin = AdminClient({"bootstrap.servers": self.bootstrap, **quick})
            try:
                if admin.list_topics(timeout=2).brokers:
                    return
            except KafkaException:
                time.sleep(0.05)
        raise BrokerFailedError(f"The broker did not answer in time: {self._last_words()}")

    def _last_words(self) -> str:
        """Return the last error of its log, and where to read on."""
        lines: list[str] = []
        for path in (self.log, self.log.parent / "output.log"):
            if path.is_file():
                lines += path.read_text(errors="replace").splitlines()
        errors = [line for line in lines if " ERROR " in line or " FATAL " in line]
        return f"{(errors or lines or ['it wrote nothing'])[-1]} (log: {self.log})"
