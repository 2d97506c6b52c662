"""Starts, steers and kills `rtsp_server.py`, the real RTSP camera of the tests."""

import json
import select
import subprocess
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

from tests.needs import need

SCRIPT = Path(__file__).with_name("rtsp_server.py")
_START_S = 20.0


class GstCamera:
    """A GStreamer RTSP server with one or more mounts; a context manager.

    `GstCamera({"/live": {"pattern": "ball"}}, user="admin", password="secret")`
    """

    def __init__(self, mounts: dict[str, dict[str, Any]] | None = None, **facts: Any) -> None:
        self._facts = {"mounts": mounts or {"/live": {}}, **facts}
        self._process: subprocess.Popen[str] | None = None
        self.port = 0

    def __enter__(self) -> "GstCamera":
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.kill()

    def start(self) -> None:
        """Start it; again on the same port after `kill`."""
        facts = {**self._facts, "port": self.port}
        self._process = subprocess.Popen(
            [need("gst-rtsp-server"), str(SCRIPT), json.dumps(facts, default=str)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], _START_S)
        words = self._process.stdout.readline().split() if ready else []
        if words[:1] != ["ready"]:
            self.kill()
            raise RuntimeError("the RTSP server did not start; see its standard error")
        self.port = int(words[1])

    def kill(self) -> None:
        """End it at once, as a power cut would: SIGKILL."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def tell(self, *words: object) -> None:
        """Send a command: `tell("stall", "/live")`."""
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(" ".join(map(str, words)) + "\n")
        self._process.stdin.flush()

    def url(self, mount: str = "/live", user_info: str = "") -> str:
        """Address of a mount, with `user:password` where given."""
        prefix = f"{user_info}@" if user_info else ""
        return f"rtsp://{prefix}127.0.0.1:{self.port}{mount}"
