"""Taking real rows back: those of slices that an erasure touched, and those nobody could judge."""

from __future__ import annotations

from collections.abc import Collection

from sottovoce.service.logging import get_logger
from sottovoce_query.held import HeldCells
from sottovoce_query.releases.desk import Desk


class Withdrawals:
    """Withdraws the real rows of one data set; for one thread, the same at every replica.

    A slice that an erasure touched never has real rows again, whenever they would be made: a
    replica that lags may make them of cells that an erasure has rebuilt since, and a clean sample
    beside the one that was withdrawn would tell who is missing. So order, repetition and restarts
    change nothing. Rows go with their cells, too: of a slice whose cells have expired no erasure
    can find out any more whether its listener was in them.

    Args:
        cells: tells what has expired.
        desk: withdraws.
    """

    def __init__(self, cells: HeldCells, desk: Desk) -> None:
        self._cells = cells
        self._desk = desk
        self._done: tuple[int, int, int] | None = None

    def follow(self, touched: Collection[int]) -> int:
        """Withdraw what stands and must not; return how many bodies.

        Args:
            touched: the slices of the data set of which any erasure rebuilt a cell.

        Raises:
            FatalWriteError: the outcome is unknown: the process must end.
        """
        floor_ms = self._cells.floor_ms
        now = len(touched), floor_ms, self._desk.rows_put
        if now == self._done:
            return 0
        self._desk.close_to_rows(touched, floor_ms)
        old = [each for each in self._desk.slices_with_rows() if each < floor_ms]
        count = self._desk.withdraw_rows([*touched, *old])
        self._done = now
        if count:
            get_logger().info(
                "real rows are withdrawn", data_set=self._cells.data_set.name, slices=count
            )
        return count
