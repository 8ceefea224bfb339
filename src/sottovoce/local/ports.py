"""Ports of the loopback interface: a free one, and who holds a busy one."""

from __future__ import annotations

import random
import socket
import subprocess

LOOPBACK = "127.0.0.1"

# Below the range from which the kernel gives ports to outgoing connections: a client that keeps
# reconnecting to a stopped broker in that range can end up connected to itself, and then the
# broker finds its own port taken.
_FIRST, _LAST = 20_000, 29_999


def is_free(port: int) -> bool:
    """Tell whether a server could listen on `port` of the loopback interface now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def free_port() -> int:
    """Return a port that nobody listens on; whoever asks should take it soon."""
    for port in random.SystemRandom().sample(range(_FIRST, _LAST + 1), 200):
        if is_free(port):
            return port
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return int(probe.getsockname()[1])


def holder(port: int) -> str | None:
    """Name the process that listens on `port`, where the machine's tools tell; else None."""
    for command in (
        ["lsof", "-nP", f"-iTCP:{port}", "-sTCP:LISTEN", "-Fcp"],
        ["ss", "-Hltnp", f"sport = :{port}"],
    ):
        try:
            told = subprocess.run(  # noqa: S603 - fixed programs, a number as argument
                command, capture_output=True, text=True, timeout=2, check=False
            ).stdout
        except (OSError, subprocess.TimeoutExpired):
            continue
        named = _from_lsof(told) if command[0] == "lsof" else _from_ss(told)
        if named:
            return named
    return None


def _from_lsof(told: str) -> str | None:
    fields = {line[0]: line[1:] for line in told.splitlines() if line}
    if "p" in fields and "c" in fields:
        return f"{fields['c']} (pid {fields['p']})"
    return None


def _from_ss(told: str) -> str | None:
    # users:(("java",pid=4711,fd=145))
    _, found, users = told.partition('users:(("')
    name, _, rest = users.partition('"')
    pid = rest.partition("pid=")[2].partition(",")[0]
    return f"{name} (pid {pid})" if found and pid.isdigit() else None
