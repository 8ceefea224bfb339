"""Fetching jars from a Maven repository with the Ivy that pyspark carries: no Maven needed."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import urlsplit
from xml.sax.saxutils import quoteattr

from sottovoce.local import prerequisites
from sottovoce.local.errors import JarsUnavailableError, PrerequisiteError

MAVEN_CENTRAL = "https://repo1.maven.org/maven2/"
REPOSITORY_SETTING = "SOTTOVOCE_MAVEN_REPOSITORY"

type Coordinates = tuple[str, str, str]  # organisation, module, revision

_SETTINGS = """\
<ivysettings>
  <settings defaultResolver="maven"/>
  <caches defaultCacheDir={cache}/>
  <timeout-constraints>
    <timeout-constraint name="net" connectionTimeout="15000" readTimeout="60000"/>
  </timeout-constraints>
  <resolvers>
    <ibiblio name="maven" m2compatible="true" usepoms="{poms}" root={root}
             checksums="sha1" timeoutConstraint="net"/>
  </resolvers>
</ivysettings>
"""
_MODULE = """\
<ivy-module version="2.0">
  <info organisation="sottovoce" module="local"/>
  <dependencies>
{dependencies}
  </dependencies>
</ivy-module>
"""


def repository() -> str:
    """Return the address of the Maven repository: the setting, else Maven Central."""
    told = os.environ.get(REPOSITORY_SETTING, "").strip()
    return f"{told.rstrip('/')}/" if told else MAVEN_CENTRAL


def ivy_jar() -> Path:
    """Return the path of pyspark's Ivy.

    Raises:
        PrerequisiteError: pyspark is not installed, or has no Ivy.
    """
    spec = importlib.util.find_spec("pyspark")
    places = spec.submodule_search_locations if spec else None
    for place in places or ():
        for jar in sorted(Path(place, "jars").glob("ivy-*.jar")):
            return jar
    raise PrerequisiteError(
        "Kafka's jars are fetched with the Ivy that pyspark carries, and pyspark is not "
        "installed here: pip install 'sottovoce[consumer]'."
    )


def retrieve(
    wanted: Sequence[Coordinates],
    into: Path,
    scratch: Path,
    *,
    transitive: bool,
    on_jar: Callable[[], None],
) -> None:
    """Download modules, and with `transitive` all they need, as `into/<module>-<revision>.jar`.

    Ivy checks each file against the repository's checksum and keeps all its own in `scratch`.

    Raises:
        JarsUnavailableError: The repository can't be reached, or lacks something.
        PrerequisiteError: No Java, or no pyspark.
    """
    prerequisites.java().require()
    root = repository()
    settings, module = scratch / "ivysettings.xml", scratch / "ivy.xml"
    settings.write_text(
        _SETTINGS.format(
            cache=quoteattr(str(scratch / "cache")),
            root=quoteattr(root),
            poms=str(transitive).lower(),
        )
    )
    module.write_text(
        _MODULE.format(dependencies="\n".join(_depend(w, transitive) for w in wanted))
    )
    command = [
        prerequisites.java_program(),
        *proxy_options(),
        f"-Divy.default.ivy.user.dir={scratch}",
        "-jar",
        str(ivy_jar()),
        *("-settings", str(settings), "-ivy", str(module), "-confs", "default"),
        *("-retrieve", str(into / "[artifact]-[revision](-[classifier]).[ext]")),
    ]
    told: list[str] = []
    with subprocess.Popen(  # noqa: S603 - the user's Java, paths and coordinates as arguments
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors="replace"
    ) as ivy:
        try:
            for line in ivy.stdout or ():
                told.append(line)
                if "[SUCCESSFUL ]" in line and ".jar" in line:
                    on_jar()
        except BaseException:
            ivy.kill()
            raise
    if ivy.returncode:
        raise JarsUnavailableError(
            f"Can't download from the Maven repository {root}: {_reason(told)}. Check the network "
            f"(a proxy is taken from https_proxy), or set {REPOSITORY_SETTING} to a mirror."
        )


def _depend(coordinates: Coordinates, transitive: bool) -> str:
    organisation, module, revision = map(quoteattr, coordinates)
    return (
        f"    <dependency org={organisation} name={module} rev={revision}"
        f' conf="default" transitive="{str(transitive).lower()}"/>'
    )


def proxy_options() -> list[str]:
    """Tell Java, which does not read them, about https_proxy, http_proxy and no_proxy.

    What JAVA_TOOL_OPTIONS says about a proxy comes first. A proxy that wants a password can only
    be given there: on a command line every user of the machine could read it.
    """
    if ".proxyHost" in os.environ.get("JAVA_TOOL_OPTIONS", ""):
        return []
    options = []
    for scheme in ("https", "http"):
        name = f"{scheme}_proxy"
        address = os.environ.get(name) or os.environ.get(name.upper()) or ""
        parts = urlsplit(address if "//" in address else f"//{address}")
        if parts.hostname:
            options.append(f"-D{scheme}.proxyHost={parts.hostname}")
            options.append(f"-D{scheme}.proxyPort={parts.port or 80}")
    direct = os.environ.get("no_proxy") or os.environ.get("NO_PROXY") or ""
    hosts = [host.strip() for host in direct.split(",") if host.strip()]
    if options and hosts:
        patterns = [f"*{host}" if host.startswith(".") else host for host in hosts]
        options.append(f"-Dhttp.nonProxyHosts={'|'.join(patterns)}")
    return options


def _reason(told: Sequence[str]) -> str:
    """Pick the line of Ivy's report that tells most."""
    for pattern in (
        r"(UnknownHostException.*)",
        r"Server access error at url \S+ \((?:\w+\.)*(\w+.*)\)",
        r"Server access Error: (.*?)(?: url=.*)?$",
        r"((?:\w+\.)*\w+Exception: .*)",
        r"(?:unresolved dependency|UNRESOLVED DEPENDENCY): (.*)",
        r"(\[FAILED +\].*)",
        r"(?i)(invalid sha1.*)",
    ):
        for line in told:
            match = re.search(pattern, line)
            if match:
                return match[1].strip().rstrip(".")
    return next((line.strip() for line in reversed(told) if line.strip()), "Ivy said nothing")
