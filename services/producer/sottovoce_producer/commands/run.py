"""`sottovoce-producer run`."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

from sottovoce import __version__
from sottovoce.catalogue import Catalogue, read_catalogue
from sottovoce.service.logging import configure_logging, get_logger
from sottovoce.service.metrics import new_registry, serve_metrics
from sottovoce.service.settings import load_settings
from sottovoce.service.shutdown import Shutdown
from sottovoce_producer.assembly import Assembly, assemble
from sottovoce_producer.counts import outcomes
from sottovoce_producer.errors import WriterStoppedError
from sottovoce_producer.metrics import MeteredWriter, ProducerMetrics
from sottovoce_producer.resealing import BackgroundResealing
from sottovoce_producer.rpc import Door
from sottovoce_producer.session import system_clock_ms
from sottovoce_producer.settings import RunSettings
from sottovoce_producer.sources import run_source
from sottovoce_producer.sources.crowd import Crowd, Population
from sottovoce_producer.sources.made_up import write_made_up_catalogue
from sottovoce_producer.sources.simulator import Simulator
from sottovoce_producer.sources.spotify.background import BackgroundPoller

_WATCH_SECONDS = 0.5


def main(arguments: list[str]) -> None:
    """Run the writer until a signal, the simulator's last play, or a failed write."""
    settings = load_settings(RunSettings, "sottovoce-producer run", arguments)
    configure_logging(settings, "producer")
    log = get_logger()
    shutdown = Shutdown()
    began = time.monotonic()
    assembly = assemble(settings)
    registry = new_registry("producer", __version__)
    sink = MeteredWriter(assembly.writer, ProducerMetrics(registry, assembly.writer.state))
    serve_metrics(settings, registry)
    door = None
    if settings.rpc_port:
        door = Door(sink, assembly.accounts, settings, registry)
    log.info(
        "ready",
        writer=settings.writer_index,
        of=settings.writers,
        listeners=len(assembly.writer.state.listeners),
        rpc=door and door.address,
        seconds=round(time.monotonic() - began, 3),
    )
    resealing = BackgroundResealing(assembly.resealing, shutdown)
    polling = None
    try:
        if settings.spotify_client_id:
            polling = BackgroundPoller.over_writer(
                settings,
                sink,
                assembly.writer.state.listeners,
                registry,
                shutdown,
                system_clock_ms,
            )
        if settings.simulator_rate >= 0:
            run_source(_simulator(settings, assembly, shutdown), sink)
        while settings.simulator_plays is None and not shutdown.wait(_WATCH_SECONDS):
            if assembly.writer.stopped is not None:
                raise WriterStoppedError(f"the writer stopped: {assembly.writer.stopped}")
    finally:
        if door is not None:
            door.close()
        resealing.close()
        log.info("stopped", **outcomes(sink.total))
    if polling is not None:
        polling.close()
    assembly.close()


def _simulator(settings: RunSettings, assembly: Assembly, shutdown: Shutdown) -> Simulator:
    terms = assembly.registry.terms(settings.simulator_data_set)
    pinned = terms.at(max(system_clock_ms(), terms.starts[0])).catalogue_version
    catalogue = assembly.registry.catalogue(pinned)
    if not len(catalogue):
        catalogue = _made_up(settings.simulator_tracks, settings.simulator_seed)
    population = Population(
        seed=settings.simulator_seed,
        listeners=settings.simulator_listeners,
        seats=settings.simulator_seats,
        skips=settings.simulator_skips,
        zipf=settings.simulator_zipf,
        duplicates=settings.simulator_duplicates,
    )
    return Simulator(
        Crowd(population, catalogue),
        name=f"simulator:{settings.simulator_data_set}:{settings.simulator_seed}"
        f":{settings.writer_index}",
        data_set=settings.simulator_data_set,
        rate=settings.simulator_rate,
        follows_day=settings.simulator_follows_day,
        start_ms=settings.simulator_start_ms,
        plays=settings.simulator_plays,
        batch_ms=settings.simulator_batch_ms,
        batch_plays=settings.simulator_batch_plays,
        clock_ms=system_clock_ms,
        wait=shutdown.wait,
    )


def _made_up(tracks: int, seed: int) -> Catalogue:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made-up.csv"
        write_made_up_catalogue(path, tracks, seed)
        return read_catalogue(path)[0]
