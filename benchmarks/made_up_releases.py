"""A month of made-up releases of the design's size, written as the query service writes them."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.ground import LISTENS_PER_SLICE, Ground
from sottovoce.catalogue import Catalogue
from sottovoce.data_sets.data_set import DAY_MS
from sottovoce.ledger import Body
from sottovoce.ledger.codec import BODY_BYTES, charge_of
from sottovoce.ledger.log import KafkaReleaseLog
from sottovoce.privacy import Allowance, ChargeRecord, ReleaseKey
from sottovoce.wire.countries import COUNTRY_CODES
from sottovoce_query.releases.desk import RANKING_PANES
from sottovoce_query.releases.features import LENGTH
from sottovoce_query.releases.plans import LIVE_SHARES, plan_of
from sottovoce_query.releases.statistic import STATISTICS, Domain, Statistic, Step

_THIN_DEVIATIONS = 2.0


def make_releases(ground: Ground, days: int, catalogue: Catalogue) -> int:
    """Write all standing releases of the last days, up to the last whole slice; return how many.

    Vectors of tracks and artists are whole for a day and thinned before, as the service keeps them.
    """
    live, version = ground.live, catalogue.version
    sizes = {
        Domain.ONE: 1,
        Domain.GENRES: len(catalogue.genres) + 1,  # the last: unknown
        Domain.COUNTRIES: len(COUNTRY_CODES),
        Domain.TRACKS: len(catalogue),
        Domain.ARTISTS: len(catalogue.artist_keys),
        Domain.OCCUPANCY: 51,
        Domain.FEATURES: LENGTH,
    }
    log = KafkaReleaseLog(ground.settings, lambda *_: None)
    log.catch_up()
    opening = log.ledger.opening
    assert opening is not None
    plan = plan_of(1.0, 1e-9, LIVE_SHARES)
    end_ms = live.slice_of(time.time_ns() // 1_000_000)
    first_ms = max(end_ms - days * DAY_MS, opening.horizon(live.name))
    first_ms += -first_ms % live.slice_ms
    log.allow([Allowance(opening.ledger, live.name, first_ms, plan, 24)])
    generator = np.random.default_rng(1)
    written = 0
    for slice_ms in range(first_ms, end_ms, live.slice_ms):
        whole = slice_ms >= end_ms - DAY_MS
        made = []
        for statistic, key in _keys(ground, slice_ms, first_ms):
            noise = plan.noise(statistic.name, statistic.sensitivity(LISTENS_PER_SLICE))
            deviation = noise.variance**0.5
            values = generator.normal(0, deviation, sizes[statistic.domain]).astype(np.int64)
            body = Body(statistic.domain.value, version, values)
            if not whole and statistic.domain in (Domain.TRACKS, Domain.ARTISTS):
                body = body.thinned(int(_THIN_DEVIATIONS * deviation))
            charge = charge_of(noise, plan.threshold_delta(statistic.name))
            name = secrets.token_bytes(BODY_BYTES)
            made.append((ChargeRecord(opening.ledger, key, charge, noise=noise, body=name), body))
        log.release(made)
        written += len(made)
    log.close()
    return written


def _keys(ground: Ground, slice_ms: int, first_ms: int) -> Iterator[tuple[Statistic, ReleaseKey]]:
    live = ground.live
    panes = live.panes_per_slice
    for statistic in STATISTICS.values():
        name, one = statistic.name, (slice_ms,)
        match statistic.step:
            case Step.PANE:
                for pane in range(panes):
                    yield statistic, ReleaseKey(live.name, one, name, "panes=1", pane)
            case Step.RANKING:
                for draw in range(panes // RANKING_PANES):
                    yield (
                        statistic,
                        ReleaseKey(live.name, one, name, f"panes={RANKING_PANES}", draw),
                    )
            case Step.SLICE:
                yield statistic, ReleaseKey(live.name, one, name)
            case Step.DAY if (slice_ms + live.slice_ms) % DAY_MS == 0:
                day = tuple(range(slice_ms + live.slice_ms - DAY_MS, slice_ms + 1, live.slice_ms))
                if day[0] >= first_ms:
                    yield statistic, ReleaseKey(live.name, day, name)
