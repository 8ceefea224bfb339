"""What the figures were measured on: without it they mean nothing."""

from __future__ import annotations

import os
import platform
import re
import subprocess
from importlib import metadata
from pathlib import Path

from sottovoce.local import prerequisites
from sottovoce.local.jars import KAFKA_VERSION

_PACKAGES = ("numpy", "pyarrow", "pyspark", "confluent-kafka", "grpcio", "protobuf")


def describe_machine() -> dict[str, str]:
    """Return cores, memory, processor and versions; no name of the machine."""
    found = {
        "cores": str(os.cpu_count()),
        "memory": f"{_memory_gib():.0f} GiB",
        "processor": _processor(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "java": _java(),
        "kafka": KAFKA_VERSION,
    }
    return found | {name: metadata.version(name) for name in _PACKAGES}


def load() -> float:
    """Return the average load of the last minute: what else the machine was doing."""
    return os.getloadavg()[0]


def _memory_gib() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _processor() -> str:
    info = Path("/proc/cpuinfo")
    if info.is_file():
        named = re.search(r"^model name\s*:\s*(.+)$", info.read_text(), re.MULTILINE)
        if named:
            return named[1].strip()
    return platform.processor() or "unknown"


def _java() -> str:
    told = subprocess.run(
        [prerequisites.java_program(), "-version"], capture_output=True, text=True, check=False
    )
    found = re.search(r'version "([^"]+)"', told.stderr)
    return found[1] if found else "unknown"
