"""Content Credentials (C2PA): who signed a file, what it declares of itself, does that still hold.

A declaration is no measurement: it is shown beside the score and never added to it. Nothing is
fetched from a network: no manifest that lies elsewhere, no revocation list, no list of signers.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

OFFLINE = {"verify": {"remote_manifest_fetch": False, "ocsp_fetch": False}}
_MOST_CHARACTERS, _MOST_ITEMS = 200, 12
_GENERATED = {"trainedAlgorithmicMedia", "compositeWithTrainedAlgorithmicMedia"}
SOURCES = {
    "trainedAlgorithmicMedia": "made by generative AI",
    "compositeWithTrainedAlgorithmicMedia": "in part made by generative AI",
    "algorithmicMedia": "made by a program",
    "compositeSynthetic": "put together, with synthetic parts",
    "compositeCapture": "put together from several recordings",
    "composite": "put together from several parts",
    "digitalCapture": "recorded by a camera",
    "computationalCapture": "recorded by a camera and worked over by its program",
    "screenCapture": "recorded from a screen",
    "virtualRecording": "recorded in a virtual scene",
    "humanEdits": "edited by a person",
    "minorHumanEdits": "edited slightly by a person",
    "digitalCreation": "created by a person on a computer",
    "negativeFilm": "scanned from film",
    "positiveFilm": "scanned from film",
    "print": "scanned from a print",
}
"""IPTC's digital source types in words."""
SENTENCES = {
    "absent": "The file carries no Content Credentials. That means nothing either way: most files"
    " have none, and they are easily lost.",
    "unsupported": "A file of this kind is not read for Content Credentials.",
    "not_installed": "Content Credentials were not looked for: install the extra `files`.",
    "elsewhere": "The file says that its Content Credentials lie on another machine. They were not"
    " fetched, so nothing is known of them.",
    "unreadable": "The file carries Content Credentials that cannot be read.",
    "broken": "The Content Credentials failed the check: the file was changed after it was signed,"
    " or they are faulty. Do not rely on what they declare.",
    "intact": "The Content Credentials fit the file: it was not changed after it was signed."
    " Whether the signer is who the certificate says was not checked.",
    "trusted": "The Content Credentials fit the file, and the signer is on the list of trusted"
    " signers.",
}


@dataclass(frozen=True, slots=True)
class Provenance:
    """What a file declares of itself; every text in it is a stranger's, cut and made printable."""

    status: str
    """A key of `SENTENCES`."""
    text: str
    signer: str | None = None
    organisation: str | None = None
    signed_at: str | None = None
    """As the time stamp says; None without one."""
    made_with: str | None = None
    declares_generated: bool = False
    """It declares that it was made by generative AI, in whole or in part."""
    sources: tuple[str, ...] = ()
    actions: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    """What failed on checking, in the standard's words."""


def read_provenance(path: Path) -> Provenance:
    """Read and verify the credentials in a local file; it never fails, it says so.

    Source: C2PA technical specification 2.x, validation by the C2PA library.
    """
    try:
        import c2pa
    except ImportError:
        return _only("not_installed")
    with path.open("rb") as file:
        kind = _kind(file.read(32))
        if kind is None:
            return _only("unsupported")
        file.seek(0)
        try:
            with (
                c2pa.Context.from_dict(OFFLINE) as context,
                c2pa.Reader(kind, file, context=context) as reader,
            ):
                return _told(json.loads(reader.json()))
        except c2pa.C2paError as error:
            return _only(_status_of(str(error)))
        except (ValueError, AttributeError, TypeError):  # a stranger's JSON may hold anything
            return _only("unreadable")


def _only(status: str) -> Provenance:
    return Provenance(status, SENTENCES[status])


def _status_of(complaint: str) -> str:
    if complaint.startswith("ManifestNotFound"):
        return "absent"
    return "elsewhere" if complaint.startswith("Remote") else "unreadable"


def _told(store: dict[str, Any]) -> Provenance:
    """The active manifest speaks; what its ingredients declare of their origin counts too."""
    manifests = store.get("manifests") or {}
    active = manifests.get(str(store.get("active_manifest"))) or {}
    signature = active.get("signature_info") or {}
    state = str(store.get("validation_state"))
    status = {"Valid": "intact", "Trusted": "trusted"}.get(state, "broken")
    tools = [
        f"{tool.get('name', '')} {tool.get('version', '')}".strip()
        for tool in active.get("claim_generator_info") or ()
    ]
    every_action = [action for one in manifests.values() for action in _actions(one)]
    codes = [str(action.get("digitalSourceType", "")).rpartition("/")[2] for action in every_action]
    return Provenance(
        status=status,
        text=SENTENCES[status],
        signer=_clean(signature.get("common_name")),
        organisation=_clean(signature.get("issuer")),
        signed_at=_clean(signature.get("time")),
        made_with=_clean(", ".join(tools)),
        declares_generated=not _GENERATED.isdisjoint(codes),
        sources=_few(SOURCES.get(code, code) for code in codes),
        actions=_few(str(action.get("action", "")) for action in _actions(active)),
        problems=_few(_problems(store)),
    )


def _actions(manifest: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for assertion in manifest.get("assertions") or ():
        if str(assertion.get("label", "")).startswith("c2pa.actions"):
            yield from (assertion.get("data") or {}).get("actions") or ()


def _problems(store: dict[str, Any]) -> Iterator[str]:
    for problem in store.get("validation_status") or ():
        code = str(problem.get("code", ""))
        # Without a list of signers nobody is on it; the sentence on the signer says so.
        if code != "signingCredential.untrusted":
            yield f"{code}: {problem.get('explanation', '')}".rstrip(": ")


def _few(texts: Iterator[str]) -> tuple[str, ...]:
    cleaned = (text for text in map(_clean, texts) if text)
    return tuple(dict.fromkeys(cleaned))[:_MOST_ITEMS]


def _clean(text: object) -> str | None:
    """Keep what can be shown, in a terminal too."""
    if not text:
        return None
    return "".join(sign for sign in str(text) if sign.isprintable())[:_MOST_CHARACTERS] or None


_BEGINNINGS = (
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"GIF8", "image/gif"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"\0\0\0\x0cJXL ", "image/jxl"),
)
_BRANDS = {
    **dict.fromkeys((b"heic", b"heix", b"mif1", b"heim"), "image/heic"),
    **dict.fromkeys((b"avif", b"avis"), "image/avif"),
    b"qt  ": "video/quicktime",
}
_RIFFS = {b"WEBP": "image/webp", b"AVI ": "video/avi"}


def _kind(head: bytes) -> str | None:
    """The media type by the first bytes: a name may lie. None where the standard has no place."""
    if head[4:8] == b"ftyp":
        return _BRANDS.get(head[8:12], "video/mp4")
    if head[:4] == b"RIFF":
        return _RIFFS.get(head[8:12])
    return next((kind for start, kind in _BEGINNINGS if head.startswith(start)), None)
