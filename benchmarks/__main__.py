"""`python -m benchmarks [NAME ...]`: measure, write results, say what fell short."""

from __future__ import annotations

import argparse
import importlib
import sys
import time

from benchmarks.machine import describe_machine, load
from benchmarks.results import folder_of, target_table, write_page

SUITE = {
    "sketches": "sketches beside datasketches, pyprobables and brute force",
    "consumer": "the consumer beside Spark's own Kafka source",
    "freshness": "from sent to visible, and what it costs, at fixed rates",
    "writer": "the producer's writer, alone and beside the consumer",
    "erasure": "erasing listeners from 18 M listens, while a live stream goes on",
    "query": "a cached answer beside a bare gRPC echo",
    "memory": "the query service's memory, a week of cells held",
    "history": "import of a person's exported history",
    "startup": "seconds until each service is ready",
    "recovery": "seconds until a killed consumer counts live again",
}


def main() -> int:
    """Run the benchmarks that are named, all by default; 0 if every target was reached."""
    parser = argparse.ArgumentParser(
        "python -m benchmarks",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:10} {what}" for name, what in SUITE.items()),
    )
    parser.add_argument("names", nargs="*", metavar="NAME", help="one of those below; all if none")
    parser.add_argument(
        "--size",
        choices=("tiny", "full", "long"),
        default="full",
        help="tiny: to try the benchmarks; long: freshness over ten minutes",
    )
    parser.add_argument("--strict", action="store_true", help="exit 1 if anything fell short")
    parser.add_argument("--note", help="what a reader must know of this run, kept with the results")
    asked = parser.parse_args()
    unknown = set(asked.names) - set(SUITE)
    if unknown:
        parser.error(f"no benchmark {', '.join(sorted(unknown))}; there are: {', '.join(SUITE)}")
    machine = describe_machine()
    print(", ".join(f"{key} {value}" for key, value in machine.items()))
    short = False
    for name in asked.names or SUITE:
        print(f"\n{name}: {SUITE[name]}", flush=True)
        before, began = load(), time.monotonic()
        result = importlib.import_module(f"benchmarks.suite.{name}").measure(asked.size)
        seconds = time.monotonic() - began
        result.notes += [asked.note] if asked.note else []
        result.save(size=asked.size, seconds=seconds, machine=machine, load=before)
        for table in result.tables:
            print(f"\n{table.markdown()}")
        told = [{**vars(each), "met": each.met} for each in result.targets]
        if told:
            print(f"\n{target_table(told)}")
        short |= any(not each.met for each in result.targets)
        print(f"({seconds:.0f} s)", flush=True)
    print(f"\nwritten: {write_page(folder_of(asked.size))}")
    return int(short and asked.strict)


if __name__ == "__main__":
    sys.exit(main())
