"""Structured logs: JSON in a pod, readable on a terminal; no listener, no token."""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog

from sottovoce.service.settings import ServiceSettings


def configure_logging(settings: ServiceSettings, service: str) -> None:
    """Set logging up for this process, third-party loggers included.

    Args:
        settings: format and level.
        service: the service's name, a field of every line.
    """
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    as_json = settings.log_format == "json" or (
        settings.log_format == "auto" and not sys.stderr.isatty()
    )

    def name_service(_: Any, __: str, event: structlog.typing.EventDict) -> dict[str, Any]:
        return {"service": service, **event}

    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        name_service,
    ]
    renderer: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    )
    structlog.configure(
        processors=[*shared, *renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        # Looked up for each logger: the stream of this moment may be closed by the next.
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
            foreign_pre_chain=shared,
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(max(level, logging.WARNING))


def get_logger() -> structlog.typing.FilteringBoundLogger:
    """Return the process's logger: `log.info("what happened", field=value)`."""
    logger: structlog.typing.FilteringBoundLogger = structlog.get_logger()
    return logger
