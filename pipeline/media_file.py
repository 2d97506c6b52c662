"""Media files: opens one picture or video, by path or address, and says plainly when it is none."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import av
import av.error
from av.container import InputContainer

from pipeline.decode import DecodeLimits, Decoder, failure_code
from pipeline.errors import MediaError, SourceError
from pipeline.media_time import Picker
from pipeline.stills import is_heic, read_heic, read_still
from pipeline.types import Frame, Image, StreamId

_WHITELISTS = {
    "http": "http,https,tcp,tls,crypto,data,httpproxy",
    "https": "http,https,tcp,tls,crypto,data,httpproxy",
    "rtsp": "rtsp,rtp,srtp,udp,tcp",
    "rtsps": "rtsp,rtp,srtp,udp,tcp,tls",
}
_FILE = StreamId("file")
_LOCAL = "file"
_STILL_FORMATS = frozenset({"image2", "jpeg_pipe", "png_pipe", "webp_pipe", "bmp_pipe"})
_STILL_FORMATS_2 = frozenset({"tiff_pipe", "jpegls_pipe", "jpegxl_pipe", "j2k_pipe", "ppm_pipe"})
_TEXT_CODECS = frozenset({"ansi", "xbin", "bintext", "idf"})
_MISSING_SHARE = 0.1
_ROUNDING_S = 0.5

_SENTENCES = {
    "missing": "there is no such file",
    "not_found": "there is no such file",
    "is_folder": "it is a folder, not a file",
    "forbidden": "it may not be read",
    "empty": "it is empty",
    "not_media": "it is neither a picture nor a video, or its beginning is damaged or missing",
    "no_video": "it has no video in it",
    "no_frames": "no picture in it can be decoded; it may be damaged",
    "codec_unsupported": "its video codec cannot be decoded here",
    "scheme_forbidden": "only files and http, https, rtsp and rtsps addresses can be opened",
    "auth_failed": "the user name or the password is not accepted",
    "timeout": "the server does not answer in time",
    "refused": "nobody listens at that address",
    "invalid_data": "it is damaged beyond reading",
}


@dataclass(frozen=True, slots=True)
class FileLimits:
    """What a file may demand."""

    decode: DecodeLimits = DecodeLimits(max_pixels=8192 * 4320)  # noqa: RUF009 - frozen
    max_still_pixels: int = 120_000_000
    """Declared size of a picture; larger than `decode.max_pixels` it is read at a fraction."""
    timeout_s: float = 10.0
    """For addresses: longest wait to open, and for data."""
    formats: tuple[str, ...] = ()
    """FFmpeg's names of the only formats to be read; empty: all. A playlist of a stranger could
    name files of this machine, so strangers' files are read by a list."""


class MediaFile:
    """An opened picture or video."""

    def __init__(
        self,
        kind: Literal["image", "video"],
        duration_s: float | None,
        fps: float | None,
        decoder: Decoder | None,
        still: Image | None,
        stream_id: StreamId,
    ) -> None:
        """Use `open_media` instead."""
        self.kind = kind
        self.duration_s = duration_s
        """Seconds; 0 for a picture, None where the file does not say."""
        self.fps = fps
        self.truncated = False
        """Known after `frames` has ended: clearly less came out than was promised."""
        self._decoder, self._still, self._stream_id = decoder, still, stream_id

    @property
    def decoded_frames(self) -> int:
        """Frames decoded so far, also those that `analyse_fps` skipped."""
        return self._decoder.decoded_frames if self._decoder else 1

    @property
    def damaged_frames(self) -> int:
        """Frames so far that were damaged themselves or built on damage."""
        return self._decoder.damaged_frames if self._decoder else 0

    def frames(self) -> Iterator[Frame]:
        """Every wanted frame, in order; a truncated file ends early and says so in `truncated`.

        Raises:
            MediaError: "no_frames", "too_large" or "codec_unsupported".
        """
        if self._still is not None:
            yield Frame(self._stream_id, 0, 0.0, 0, self._still)
            return
        if self._decoder is None:
            return
        try:
            yield from self._decoder.frames()
        except av.error.FFmpegError:
            self.truncated = True
        except SourceError as error:
            if error.code != "invalid_data":
                raise MediaError(error.code, str(error)) from None
            self.truncated = True
        if self._decoder.decoded_frames == 0:
            raise _error("no_frames")
        self.truncated |= self._ended_early(self._decoder)

    def _ended_early(self, decoder: Decoder) -> bool:
        """Whether clearly less came out than the file promised; its sound may be longer."""
        stream = decoder.stream
        if stream.duration is not None and stream.time_base is not None:
            promised_s = float(stream.duration * stream.time_base)
        else:
            promised_s = self.duration_s or 0.0
        frame_s = 1 / self.fps if self.fps else 0.0
        tolerated_s = max(_ROUNDING_S, 2 * frame_s, _MISSING_SHARE * promised_s)
        return promised_s - decoder.time_s > tolerated_s


