"""SRT by way of the program ffmpeg, because PyAV's wheels are built without it."""

import shutil
import subprocess
import threading
from typing import BinaryIO, cast

from pipeline.errors import SourceError
from stream_server.source_errors import source_error

_SIGNS = (
    ("secret", "auth_failed"),
    ("unauthorized", "auth_failed"),
    ("reject", "auth_failed"),
    ("timeout", "timeout"),
    ("timed out", "timeout"),
    ("refused", "refused"),
    ("protocol not found", "protocol_unsupported"),
)
_TOO_MUCH_TEXT = 20_000


class SrtBridge:
    """One ffmpeg process that receives SRT and hands on its video as MPEG-TS.

    The address may hold a passphrase, so it goes by a pipe, never by the command line, which
    every user of the machine can read.
    """

    def __init__(self, url: str) -> None:
        """Start it; connecting is ffmpeg's business.

        Raises:
            SourceRefused: "protocol_unsupported", there is no program ffmpeg.
        """
        program = shutil.which("ffmpeg")
        if program is None:
            raise source_error("protocol_unsupported")
        allowed = ("-protocol_whitelist", "pipe,srt,udp")
        into = ("-map", "0:v:0", "-c", "copy", "-flush_packets", "1", "-f", "mpegts", "pipe:1")
        self._process = subprocess.Popen(  # noqa: S603 - no shell, and only our own words
            [program, "-v", "error", *allowed, "-f", "concat", "-safe", "0", "-i", "pipe:0", *into],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            bufsize=0,
        )
        self._said = ""
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()
        quoted = url.replace("'", r"'\''")
        stdin = cast("BinaryIO", self._process.stdin)
        stdin.write(f"ffconcat version 1.0\nfile '{quoted}'\n".encode())
        stdin.close()

    @property
    def output(self) -> BinaryIO:
        """The MPEG-TS stream; it ends when the connection does."""
        return cast("BinaryIO", self._process.stdout)

    def failure(self) -> SourceError:
        """Say why nothing came, once the output has ended; ffmpeg's own words stay hidden."""
        self._listener.join(2)
        text = self._said.lower()
        return source_error(next((code for sign, code in _SIGNS if sign in text), "unreachable"))

    def stop(self) -> None:
        """End ffmpeg, and so its output; may be called from any thread, and twice."""
        self._process.kill()

    def close(self) -> None:
        """End ffmpeg and wait for it; only for the thread that reads."""
        self.stop()
        self._process.wait()
        self._listener.join(2)
        self.output.close()

    def _listen(self) -> None:
        with cast("BinaryIO", self._process.stderr) as stderr:
            for line in stderr:
                if len(self._said) < _TOO_MUCH_TEXT:
                    self._said += line.decode(errors="replace")
