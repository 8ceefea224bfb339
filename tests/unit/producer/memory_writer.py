"""A writer whose log is a list: what it writes, in order, without a broker."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass, field

from sottovoce.catalogue import Catalogue
from sottovoce.data_sets import PROFILES, Terms, TermsTimeline
from sottovoce.kafka import Topics
from sottovoce.wire.listens import LISTEN_KEY_BYTES, listen_keys, view_listens
from sottovoce_producer.accounts import Accounts
from sottovoce_producer.filters import Filters, FilterSettings
from sottovoce_producer.intake import Intake
from sottovoce_producer.listeners import Listeners
from sottovoce_producer.plays import Plays
from sottovoce_producer.resealing import Resealing
from sottovoce_producer.session import Session
from sottovoce_producer.state import WriterState
from sottovoce_producer.tracks import TrackNames
from sottovoce_producer.vault import Vault, random_pseudonym
from sottovoce_producer.vault_keys import VaultKeys
from sottovoce_producer.writer import Batch, Writer

DATA_SETS = PROFILES["standard"]


@dataclass
class MemoryLog:
    """What was produced: (topic, key, value, partition), all of it committed."""

    records: list = field(default_factory=list)
    transactions: int = 0

    @contextmanager
    def transaction(self):
        self.transactions += 1
        yield self

    def produce(self, topic, key, value, *, partition=0):
        self.records.append((topic, key, value, partition))

    def produce_listens(self, topic, listens, shards):
        for listen, key, shard in zip(listens, listen_keys(listens), shards.tolist(), strict=True):
            self.records.append((topic, key, listen.tobytes(), shard))

    def of(self, topic):
        return [record[1:] for record in self.records if record[0] == topic]


class MemoryWriter:
    """A writer, its accounts and its log, at a time that the test sets."""

    def __init__(
        self, *, now_ms, terms=(), make_pseudonym=random_pseudonym, keys=None, key_file=None, **own
    ):
        self.now_ms = now_ms
        self.log = MemoryLog()
        self.topics = Topics()
        self.listeners = Listeners(Vault(keys or VaultKeys.create()), make_pseudonym, **own)
        names = TrackNames()
        by_name = {each.data_set: each for each in terms}
        intakes = {
            name: Intake(
                data_set,
                terms=lambda name=name: TermsTimeline(name, [by_name.get(name, Terms(name))]),
                catalogue=lambda _: Catalogue.empty(),
                track_names=names,
                filters=Filters(FilterSettings()),
            )
            for name, data_set in DATA_SETS.items()
        }
        self.state = WriterState(self.listeners, names, intakes)
        session = Session(
            self.log, self.topics, self.state, clock_ms=lambda: self.now_ms, key_file=key_file
        )
        self.writer = Writer(session)
        self.accounts = Accounts(session)
        self.resealing = Resealing(session)

    def write(self, rows, data_set="live", source="s", cursor=None):
        plays, malformed = Plays.from_rows(rows)
        return self.writer.write(Batch(data_set, plays, source, cursor, len(malformed)))

    def listens(self, data_set="live"):
        """All listens of a data set, in the order of writing."""
        records = self.log.of(self.topics.listens(data_set))
        return view_listens(
            b"".join(value for key, value, _ in records if len(key) == LISTEN_KEY_BYTES)
        )
