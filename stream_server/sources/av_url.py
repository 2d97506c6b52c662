"""Frames from any address that FFmpeg reads: RTSP cameras, HTTP and HLS, RTMP, files."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Annotated, Literal

import av
import av.error
from av.container import InputContainer
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from pipeline.decode import DecodeLimits, Decoder, VideoPacket, failure_code
from pipeline.errors import SourceError
from pipeline.media_time import Picker, TimeLimits
from pipeline.types import Frame, StreamId
from stream_server.freshness import Backlog, Pace
from stream_server.media_url import MediaUrl, parse_media_url
from stream_server.redact import SecretUrl
from stream_server.source_errors import source_error
from stream_server.srt_bridge import SrtBridge

_TLS = frozenset({"rtsps", "https", "rtmps"})
_PACED = frozenset({"file", "http", "https"})
_WHITELISTS = {
    "rtsp": "rtsp,rtp,srtp,udp,tcp",
    "rtsps": "rtsp,rtp,srtp,udp,tcp,tls",
    "http": "http,https,tcp,tls,crypto,data,httpproxy",
    "https": "http,https,tcp,tls,crypto,data,httpproxy",
    "rtmp": "rtmp,tcp",
    "rtmps": "rtmps,rtmp,tcp,tls",
    "srt": "srt,udp",
    "file": "file",
}
_UNTIMED = "mpjpeg"
"""Motion JPEG over HTTP carries no times; FFmpeg makes up 25 frames a second."""
_MICROSECOND = Fraction(1, 1_000_000)
_FAST = {"fpsprobesize": "0", "analyzeduration": "500000"}
"""Open fast. Not "nobuffer": it would throw away the first keyframe; see `Backlog`."""
_SPARSE_WAIT_S = 120.0
_READ_SHARE = 0.48
"""FFmpeg gives up after one to two time-outs, as its parser holds the newest picture back."""
_TLS_PROBE_S = 3.0


def _valid(url: SecretUrl) -> SecretUrl:
    parse_media_url(url.get_secret_value())
    return url


Seconds = Annotated[float, Field(gt=0, le=600)]


class Config(BaseModel):
    """A camera, an HTTP or HLS stream, or a file that plays like one."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    type: Literal["av"] = "av"
    url: Annotated[SecretUrl, AfterValidator(_valid)]
    """rtsp, rtsps, http, https, rtmp, rtmps, srt or file; shown with its password masked."""
    transport: Literal["tcp", "udp"] = "tcp"
    """How RTSP carries the pictures; UDP may lose some, which spoils them for judging."""
    tls: Literal["verified", "unverified"] = "verified"
    """"unverified" accepts any certificate, as most cameras with rtsps need it."""
    open_timeout_s: Seconds = 5.0
    read_timeout_s: Seconds = 5.0
    analyse_fps: Annotated[float, Field(ge=0.01, le=120)] = 15.0
    """At most so many frames a second are analysed; blinks need 10 or more."""
    expected_fps: Literal["normal", "sparse"] = "normal"
    """"sparse": two minutes without a picture are no fault. Each picture of an RTSP camera is seen
    when the next one begins, because only then FFmpeg knows that it is whole."""

    @property
    def reads_local_files(self) -> bool:
        """Only an operator, never a visitor, may choose what files the service opens."""
        return parse_media_url(self.url.get_secret_value()).scheme == "file"


