"""What the topic `catalogues` holds, as every service sees it: data sets, terms, catalogues."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from sottovoce.data_sets.data_set import DataSet, DataSetError
from sottovoce.data_sets.terms import Terms, TermsTimeline
from sottovoce.kafka.connection import KafkaSettings
from sottovoce.kafka.errors import MissingTopicError
from sottovoce.kafka.reading import LogReader, Record
from sottovoce.kafka.topics import Topics
from sottovoce.wire.v1 import data_set_pb2

if TYPE_CHECKING:
    from sottovoce.catalogue import Catalogue

_DATA_SET: Final = b"data-set/"
_TERMS: Final = b"terms/"
_CATALOGUE: Final = b"catalogue/"


class Registry:
    """A view of `catalogues` that follows its log.

    A catalogue is unpacked when it is first asked for and then kept.

    Args:
        settings: where Kafka is.

    Raises:
        MissingTopicError: `sottovoce topics create` was not run.
    """

    def __init__(self, settings: KafkaSettings) -> None:
        self._topic = Topics(settings.kafka_topic_prefix).catalogues
        self._reader = LogReader(settings, [(self._topic, 0)])
        self._data_sets: dict[str, DataSet] = {}
        self._terms: dict[str, dict[int, Terms]] = {}
        self._versions: dict[str, data_set_pb2.CatalogueVersion] = {}
        self._parts: dict[str, dict[int, bytes]] = {}
        self._catalogues: dict[str, Catalogue] = {}
        self._apply(self._reader.to_end())
        if not self._data_sets:
            raise MissingTopicError(
                f"topic {self._topic} holds no data set: run `sottovoce topics create` first"
            )

    def refresh(self) -> bool:
        """Apply what was written since; return whether there was anything."""
        return self._apply(self._reader.poll(timeout=0.0))

    def close(self) -> None:
        """Let go of the connection."""
        self._reader.close()

    @property
    def data_sets(self) -> dict[str, DataSet]:
        """Every data set, by name."""
        return dict(self._data_sets)

    @property
    def versions(self) -> list[data_set_pb2.CatalogueVersion]:
        """Every version of the catalogue, oldest first."""
        return sorted(self._versions.values(), key=lambda each: (each.imported_at_ms, each.version))

    def data_set(self, name: str) -> DataSet:
        """Return a data set.

        Raises:
            DataSetError: there is none of this name.
        """
        try:
            return self._data_sets[name]
        except KeyError:
            raise DataSetError(
                f"no data set {name!r}; there are: {', '.join(sorted(self._data_sets))}"
            ) from None

    def terms(self, name: str) -> TermsTimeline:
        """Return all terms of a data set."""
        return TermsTimeline(name, self._terms.get(name, {}).values())

    def catalogue(self, version: str) -> Catalogue:
        """Return a version of the catalogue; the empty one for the empty string.

        Raises:
            DataSetError: there is no such version.
        """
        # Here, since most who read the registry want no catalogue, and would load Arrow's formats.
        from sottovoce.catalogue import Catalogue, from_parts

        if version not in self._catalogues:
            if version == "":
                self._catalogues[version] = Catalogue.empty()
            elif version in self._versions:
                parts = self._parts.get(version, {})
                self._catalogues[version] = from_parts(
                    [parts[number] for number in sorted(parts)], version
                )
            else:
                raise DataSetError(
                    f"no catalogue {version!r}; `sottovoce catalogue list` names those there are"
                )
        return self._catalogues[version]

    def _apply(self, records: Iterable[Record]) -> bool:
        changed = False
        for record in records:
            if record.value is None:
                continue
            changed = True
            if record.key.startswith(_DATA_SET):
                constants = data_set_pb2.DataSetConstants.FromString(record.value)
                self._data_sets.setdefault(constants.name, DataSet.from_message(constants))
            elif record.key.startswith(_TERMS):
                terms = Terms.from_message(data_set_pb2.Terms.FromString(record.value))
                self._terms.setdefault(terms.data_set, {})[terms.from_ms] = terms
            elif record.key.startswith(_CATALOGUE):
                self._apply_catalogue(record)
        return changed

    def _apply_catalogue(self, record: Record) -> None:
        assert record.value is not None
        if record.key.count(b"/") == 1:
            version = data_set_pb2.CatalogueVersion.FromString(record.value)
            self._versions[version.version] = version
        else:
            part = data_set_pb2.CataloguePart.FromString(record.value)
            self._parts.setdefault(part.version, {})[part.part] = part.parquet
