"""The images' recipes and scripts, seen by the tools that know their traps."""

from __future__ import annotations

import subprocess

import pytest
from tests.conftest import REPOSITORY
from tests.deploy.conftest import tool

RECIPES = sorted((REPOSITORY / "images").glob("*/Dockerfile"))
SCRIPTS = [
    REPOSITORY / "images" / "consumer" / "entrypoint",
    REPOSITORY / "images" / "kafka" / "entrypoint",
    REPOSITORY / "scripts" / "build-images",
    REPOSITORY / "scripts" / "kind-up",
]


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def beside_python(name):
    found = REPOSITORY / ".venv" / "bin" / name
    return str(found) if found.is_file() else tool(name, f"needs {name}, of requirements/dev.txt")


@pytest.mark.parametrize("recipe", RECIPES, ids=[each.parent.name for each in RECIPES])
def test_a_recipe_has_no_known_trap(recipe):
    # DL3008 wants versions of Debian's packages, which vanish from its mirrors with each update.
    done = run(beside_python("hadolint"), "--no-color", "--ignore=DL3008", str(recipe))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("script", SCRIPTS, ids=[each.name for each in SCRIPTS])
def test_a_script_has_no_known_trap(script):
    done = run(beside_python("shellcheck"), str(script))
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("recipe", RECIPES, ids=[each.parent.name for each in RECIPES])
def test_an_image_is_bounded_in_what_it_carries(recipe):
    text = recipe.read_text()
    build, _, final = text.rpartition("\nFROM ")
    assert "ARG PYTHON_IMAGE=" in build
    assert "USER 10001:10001" in final
    assert 'ENTRYPOINT ["tini"' in final
    assert "org.opencontainers.image.revision" in final
    assert "pip" not in final.replace("pipefail", "")
    for line in text.splitlines():
        if "pip " in line and (" install " in line or " wheel " in line):
            assert "--no-cache-dir" in line, line


def test_every_image_has_its_hashed_requirements():
    for name in ("producer", "consumer", "query", "dashboard", "build"):
        text = (REPOSITORY / "requirements" / f"{name}.txt").read_text()
        pinned = text.count("==")
        assert pinned > 1
        assert text.count("--hash=sha256:") >= pinned
        assert "://" not in text