@contextmanager
def open_media(
    path_or_url: str | Path,
    *,
    stream_id: StreamId = _FILE,
    analyse_fps: float | None = None,
    limits: FileLimits = FileLimits(),
) -> Iterator[MediaFile]:
    """Open a picture or video; `analyse_fps` bounds how many frames a second come out.

    Raises:
        MediaError: code and one sentence: "missing", "is_folder", "forbidden", "empty",
            "not_media", "no_video", "no_frames", "too_large", "codec_unsupported",
            "scheme_forbidden", or for addresses "not_found", "auth_failed", "timeout", "refused",
            "unreachable".
    """
    if not _is_url(path_or_url):
        path = Path(path_or_url)
        _check_file(path)
        # FFmpeg would give such a picture as a video, or as its tiles.
        if is_heic(path):
            still = read_heic(path, limits.max_still_pixels)
            yield MediaFile("image", 0.0, None, None, still, stream_id)
            return
    container = _open(path_or_url, limits)
    try:
        # Only a local file has its bytes at hand, so only there is a still read by OpenCV.
        if _is_still(container) and not _is_url(path_or_url):
            still = _read_still(container, Path(path_or_url), limits)
            yield MediaFile("image", 0.0, None, None, still, stream_id)
            return
        yield _video(container, stream_id, analyse_fps, limits)
    finally:
        container.close()


def _video(
    container: InputContainer, stream_id: StreamId, analyse_fps: float | None, limits: FileLimits
) -> MediaFile:
    wanted = Picker(analyse_fps)
    try:
        decoder = Decoder(container, stream_id, limits=limits.decode, threads="AUTO", wanted=wanted)
    except SourceError as error:
        raise MediaError(error.code, str(error)) from None
    if decoder.stream.codec_context.name in _TEXT_CODECS:
        raise _error("not_media")
    duration_s = container.duration / av.time_base if container.duration else None
    rate = decoder.stream.average_rate
    still = _is_still(container)
    return MediaFile(
        "image" if still else "video",
        0.0 if still else duration_s,
        float(rate) if rate and not still else None,
        decoder,
        None,
        stream_id,
    )


def _open(path_or_url: str | Path, limits: FileLimits) -> InputContainer:
    if _is_url(path_or_url):
        scheme = urlsplit(str(path_or_url)).scheme.lower()
        if scheme not in _WHITELISTS:
            raise _error("scheme_forbidden")
        # "timeout" is in microseconds; without it some protocols wait for ever.
        options = {"timeout": str(int(limits.timeout_s * 1e6))}
        return _open_container(str(path_or_url), _WHITELISTS[scheme], options, limits)
    path = Path(path_or_url)
    # With a scheme, so that a file named "concat:x" or "pipe:" stays a file.
    options = {"format_whitelist": ",".join(limits.formats)} if limits.formats else {}
    return _open_container(f"file:{path}", _LOCAL, options, limits)


def _open_container(
    url: str, whitelist: str, options: dict[str, str], limits: FileLimits
) -> InputContainer:
    options = {"protocol_whitelist": whitelist, **options}
    try:
        return av.open(url, options=options, timeout=limits.timeout_s, metadata_errors="ignore")
    except av.error.FFmpegError as error:
        # FFmpeg's own text would show an address with its password.
        code = failure_code(error)
        if whitelist == _LOCAL and code == "unreachable":
            code = "not_media"  # a format that `FileLimits.formats` does not name
        raise _error("not_media" if code in {"invalid_data", "ended"} else code) from None


def _check_file(path: Path) -> None:
    try:
        if path.is_dir():
            raise _error("is_folder")
        if path.stat().st_size == 0:
            raise _error("empty")
        with path.open("rb"):
            pass
    except FileNotFoundError:
        raise _error("missing") from None
    except OSError:
        raise _error("forbidden") from None


def _is_still(container: InputContainer) -> bool:
    return container.format.name in _STILL_FORMATS | _STILL_FORMATS_2


def _read_still(container: InputContainer, path: Path, limits: FileLimits) -> Image:
    context = container.streams.video[0].codec_context
    pixels = context.width * context.height if context is not None else 0
    return read_still(path, pixels, limits.decode.max_pixels, limits.max_still_pixels)


def _is_url(path_or_url: str | Path) -> bool:
    return isinstance(path_or_url, str) and "://" in path_or_url


def _error(code: str) -> MediaError:
    sentence = _SENTENCES.get(code, "it cannot be reached or read")
    return MediaError(code, sentence[0].upper() + sentence[1:] + ".")
