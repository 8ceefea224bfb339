"""This machine: what must be installed and free before anything can run on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Final

from sottovoce.doctor.finding import Finding, Level
from sottovoce.local import prerequisites
from sottovoce.local.jars import KafkaJars
from sottovoce.local.prerequisites import Prerequisite
from sottovoce.local.settings import StackPorts

LIBRARIES: Final = {
    "confluent-kafka": "",
    "grpcio": "",
    "numpy": "",
    "protobuf": "",
    "pyarrow": "",
    "cryptography": "producer",
    "pyspark": "consumer",
    "pandas": "consumer",
    "grpcio-health-checking": "query",
}
"""What the services rest on, and the extra that brings it; none: it comes with the library."""

type Version = Callable[[str], str]


def examine_machine(folder: Path, *, version: Version = metadata.version) -> Iterator[Finding]:
    """Look at Python, Java, the disk, the libraries, Kafka's jars and the demo's ports.

    Args:
        folder: where downloads and demos live.
        version: looks up the version of an installed distribution.
    """
    yield _required(prerequisites.python())
    yield _required(prerequisites.java())
    yield _required(prerequisites.disk(folder))
    yield from _libraries(version)
    jars = KafkaJars()
    yield (
        Finding("Kafka's jars", Level.OK, f"there, in {jars.folder}.")
        if jars.present()
        else Finding(
            "Kafka's jars",
            Level.WARN,
            "not here yet: `sottovoce demo` downloads them the first time.",
        )
    )
    defaults = StackPorts()
    for each in dataclasses.fields(defaults):
        option = f"--{each.name.replace('_', '-')}-port of the demo"
        found = prerequisites.port(getattr(defaults, each.name), option)
        yield Finding(found.name, Level.OK if found.met else Level.WARN, found.sentence)


def _required(found: Prerequisite) -> Finding:
    return Finding(found.name, Level.OK if found.met else Level.FAIL, found.sentence)


def _libraries(version: Version) -> Iterator[Finding]:
    there, missing = [], []
    for name, extra in LIBRARIES.items():
        try:
            there.append(f"{name} {version(name)}")
        except metadata.PackageNotFoundError:
            missing.append((name, extra))
    if there:
        yield Finding("libraries", Level.OK, f"{', '.join(there)}.")
    for name, extra in missing:
        what = f"sottovoce[{extra}]" if extra else "sottovoce"
        yield Finding(
            f"library {name}",
            Level.WARN if extra else Level.FAIL,
            f"not installed; {f'the {extra} needs it: ' if extra else ''}pip install '{what}'.",
        )
