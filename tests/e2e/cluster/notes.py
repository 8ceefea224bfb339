"""NOTES, as a person follows them in two terminals."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.conftest import REPOSITORY, skip_or_fail
from tests.e2e.cluster.installation import NAME, NAMESPACE, RELEASE, helm

STARTS = ("kubectl -n", "TOKEN=", "grpcurl", "SOTTOVOCE_TOKEN=")


def follow_notes(folder: Path) -> str:
    """Run what NOTES says, word for word, about asking; return what was printed."""
    tools = f"{REPOSITORY / '.local' / 'tools'}:{Path(sys.executable).parent}:{os.environ['PATH']}"
    if shutil.which("grpcurl", path=tools) is None:
        skip_or_fail("needs grpcurl, which `make deploy-tools` builds")
    lines = [each.strip() for each in helm("get", "notes", RELEASE).splitlines()]
    forward = next(each for each in lines if "port-forward service/" in each and "query" in each)
    first, last = (
        next(i for i, each in enumerate(lines) if each.startswith(start))
        for start in (f"kubectl -n {NAMESPACE} get secret {NAME}-tls", "SOTTOVOCE_TOKEN=")
    )
    commands = [each for each in lines[first : last + 1] if each.startswith(STARTS)]
    assert sum(each.startswith("grpcurl") for each in commands) >= 3
    with subprocess.Popen(forward.split(), stdout=subprocess.PIPE, text=True) as forwarding:
        try:
            assert forwarding.stdout is not None
            assert "50051" in forwarding.stdout.readline()
            done = subprocess.run(
                ["bash", "-euo", "pipefail", "-c", "\n".join(commands)],
                cwd=folder,
                env={**os.environ, "PATH": tools},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
        finally:
            forwarding.terminate()
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
