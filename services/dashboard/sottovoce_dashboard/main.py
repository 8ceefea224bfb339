"""`sottovoce-dashboard`: Streamlit with our settings."""

from __future__ import annotations

import socket
import sys
from pathlib import Path
from typing import Final

from sottovoce.errors import SottovoceError
from sottovoce.service.settings import end_with_error, load_settings
from sottovoce_dashboard.settings import DashboardSettings
from sottovoce_dashboard.theme import theme_options

PROGRAM: Final = "sottovoce-dashboard"
_APP: Final = Path(__file__).with_name("app.py")


class PortTakenError(SottovoceError):
    """The dashboard's port can't be had."""


def streamlit_options(settings: DashboardSettings) -> dict[str, object]:
    """Return Streamlit's options: no telemetry, no watching of files, our address and look."""
    return {
        "browser.gatherUsageStats": False,
        "client.showErrorDetails": "none",
        "client.toolbarMode": "minimal",
        "global.developmentMode": False,
        "logger.level": "warning",
        "runner.magicEnabled": False,
        "server.address": settings.dashboard_host,
        "server.fileWatcherType": "none",
        "server.headless": True,
        "server.port": settings.dashboard_port,
        "server.showEmailPrompt": False,
        **theme_options(),
    }


def require_port(host: str, port: int) -> None:
    """Return when the port can be listened on.

    Raises:
        PortTakenError: it can't.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PortTakenError(
                f"the dashboard can't listen on {host}:{port} ({error.strerror}): "
                "choose another dashboard_port or dashboard_host"
            ) from error


def main(arguments: list[str] | None = None) -> None:
    """Serve the dashboard until SIGTERM or SIGINT."""
    given = sys.argv[1:] if arguments is None else arguments
    try:
        settings = load_settings(DashboardSettings, PROGRAM, given)
        require_port(settings.dashboard_host, settings.dashboard_port)
        settings.client(settings.query_address).close()  # what can't be shown is said now
    except SottovoceError as error:
        end_with_error(error)
        return
    from streamlit.web import bootstrap

    options = streamlit_options(settings)
    bootstrap.load_config_options(options)
    bootstrap.run(str(_APP), False, given, options)


if __name__ == "__main__":
    main()
