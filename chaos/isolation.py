"""Networks that can be cut and disks that can be filled, for this process and its children alone.

The process leaves the machine's network and mounts for new ones, so nothing that is made here is
seen outside, and all of it is gone with the last of its processes.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

BROKER_ADDRESS: Final = "198.18.0.1"  # of the range that is set aside for benchmarks (RFC 2544)
_SUBNET: Final = "198.18.0"
_BRIDGE: Final = "pods"
_NAMES: Final = Path("/run/netns")


class IsolationError(Exception):
    """A network or a disk could not be made, cut or filled."""


@dataclass
class Isolation:
    """What this process may do.

    Attributes:
        lacks: the kinds of faults that are left out, and why; empty where all can be.
    """

    lacks: dict[str, str] = field(default_factory=dict)
    _places: dict[str, int] = field(default_factory=dict)

    @property
    def networks(self) -> bool:
        """Whether networks can be cut."""
        return "cut" not in self.lacks

    @property
    def disks(self) -> bool:
        """Whether disks can be filled."""
        return "disk" not in self.lacks

    @property
    def broker_address(self) -> str:
        """Where everybody reaches the broker."""
        return BROKER_ADDRESS if self.networks else "127.0.0.1"

    def address(self, name: str) -> str:
        """Where this process reaches another by its name."""
        return f"{_SUBNET}.{self._place(name)}" if self.networks else "127.0.0.1"

    def within(self, name: str) -> Sequence[str]:
        """Return the command that runs another in a network of its own, which is made if new."""
        if not self.networks:
            return ()
        if not (_NAMES / _space(name)).exists():
            self._make_network(name)
        return ("ip", "netns", "exec", _space(name))

    def cut(self, name: str) -> None:
        """Cut the network of one of them; that of `broker` is everybody's."""
        _run("ip", "link", "set", self._device(name), "down")

    def mend(self, name: str) -> None:
        """Undo a cut."""
        _run("ip", "link", "set", self._device(name), "up")

    def mount(self, folder: Path, megabytes: int) -> None:
        """Put a small disk in the place of a folder, where that is allowed."""
        folder.mkdir(parents=True, exist_ok=True)
        if self.disks:
            _run("mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "chaos", str(folder))

    def close(self) -> None:
        """Forget the networks' names."""
        for name in self._places:
            with suppress(IsolationError):
                _run("ip", "netns", "delete", _space(name))
        self._places.clear()

    def _place(self, name: str) -> int:
        return self._places.setdefault(name, len(self._places) + 2)

    def _device(self, name: str) -> str:
        return _BRIDGE if name == "broker" else f"pod{self._place(name)}"

    def _make_network(self, name: str) -> None:
        space, device = _space(name), self._device(name)
        _run("ip", "netns", "add", space)
        _run("ip", "link", "add", device, "type", "veth", "peer", "name", "eth0", "netns", space)
        _run("ip", "link", "set", device, "master", _BRIDGE, "up")
        _run("ip", "-n", space, "address", "add", f"{self.address(name)}/24", "dev", "eth0")
        _run("ip", "-n", space, "link", "set", "eth0", "up")
        _run("ip", "-n", space, "link", "set", "lo", "up")


def isolate() -> Isolation:
    """Leave the machine's network and mounts, where this user may; call it before any thread."""
    _sweep()
    found = Isolation()
    if shutil.which("ip") is None:
        found.lacks["cut"] = "there is no `ip` (Debian's package iproute2)"
    try:
        os.unshare(os.CLONE_NEWNS)
        _run("mount", "--make-rprivate", "/")
    except (OSError, IsolationError) as error:
        why = f"this user may not mount ({error}); root may"
        found.lacks |= {"disk": why, "cut": found.lacks.get("cut", why)}
    if found.networks:
        try:
            os.unshare(os.CLONE_NEWNET)
            _run("ip", "link", "set", "lo", "up")
            _run("ip", "link", "add", _BRIDGE, "type", "bridge")
            _run("ip", "address", "add", f"{BROKER_ADDRESS}/24", "dev", _BRIDGE)
            _run("ip", "link", "set", _BRIDGE, "up")
        except (OSError, IsolationError) as error:
            found.lacks["cut"] = f"this user may not make networks ({error}); root may"
    return found


@contextmanager
def filled(folder: Path) -> Iterator[None]:
    """Within this block, not a byte is free on the disk of a folder."""
    filler = folder / "filler"
    try:
        with filler.open("wb", buffering=0) as file:
            block = bytes(1 << 20)
            for size in (1 << 20, 1 << 12, 1):
                with suppress(OSError):
                    while True:
                        file.write(block[:size])
        yield
    finally:
        filler.unlink(missing_ok=True)


def _sweep() -> None:
    """Remove the names that a run left which was killed; the networks went with it."""
    for path in _NAMES.glob("sottovoce-*-*"):
        if not Path("/proc", path.name.split("-")[1]).exists():
            with suppress(OSError):
                path.unlink()


def _space(name: str) -> str:
    return f"sottovoce-{os.getpid()}-{name}"


def _run(*command: str) -> None:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise IsolationError(f"`{' '.join(command)}` failed: {done.stderr.strip()}")
