"""What can go wrong with a source: its stable code, and the sentence that an operator reads."""

from pipeline.errors import SourceError, SourceLost, SourceRefused

_SENTENCES = {
    "auth_failed": "The camera does not accept the user name or password.",
    "not_found": "The server answers, but it has no such stream.",
    "refused": "Nothing listens at that address and port.",
    "timeout": "The server did not answer in time.",
    "stalled": "The connection stands, but no data came for too long.",
    "tls_failed": "No secure connection: the certificate is not trusted, or it is no TLS server.",
    "dns_failed": "The host name cannot be resolved.",
    "ended": "The stream ended, or the connection was closed by the other side.",
    "invalid_data": "What the server sends is no video that can be read.",
    "server_error": "The server answers with an error.",
    "protocol_unsupported": "FFmpeg does not know that protocol here; for SRT, install ffmpeg.",
    "codec_unsupported": "The video codec cannot be decoded here.",
    "no_video": "The stream has no video in it, only other media.",
    "internal": "The source failed unexpectedly; see the log.",
    "unreachable": "The server cannot be reached.",
}
_REFUSED = frozenset({"protocol_unsupported", "codec_unsupported", "no_video", "too_large"})


def source_error(code: str) -> SourceError:
    """Make the error of a code: `SourceRefused` where trying again is pointless, else `SourceLost`.

    Codes that have no sentence of their own are shown as "unreachable".
    """
    kind = SourceRefused if code in _REFUSED else SourceLost
    return kind(code, _SENTENCES.get(code, _SENTENCES["unreachable"]))
