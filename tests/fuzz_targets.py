"""What fuzzers call: each parser of strangers' bytes, which may refuse them in its own way only.

Hypothesis calls them in every run of the tests; atheris, guided by coverage, for as long as asked:

    python -m tests.fuzz_targets media_url -runs=100000
"""

import contextlib
import gc
import io
import sys
import tempfile
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from types import FunctionType

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import ValidationError
from starlette.datastructures import Headers

from pipeline.errors import ModelCardError, SettingsError, UploadError
from pipeline.model_card import read_card
from stream_server.auth.headers import bearer_of, cookie_of
from stream_server.auth.origin import is_loopback_name, is_same_origin
from stream_server.evidence.links import FORMAT, HEAD, MANIFEST, START, read_entry, read_head
from stream_server.evidence.sealing import Key, digest, seal
from stream_server.evidence.verifying import verify
from stream_server.media_url import parse_media_url
from stream_server.plugins import explain
from stream_server.redact import SecretUrl, redact, restore_credentials
from stream_server.settings_file import load_settings
from stream_server.storage_settings import StorageSettings
from stream_server.uploads.upload import checked_name, restored
from stream_server.webrtc.session_description import (
    MAX_CANDIDATES,
    clean_offer,
    with_start_bitrate,
)

_FOLDER = tempfile.TemporaryDirectory()
SCRATCH = Path(_FOLDER.name) / "given.toml"
CANARY = "canary-7f3a"
OURS = ("pipeline.", "stream_server.")


FACTS = {
    "format": FORMAT,
    "alert_id": "alert",
    "stream_id": "door",
    "made_at": "2026-01-02T00:00:00+00:00",
    "kept": "metadata",
    "note": None,
    "previous": START,
    "number": 1,
    "files": {"alert.json": {"bytes": 2, "sha256": digest(b"{}")}},
}


