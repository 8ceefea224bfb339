"""`sottovoce-consumer`: reads listens, admits, counts, commits cells."""

from __future__ import annotations

import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from sottovoce.errors import SottovoceError
from sottovoce.kafka.errors import LostRecordsError
from sottovoce.local.prerequisites import java
from sottovoce.service.logging import configure_logging
from sottovoce.service.settings import end_with_error, load_settings
from sottovoce.service.shutdown import Shutdown
from sottovoce_consumer.settings import ConsumerSettings

EXIT_LOST_RECORDS: Final = 3


def main(arguments: list[str] | None = None) -> None:
    """Run until a signal; exit with 1 on an error, with 3 where records were lost."""
    try:
        settings = load_settings(
            ConsumerSettings,
            "sottovoce-consumer",
            sys.argv[1:] if arguments is None else arguments,
        )
        configure_logging(settings, "consumer")
        start(settings, Shutdown())
    except LostRecordsError as error:
        end_with_error(error, EXIT_LOST_RECORDS)
    except SottovoceError as error:
        end_with_error(error)


def start(settings: ConsumerSettings, shutdown: Shutdown) -> None:
    """Start Spark, and run until `shutdown` is requested.

    Spark takes longest to start, so it starts first: before what else counting needs is imported.

    Raises:
        SottovoceError: what ended it.
    """
    java().require()  # before anybody who counts already is fenced
    settings.require_broker()
    with (
        ThreadPoolExecutor(1, "spark-start") as elsewhere,
        tempfile.TemporaryDirectory(prefix="sottovoce-consumer-") as folder,
    ):
        from sottovoce_consumer.session import start_session

        starting = elsewhere.submit(start_session, settings)
        from sottovoce_consumer.running import run

        run(settings, shutdown, starting.result, Path(folder))


if __name__ == "__main__":
    main()
