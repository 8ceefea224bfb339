"""Run inside a pod, from standard input: ask through the Service for SECONDS; what failed, as JSON.

Each question is a client of its own, so that the Service chooses a replica anew.
"""

import json
import os
import sys
import time

from sottovoce.client import QueryError
from sottovoce.client.settings import CallerSettings

until = time.monotonic() + float(sys.argv[1])
answered, failures = 0, []
while time.monotonic() < until:
    try:
        with CallerSettings().client(os.environ["SOTTOVOCE_QUERY_ADDRESS"], 10) as client:
            client.status()
        answered += 1
    except QueryError as error:
        failures.append(str(error))
    time.sleep(0.05)
print(json.dumps({"answered": answered, "failures": failures}))