def _zipped(manifest: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(f"00000001-alert/{MANIFEST}", manifest)
        archive.writestr("00000001-alert/alert.json", b"{}")
    return file.getvalue()


def _longer_than_it_is(zipped: bytes) -> bytes:
    """The zip file says that its first member is longer than it is."""
    listed = zipped.index(b"PK\x01\x02")
    sizes = (int.from_bytes(zipped[listed + at : listed + at + 4], "little") for at in (20, 24))
    more = b"".join((size + 5000).to_bytes(4, "little") for size in sizes)
    return zipped[: listed + 20] + more + zipped[listed + 28 :]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")


def model_card(data: bytes) -> None:
    """A card that somebody else wrote."""
    SCRATCH.write_bytes(data)
    with contextlib.suppress(ModelCardError):
        read_card(SCRATCH)


def settings_file(data: bytes) -> None:
    """A settings file full of typing errors."""
    SCRATCH.write_bytes(data)
    said = ""
    try:
        load_settings(SCRATCH)
    except SettingsError as error:
        said = str(error)
    assert CANARY not in said


def evidence_manifest(data: bytes) -> None:
    """A bundle that somebody sent to be verified, or that a crash or a hand in the folder left."""
    bundle = SCRATCH.with_name("00000001-alert")
    bundle.mkdir(exist_ok=True)
    (bundle / MANIFEST).write_bytes(data)
    (bundle / "alert.json").write_bytes(b"{}")
    for place in (bundle, bundle.parent):
        verify(place)
    read_entry(bundle)
    (bundle.parent / HEAD).write_bytes(data)
    read_head(bundle.parent)
    (bundle.parent / HEAD).unlink()


def evidence_zip(data: bytes) -> None:
    """A bundle that somebody sent as a file."""
    SCRATCH.write_bytes(data)
    verify(SCRATCH)


def database_address(data: bytes) -> None:
    """The address of a database, with its password, in the settings."""
    given, said = data.decode("utf-8", "replace"), ""
    try:
        StorageSettings(database_url=SecretUrl(given))
    except ValidationError as error:
        said = explain(error)
    assert CANARY not in said


def session_description(data: bytes) -> None:
    """An offer of any peer, and what is added to an answer."""
    offer = data.decode("utf-8", "replace")
    cleaned = clean_offer(offer)
    assert sum(line.startswith("a=candidate:") for line in cleaned.splitlines()) <= MAX_CANDIDATES
    assert clean_offer(cleaned) == cleaned
    with_start_bitrate(offer, 1500)


def media_url(data: bytes) -> None:
    """An address that a person typed; neither its error nor its looks may tell the password."""
    text = data.decode("utf-8", "replace")
    url, said = None, ""
    try:
        url = parse_media_url(text)
    except ValueError as error:
        said = str(error)
    assert CANARY not in said
    if url is None:
        return
    assert CANARY not in repr(url) or CANARY in url.host
    again = parse_media_url(url.text) if url.scheme != "file" else url
    assert (again.host, again.port) == (url.host, url.port)


def credentials(data: bytes) -> None:
    """A masked address that is laid over the stored one."""
    given = data.decode("utf-8", "replace")
    stored = f"rtsp://admin:{CANARY}@camera.example/live"
    restored_url = restore_credentials(given, stored)
    if restored_url is not None and CANARY in restored_url and CANARY not in given:
        assert parse_media_url(restored_url).host == "camera.example"


def log_text(data: bytes) -> None:
    """Anything that is logged."""
    text = data.decode("utf-8", "replace")
    assert CANARY not in redact(f"rtsp://admin:{CANARY}@camera.example/live {text}")


def upload_name(data: bytes) -> None:
    """The name of a file that a stranger sends."""
    try:
        name = checked_name(_text(data))
    except UploadError:
        return
    assert "/" not in name
    name.encode()


def upload_facts(data: bytes) -> None:
    """What lies beside a kept report, after a crash or a hand in the folder."""
    try:
        restored(data.decode("utf-8", "replace"))
    except ValueError:
        return


def headers(data: bytes) -> None:
    """Host, Origin, Cookie and Authorization of any request, a line each."""
    names = ("host", "origin", "cookie", "authorization")
    lines = dict(zip(names, data.split(b"\n"), strict=False))
    raw = [(name.encode(), value) for name, value in lines.items()]
    assert Headers(raw=raw) is not None
    for path, kind in (("/api/streams", "http"), ("/api/events", "http"), ("/", "websocket")):
        scope = {"type": kind, "path": path, "headers": raw, "query_string": data[-40:]}
        origin, host = lines.get("origin", b""), lines.get("host", b"")
        is_same_origin(origin.decode("latin-1"), host.decode("latin-1"))
        is_loopback_name(host.decode("latin-1"))
        assert "token-of-sixteen-signs" not in (bearer_of(scope), cookie_of(scope))


TARGETS: Mapping[str, Callable[[bytes], None]] = {
    target.__name__: target
    for target in (
        model_card,
        settings_file,
        evidence_manifest,
        evidence_zip,
        database_address,
        session_description,
        media_url,
        credentials,
        log_text,
        upload_name,
        upload_facts,
        headers,
    )
}
SEEDS: Mapping[str, tuple[bytes, ...]] = {
    "model_card": (
        b'name = "a"\nversion = "1"\ntask = "deepfake"\nadapter = "logit"\nfile = "a.onnx"\n'
        b'sha256 = "00"\nlicence = "x"\nsource = "x"\ntrained_on = "x"\nlimits = "x"\n'
        b'labels = ["clear", "manipulated"]\n[crop]\nsize_px = 32\nmargin = 1.3\n'
        b"[thresholds]\nraise_at = 0.8\nclear_at = 0.5\n",
    ),
    "settings_file": (
        b'[server]\nport = 8080\n[[streams]]\nid = "a"\nname = "A"\n[streams.source]\n'
        b'type = "av"\nurl = "rtsp://admin:canary-7f3a@camera.example/live"\n'
        b'[auth]\ntoken = "canary-7f3a"\n[[sinks]]\ntype = "log"\n',
    ),
    "evidence_manifest": (
        seal(FACTS, None),
        seal(FACTS, Key(Ed25519PrivateKey.generate())),
        seal(FACTS, None).replace(b'"bytes": 2', b'"bytes": 1e999'),
        b'{"number": Infinity, "manifest_sha256": "", "alert_id": "a", "files": [1]}',
        b"[" * 100_000,
    ),
    "evidence_zip": (_zipped(seal(FACTS, None)), _longer_than_it_is(_zipped(seal(FACTS, None)))),
    "database_address": (b"postgresql://u:canary-7f3a@h:5432/d?sslmode=require",),
    "session_description": (
        b"v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nm=video 9 UDP/TLS/RTP/SAVPF 96\r\n"
        b"a=rtpmap:96 H264/90000\r\na=fmtp:96 packetization-mode=1\r\n"
        b"a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\na=end-of-candidates\r\n",
    ),
    "media_url": (
        b"rtsp://admin:canary-7f3a@camera.example:554/live?x=1#y",
        b"http://[::1]:80/a",
        b"srt://host:9000?passphrase=canary-7f3a",
        b"file:///a b%20c",
    ),
    "credentials": (b"rtsp://admin:***@camera.example/other", b"rtsp://***@elsewhere/live"),
    "log_text": (b"https://user:pass@host/?token=abc",),
    "upload_name": (b"clip.mp4", "Ünïcode \u202e.mp4".encode()),
    "upload_facts": (b'{"id": "a", "name": "a.mp4", "state": "done"}',),
    "headers": (b"localhost:8080\nhttp://localhost:8080\nfakewatch_session=x\nBearer y",),
}


def main() -> None:
    """Fuzz one target with atheris, from its seeds, until it is stopped."""
    import atheris

    name = sys.argv.pop(1)
    with tempfile.TemporaryDirectory() as corpus:
        for number, seed in enumerate(SEEDS[name]):
            (Path(corpus) / str(number)).write_bytes(seed)
        for one in gc.get_objects():  # ours only: all of them take minutes
            if isinstance(one, FunctionType) and str(one.__module__).startswith(OURS):
                atheris.instrument_func(one)
        atheris.Setup([*sys.argv, corpus], TARGETS[name])
        atheris.Fuzz()


if __name__ == "__main__":
    main()
