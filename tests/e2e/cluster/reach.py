"""Run inside a pod, from standard input: which of the given HOST:PORT can be reached, as JSON."""

import json
import socket
import sys
from concurrent.futures import ThreadPoolExecutor


def is_open(target: str) -> bool:
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True


with ThreadPoolExecutor(max_workers=16) as at_once:
    print(json.dumps(dict(zip(sys.argv[1:], at_once.map(is_open, sys.argv[1:]), strict=True))))
