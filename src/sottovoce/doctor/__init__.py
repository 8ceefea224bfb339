"""Looking at a machine and at a running system, and saying what to do about what is found."""

from sottovoce.doctor.finding import Finding, Level
from sottovoce.doctor.machine import examine_machine
from sottovoce.doctor.system import examine_kafka, examine_query

__all__ = ["Finding", "Level", "examine_kafka", "examine_machine", "examine_query"]
