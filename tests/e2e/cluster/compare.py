"""Run inside a pod, from standard input: every question, each answer beside the truth, as JSON.

Arguments: the folder of the simulator's truth, the file of the catalogue. Nobody plays any more.
"""

import dataclasses
import json
import os
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from sottovoce.catalogue import read_catalogue
from sottovoce.client import TimeRange
from sottovoce.client.settings import CallerSettings
from sottovoce.local.comparison import DATA_SET, Comparison, trend_checks
from sottovoce.local.truth import Truth

PATIENCE = 90

truth = Truth.read(Path(sys.argv[1]), DATA_SET)
catalogue, _ = read_catalogue(Path(sys.argv[2]))
with CallerSettings().client(os.environ["SOTTOVOCE_QUERY_ADDRESS"]) as client:
    length = client.status().data_sets[DATA_SET].slice
    last = datetime.fromtimestamp(truth.last_end_ms / 1000, UTC)
    end = last - (last - datetime.fromtimestamp(0, UTC)) % length + length
    until = time.monotonic() + PATIENCE
    while (client.status().data_sets[DATA_SET].complete_through or last) < end:
        assert time.monotonic() < until, f"the slice before {end} is not complete"
        time.sleep(0.2)
    asked = TimeRange(client.status().data_sets[DATA_SET].first_slice, end)
    assert asked.length >= 2 * length
    checks = Comparison(client, asked, truth, catalogue).checks()
    checks += trend_checks(next(iter(client.trends(DATA_SET, size=10))), truth)
    client.budget(DATA_SET)
# Only operators are told how many listens were admitted: the test reads the consumer's metrics.
told = [dataclasses.asdict(each) for each in checks if "admitted" not in each.question]
print(json.dumps({"listens": len(truth), "checks": told}))
