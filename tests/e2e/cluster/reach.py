"""Run inside a pod, from standard input: which of the given HOST:PORT can be reached, as JSON."""

import json
import socket
import sys


def is_open(target: str) -> bool:
    host, _, port = target.rpartition(":")
    try:
        socket.create_connection((host, int(port)), timeout=2).close()
    except OSError:
        return False
    return True


print(json.dumps({each: is_open(each) for each in sys.argv[1:]}))
