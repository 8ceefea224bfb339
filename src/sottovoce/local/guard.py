"""Processes that must not outlive the one that started them."""

from __future__ import annotations

import os
import subprocess

# Reads until the pipe closes. A line means that the process was ended in order; an end of file
# without one means that the parent is gone, however it went.
_WATCH = 'read -r line && exit 0; kill -s KILL -- "-$1" 2>/dev/null'


class ParentGuard:
    """Kills a process group as soon as the current process is no more, `kill -9` included.

    A watcher holds the read end of a pipe whose only write end is here: the kernel closes it with
    this process. Linux's PR_SET_PDEATHSIG would do without a watcher, but it fires when the
    *thread* that started the process ends, and other systems lack it.

    Args:
        group: Process group to end; the id of a process that was started with
            `start_new_session=True`.
    """

    def __init__(self, group: int) -> None:
        read_end, self._write_end = os.pipe()
        try:
            self._watcher = subprocess.Popen(  # noqa: S603 - fixed program, a number as argument
                ["/bin/sh", "-c", _WATCH, "guard", str(group)],
                stdin=read_end,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                start_new_session=True,  # a Ctrl-C is for the parent, which stops things in order
            )
        finally:
            os.close(read_end)

    def release(self) -> None:
        """Stop guarding: the process was ended in order. May be called again."""
        if self._write_end < 0:
            return
        try:
            os.write(self._write_end, b"ended\n")
        except BrokenPipeError:
            pass  # somebody ended the watcher; there is nothing to call off
        finally:
            os.close(self._write_end)
            self._write_end = -1
        self._watcher.wait()
