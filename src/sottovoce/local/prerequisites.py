"""What a machine must have before a broker or Spark can run on it, checked one by one.

Each check returns a `Prerequisite`: met or not, with one sentence that says what was found and,
where it is not met, what to do. `sottovoce doctor` prints them; whoever needs one to hold calls
`require`.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from sottovoce.local import ports
from sottovoce.local.errors import PrerequisiteError

PYTHON_AT_LEAST = (3, 12)
JAVA_AT_LEAST = 17
DISK_AT_LEAST = 2 * 1024**3


@dataclass(frozen=True, slots=True)
class Prerequisite:
    """The outcome of one check.

    Attributes:
        name: What was looked at, in a word or two.
        met: Whether it is as it must be.
        sentence: What was found; where not met, also what to do about it.
    """

    name: str
    met: bool
    sentence: str

    def require(self) -> Self:
        """Return itself when met.

        Raises:
            PrerequisiteError: It is not met; the message is the sentence.
        """
        if not self.met:
            raise PrerequisiteError(self.sentence)
        return self


def python(version: tuple[int, int] | None = None) -> Prerequisite:
    """Check the running Python (or the version given)."""
    found = version or sys.version_info[:2]
    said = f"Python {found[0]}.{found[1]}"
    if found >= PYTHON_AT_LEAST:
        return Prerequisite("Python", True, f"{said} at {sys.executable}.")
    wanted = ".".join(map(str, PYTHON_AT_LEAST))
    return Prerequisite(
        "Python", False, f"{said} is too old: install Python {wanted} or newer and use that."
    )


def java_program() -> str:
    """Return the `java` to run: that of JAVA_HOME where it is set, else the one on the PATH."""
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else "java"


def java() -> Prerequisite:
    """Check that a Java new enough for Kafka and Spark can be run."""
    program = java_program()
    from_home = "JAVA_HOME" if os.environ.get("JAVA_HOME") else ""
    wanted = f"install Java {JAVA_AT_LEAST} or newer (a headless JRE will do)"
    try:
        ran = subprocess.run(  # noqa: S603 - the user's own Java
            [program, "-version"], capture_output=True, text=True, timeout=60, check=False
        )
    except FileNotFoundError:
        where = f"JAVA_HOME is {os.environ['JAVA_HOME']}, but" if from_home else "No Java found:"
        what = f"{program} does not exist" if from_home else "there is no `java` on the PATH"
        advice = f"correct or unset JAVA_HOME, or {wanted}" if from_home else wanted
        return Prerequisite("Java", False, f"{where} {what}; {advice}.")
    except (OSError, subprocess.TimeoutExpired) as error:
        return Prerequisite("Java", False, f"{program} can't be run ({error}); {wanted}.")
    told = ran.stderr + ran.stdout
    found = java_version(told)
    if ran.returncode or found is None:
        first = next(iter(told.strip().splitlines()), "it said nothing")
        return Prerequisite("Java", False, f"`{program} -version` failed: {first}; {wanted}.")
    place = f"{from_home or 'the PATH'}: {shutil.which(program) or program}"
    if found < JAVA_AT_LEAST:
        return Prerequisite(
            "Java", False, f"Java {found} (from {place}) is too old; {wanted}, or set JAVA_HOME."
        )
    return Prerequisite("Java", True, f"Java {found} (from {place}).")


def java_version(told: str) -> int | None:
    """Read the feature version from what `java -version` prints: 8 for 1.8.0_392, 17 for 17.0.9."""
    match = re.search(r'version "(\d+)(?:\.(\d+))?', told)
    if match is None:
        return None
    major, minor = int(match[1]), match[2]
    return int(minor) if major == 1 and minor else major


def disk(folder: Path, at_least: int = DISK_AT_LEAST) -> Prerequisite:
    """Check the free space, in bytes, where `folder` is or will be."""
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    free = shutil.disk_usage(there).free
    has = f"{free / 1024**3:.1f} GiB free at {there}"
    if free >= at_least:
        return Prerequisite("disk", True, f"{has}.")
    return Prerequisite(
        "disk", False, f"Only {has}, {at_least / 1024**3:.1f} are needed: free some, or use "
        "another folder.",
    )  # fmt: skip


def port(number: int, setting: str) -> Prerequisite:
    """Check that `number` can be listened on; `setting` is what a user changes if it can't."""
    name = f"port {number}"
    if ports.is_free(number):
        return Prerequisite(name, True, f"Port {number} is free.")
    by = ports.holder(number)
    return Prerequisite(
        name,
        False,
        f"Port {number} is taken{f' by {by}' if by else ''}: stop that, or set {setting} to "
        "another port.",
    )
