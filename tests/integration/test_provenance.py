"""Content Credentials: signed on the spot, read back, tampered with, and never fetched."""

import re
import sys
from dataclasses import replace

import pytest

from stream_server.reports.page import render
from stream_server.reports.provenance import read_provenance
from tests.hostile_files import encoded
from tests.media import blinking_person, draw_face, write_clip
from tests.needs import need_package
from tests.service import Receiver
from tests.signing import CAPTURED, GENERATED, ORGANISATION, sign
from tests.unit.test_report_page import document

need_package("c2pa")
PICTURE = encoded(draw_face(240), ".jpg")


@pytest.fixture
def read(tmp_path):
    def read(data, name="picture.jpg"):
        (tmp_path / name).write_bytes(data)
        return read_provenance(tmp_path / name)

    return read


def test_who_signed_and_a_declared_generation_are_read(read):
    found = read(sign(PICTURE, GENERATED))
    assert (found.status, found.signer, found.organisation) == ("intact", "Drawer", ORGANISATION)
    assert found.declares_generated
    assert found.sources == ("made by generative AI",)
    assert found.actions == ("c2pa.created",)
    assert found.made_with == "drawing program 1"
    assert found.problems == ()
    assert "Whether the signer is who the certificate says was not checked" in found.text


def test_a_camera_declares_no_generation(read):
    found = read(sign(PICTURE, CAPTURED))
    assert not found.declares_generated
    assert found.sources == ("recorded by a camera",)


def test_a_file_changed_after_it_was_signed_is_shown_as_such(read):
    tampered = bytearray(sign(PICTURE, GENERATED))
    tampered[-100] ^= 0xFF
    found = read(bytes(tampered))
    assert found.status == "broken"
    assert "Do not rely" in found.text
    assert any(problem.startswith("assertion.dataHash.mismatch") for problem in found.problems)


@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_damaged_credentials_never_raise(read, share):
    signed = sign(PICTURE, GENERATED)
    damaged = bytearray(signed)
    for offset in range(int(share * len(signed)), int(share * len(signed)) + 200):
        damaged[offset] = 0x41
    assert read(bytes(damaged)).status in ("broken", "unreadable", "absent", "intact")
    assert read(signed[: int(share * len(signed))]).status != "intact"


def test_no_credentials_mean_nothing_and_say_so(read, tmp_path):
    found = read(PICTURE)
    assert found.status == "absent"
    assert "means nothing either way" in found.text
    clip = write_clip(tmp_path / "c.mp4", blinking_person(0.5, 15, width=320, height=240), 15)
    assert read_provenance(clip).status == "absent"
    assert read(b"\x1aE\xdf\xa3" + bytes(100)).status == "unsupported"


def test_credentials_that_lie_elsewhere_are_not_fetched(read):
    elsewhere = Receiver()
    try:
        found = read(sign(PICTURE, GENERATED, f"http://127.0.0.1:{elsewhere.port}/manifest.c2pa"))
    finally:
        elsewhere.close()
    assert found.status == "elsewhere"
    assert "not fetched" in found.text
    assert elsewhere.requests == []


def test_without_the_library_it_says_so(read, monkeypatch):
    monkeypatch.setitem(sys.modules, "c2pa", None)
    assert read(PICTURE).status == "not_installed"


def test_the_report_shows_it_and_escapes_it(read):
    found = replace(read(sign(PICTURE, GENERATED)), signer="<script>alert(1)</script>")
    page = re.sub(r"\s+", " ", render(document(provenance=found)))
    assert "The file itself declares that it was made by generative AI" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt; (Test House)" in page
    assert "not part of the score" in page
    assert "means nothing either way" in render(document(provenance=read(PICTURE)))
