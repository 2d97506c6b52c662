"""A real RTSP camera for the benchmarks: GStreamer's server, fed once with a looped clip."""

import json
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.clips import talking_clip

SYSTEM_PYTHON = "/usr/bin/python3"
"""Debian's own: only it sees python3-gi."""

PUSH = ("ffmpeg", "-nostdin", "-loglevel", "error", "-re", "-stream_loop", "-1", "-i")

SERVER = """
import gi, json, sys
gi.require_version("Gst", "1.0"); gi.require_version("GstRtspServer", "1.0")
from gi.repository import GLib, Gst, GstRtspServer
facts = json.loads(sys.argv[1])
Gst.init(None)
server = GstRtspServer.RTSPServer()
server.set_address("127.0.0.1"); server.set_service(str(facts["port"]))
factory = GstRtspServer.RTSPMediaFactory()
caps = "application/x-rtp,media=video,clock-rate=90000,encoding-name=H264,payload=96"
factory.set_launch(
    f'( udpsrc address=127.0.0.1 port={facts["rtp"]} caps="{caps}" ! rtph264depay ! h264parse '
    "! rtph264pay config-interval=1 name=pay0 pt=96 )"
)
factory.set_shared(True)
server.get_mount_points().add_factory("/live", factory)
server.attach(None)
print("ready", flush=True)
GLib.MainLoop().run()
"""


class Camera:
    """The server process and its address; it can be killed and started again."""

    def __init__(self, ports: dict[str, int]) -> None:
        self.port = ports["port"]
        self.url = f"rtsp://127.0.0.1:{self.port}/live"
        self._ports = ports
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start the server and wait until it listens."""
        command = [SYSTEM_PYTHON, "-c", SERVER, json.dumps(self._ports)]
        self._server = subprocess.Popen(command, stdout=subprocess.PIPE)  # noqa: S603 - our own
        if self._server.stdout is None or not self._server.stdout.readline():
            raise RuntimeError("The RTSP server did not start: is gst-rtsp-server installed?")

    def kill(self) -> None:
        """End it as a power cut would."""
        if self._server is not None:
            self._server.kill()
            self._server.wait()


@contextmanager
def rtsp_camera(
    seconds: float = 12.0, *, width: int = 640, height: int = 480, fps: int = 30
) -> Iterator[Camera]:
    """A camera that shows a drawn, blinking face, by default at 30 frames a second, for ever.

    The clip is encoded once and only repeated, so that the camera hardly costs any processor.
    """
    with tempfile.TemporaryDirectory() as folder:
        clip = talking_clip(Path(folder) / "loop.mp4", seconds, width=width, height=height, fps=fps)
        ports = {"port": _free_port(socket.SOCK_STREAM), "rtp": _free_port(socket.SOCK_DGRAM)}
        target = f"rtp://127.0.0.1:{ports['rtp']}?pkt_size=1200"
        push = subprocess.Popen(  # noqa: S603 - our own arguments
            [*PUSH, str(clip), "-an", "-c", "copy", "-f", "rtp", target], stdout=subprocess.DEVNULL
        )
        camera = Camera(ports)
        try:
            camera.start()
            yield camera
        finally:
            camera.kill()
            push.kill()
            push.wait()


def _free_port(kind: socket.SocketKind) -> int:
    with socket.socket(type=kind) as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