class AvSource:
    """One connection, opened by `frames` in the calling thread; it never reconnects by itself."""

    def __init__(
        self,
        config: Config,
        stream_id: StreamId,
        epoch: int,
        max_pixels: int = DecodeLimits().max_pixels,
    ) -> None:
        self._config, self._stream_id, self._epoch = config, stream_id, epoch
        self._url = parse_media_url(config.url.get_secret_value())
        self._closed = threading.Event()
        self.tap: Callable[[VideoPacket], None] = lambda _: None
        """Shown every packet; must neither wait nor raise."""
        self._decoder: Decoder | None = None
        self._last_counts = (0, 0, 0)
        self._bridge: SrtBridge | None = None
        self._picker, self._pace = Picker(config.analyse_fps), Pace()
        self._backlog: Backlog | None = None if self._url.scheme in _PACED else Backlog()
        sparse = config.expected_fps == "sparse"
        self._open_timeout_s = max(config.open_timeout_s, _SPARSE_WAIT_S * sparse)
        self._read_timeout_s = _READ_SHARE * max(config.read_timeout_s, _SPARSE_WAIT_S * sparse)
        self._limits = DecodeLimits(
            max_pixels=max_pixels,
            loss_gap_steps=1.8 if config.transport == "udp" else None,
            time=TimeLimits(ahead_s=2 * _SPARSE_WAIT_S if sparse else 10.0),
        )

    @property
    def decoded_frames(self) -> int:
        """Frames decoded so far, also those that nobody asked to see."""
        return self._counts()[0]

    @property
    def damaged_frames(self) -> int:
        """Frames so far that were damaged themselves or built on damage."""
        return self._counts()[1]

    @property
    def bytes_in(self) -> int:
        """Bytes of video received so far."""
        return self._counts()[2]

    def _counts(self) -> tuple[int, int, int]:
        decoder = self._decoder
        if decoder is None:
            return self._last_counts
        return decoder.decoded_frames, decoder.damaged_frames, decoder.bytes_in

    @property
    def may_be_silent(self) -> bool:
        """Whether minutes without a frame are no fault."""
        return self._config.expected_fps == "sparse"

    def close(self) -> None:
        """Let `frames` end at its next packet, or when its read times out."""
        # FFmpeg must not be closed under a thread that reads; the reader closes it.
        self._closed.set()
        if self._bridge is not None:
            self._bridge.stop()

    def frames(self) -> Iterator[Frame]:
        """Open the address and yield frames until the connection or the file ends.

        Raises:
            SourceLost: see `code`; "ended" when the stream ended or the server was killed.
            SourceRefused: the address cannot be used as it stands.
        """
        container = self._open()
        try:
            yield from self._decoded(container)
        except SourceError:
            raise
        except av.error.FFmpegError as error:
            if self._closed.is_set():
                return
            code = failure_code(error)
            raise source_error("stalled" if code == "timeout" else code) from None
        finally:
            container.close()
            if self._bridge is not None:
                self._bridge.close()
            # The decoder refers back to us: without this its buffers would wait for the collector.
            self._last_counts, self._decoder = self._counts(), None
        if not self._closed.is_set():
            raise source_error("ended")

    def _decoded(self, container: InputContainer) -> Iterator[Frame]:
        self._decoder = Decoder(
            container,
            self._stream_id,
            self._epoch,
            limits=self._limits,
            wanted=self._wanted,
            packets=self._packets(container),
        )
        for frame in self._decoder.frames():
            if self._backlog is None:
                self._closed.wait(self._pace.delay_s(frame.time_s, time.monotonic()))
            if self._closed.is_set():
                return
            yield frame

    def _packets(self, container: InputContainer) -> Iterator[VideoPacket]:
        decoder = self._decoder
        if decoder is None:
            return
        untimed = container.format.name == _UNTIMED
        if untimed:
            self._backlog = Backlog()
        asked_s = time.monotonic()
        for packet in container.demux(decoder.stream):
            now_s = time.monotonic()
            if self._closed.is_set():
                return
            if self._backlog is not None:
                self._backlog.read(now_s - asked_s)
            if untimed and packet.size:
                packet.time_base = _MICROSECOND
                packet.pts = packet.dts = round(now_s * 1e6)
            self.tap(packet)
            yield packet
            asked_s = time.monotonic()

    def _wanted(self, time_s: float) -> bool:
        if not self._picker(time_s):
            return False
        return self._backlog is None or self._backlog.is_fresh(time_s, time.monotonic())

    def _open(self) -> InputContainer:
        self._resolve()
        started_s = time.monotonic()
        try:
            return av.open(
                self._url.text,
                options=_options(self._url, self._config, self._read_timeout_s),
                timeout=(self._open_timeout_s, self._read_timeout_s),
                metadata_errors="ignore",
            )
        except av.error.FFmpegError as error:
            # FFmpeg's own text shows the address with its password: never chain it.
            code = failure_code(error)
            waited_s = time.monotonic() - started_s
        slow = waited_s > 0.9 * self._config.open_timeout_s
        if slow and code in {"unreachable", "invalid_data"}:
            code = "timeout"  # a server that accepts and never answers
        if code == "protocol_unsupported" and self._url.scheme == "srt":
            return self._open_bridge()
        if code in {"unreachable", "invalid_data"} and self._tls_fails():
            code = "tls_failed"
        raise source_error(code)

    def _open_bridge(self) -> InputContainer:
        self._bridge = bridge = SrtBridge(self._url.text)
        if self._closed.is_set():
            bridge.stop()
        try:
            return av.open(bridge.output, "r", format="mpegts", options=_FAST)
        except av.error.FFmpegError:
            bridge.close()
            raise bridge.failure() from None

    def _resolve(self) -> None:
        if self._url.scheme == "file":
            return
        try:
            socket.getaddrinfo(self._url.host, self._url.port, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError):
            # FFmpeg would call it an input/output error.
            raise source_error("dns_failed") from None

    def _tls_fails(self) -> bool:
        """Ask Python's TLS for the reason of a failure that FFmpeg does not name."""
        if self._url.scheme not in _TLS:
            return False
        context = ssl.create_default_context()
        if self._config.tls == "unverified":
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        address = (self._url.host, self._url.port or 443)
        try:
            with socket.create_connection(address, timeout=_TLS_PROBE_S) as plain:
                context.wrap_socket(plain, server_hostname=self._url.host).close()
        except ssl.SSLError:
            return True
        except OSError:
            return False
        return False


def build(config: Config, stream_id: StreamId, epoch: int) -> AvSource:
    """Make the source of one connection; nothing is opened before `frames`."""
    return AvSource(config, stream_id, epoch)


def _options(url: MediaUrl, config: Config, read_timeout_s: float) -> dict[str, str]:
    options = {
        "protocol_whitelist": _WHITELISTS[url.scheme],
        "max_pixels": str(DecodeLimits().max_pixels),
    }
    if url.scheme in _TLS and config.tls == "verified":
        options["tls_verify"] = "1"
        authorities = ssl.get_default_verify_paths().cafile
        options |= {"ca_file": authorities} if authorities else {}
    if url.scheme in {"rtsp", "rtsps"}:
        # Microseconds; FFmpeg's older "stimeout" is ignored and blocks for ever.
        options["timeout"] = str(int(read_timeout_s * 1e6))
        options["rtsp_transport"] = config.transport
        options["allowed_media_types"] = "video"
        options["max_delay"] = "200000"
    if url.scheme not in _PACED:
        options |= _FAST
    if config.expected_fps == "sparse":
        # The first picture must do: the fourth may come minutes later.
        options["probesize"] = "32"
    if url.scheme in {"http", "https"}:
        options["rw_timeout"] = str(int(read_timeout_s * 1e6))
    return options
