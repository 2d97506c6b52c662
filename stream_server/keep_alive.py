"""Starts the service again when it dies: what `fakewatch serve --keep-alive` turns into.

A crash inside a decoder or a driver, or the kernel's choice when memory runs out, then costs some
seconds and no stream. It is a process of the standard library alone, so that nothing in it can
crash, and it owns nothing that the service needs: without it the service goes on.
"""

import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Sequence
from types import FrameType

BUDGET, WITHIN_S = 5, 60.0
"""So many restarts in that time; what dies more often has to be looked at by a person."""
_PAUSE_S = 0.5
_FINE = (0, 2)
"""Exit codes of a service that was stopped, or that refuses to start: no reason to start again."""
_FORWARDED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class KeptAlive:
    """One service after the other, each with the same command line."""

    def __init__(self, command: Sequence[str], budget: int = BUDGET) -> None:
        self._command, self._budget = list(command), budget
        self._child: subprocess.Popen[bytes] | None = None
        self._stopping = False
        self._deaths: deque[float] = deque()

    def run(self) -> int:
        """Serve until it is stopped; the exit code of the last service."""
        for number in _FORWARDED:
            signal.signal(number, self._forward)
        while True:
            code = self._serve()
            if self._stopping or code in _FINE:
                return code if code >= 0 else 128 - code  # as a shell says it
            self._deaths.append(time.monotonic())
            while self._deaths[-1] - self._deaths[0] > WITHIN_S:
                self._deaths.popleft()
            if len(self._deaths) > self._budget:
                _say(
                    f"The service died {len(self._deaths)} times within {WITHIN_S:g} s and is not"
                    " started again. Its log says more."
                )
                return 1
            _say(f"The service died ({_reason(code)}) and is started again.")
            time.sleep(_PAUSE_S)

    def _serve(self) -> int:
        # A group of its own: Ctrl+C at the terminal comes once, from here.
        self._child = subprocess.Popen(self._command, process_group=0)  # noqa: S603 - our own
        if self._stopping:  # asked for while it was being started
            self._child.terminate()
        code = self._child.wait()
        if "--open" in self._command:  # the page is open by now
            self._command.remove("--open")
        return code

    def _forward(self, number: int, _frame: FrameType | None) -> None:
        self._stopping = self._stopping or number != signal.SIGHUP
        if self._child is not None and self._child.returncode is None:
            self._child.send_signal(number)


def _reason(code: int) -> str:
    if code >= 0:
        return f"exit code {code}"
    try:
        return signal.Signals(-code).name
    except ValueError:
        return f"signal {-code}"


def _say(sentence: str) -> None:
    sys.stderr.write(f"fakewatch: {sentence}\n")
    sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(KeptAlive([sys.executable, "-m", "stream_server.cli", "serve", *sys.argv[1:]]).run())
