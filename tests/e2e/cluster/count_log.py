"""Run inside a pod, from standard input: what the log of `live` holds, exactly, as JSON."""

import json
from collections import Counter

from sottovoce.data_sets.registry import Registry
from sottovoce.kafka import KafkaSettings, Topics
from sottovoce.kafka.reading import LogReader
from sottovoce.wire.listens import LISTEN_BYTES, LISTEN_KEY_BYTES, view_listens

settings = KafkaSettings()
registry = Registry(settings)
live = registry.data_set("live")
registry.close()
topic = Topics(settings.kafka_topic_prefix).listens("live")
reader = LogReader(settings, [(topic, shard) for shard in range(live.shards)])
held, events, slices, listeners = 0, set(), Counter(), Counter()
for record in reader.to_end():
    if len(record.key) != LISTEN_KEY_BYTES or record.value is None:
        continue
    if len(record.value) != LISTEN_BYTES:
        continue
    held += 1
    events.add(record.key)
    listen = view_listens(record.value)[0]
    slices[live.slice_of(int(listen["end_time_ms"]))] += 1
    listeners[record.key[:16].hex()] += 1
reader.close()
print(
    json.dumps(
        {
            "listens": held,
            "events": len(events),
            "slices": dict(slices),
            "listeners": dict(listeners),
        }
    )
)
