"""Redaction: URL credentials, secret-looking query values and registered secrets, everywhere."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel

from stream_server.redact import (
    SecretUrl,
    redact,
    register_secret,
    register_url,
    restore_credentials,
)
from stream_server.specs import StreamSpec, revealed


@pytest.mark.parametrize("password", ["simple", "p@ss", "a/b", "who?", "x#y", "100%41", "co:lon"])
def test_a_password_in_an_address_is_masked_whatever_is_in_it(password):
    text = f"cannot open 'rtsp://admin:{password}@192.0.2.1:554/live': refused"
    assert redact(text) == "cannot open 'rtsp://***@192.0.2.1:554/live': refused"


@pytest.mark.fault("F47")
@given(st.text(st.characters(blacklist_categories=["Cc", "Cs", "Zs", "Zl", "Zp"]), min_size=1))
def test_no_password_survives(password):
    if any(mark in password for mark in "\"'<>"):
        return
    shown = redact(f"rtsp://u:{password}@192.0.2.1/live")
    assert shown == "rtsp://***@192.0.2.1/live"


@pytest.mark.parametrize("name", ["token", "password", "pwd", "api_key", "X-Amz-Signature", "auth"])
def test_secret_looking_query_values_are_masked(name):
    assert redact(f"GET /x?a=1&{name}=hunter2&b=2") == f"GET /x?a=1&{name}=***&b=2"


def test_a_registered_secret_is_masked_in_all_its_spellings():
    register_secret("swordfish 77/x")
    for spelling in ("swordfish 77/x", "swordfish%2077%2Fx"):
        assert "77" not in redact(f"login failed for {spelling}!")


def test_registering_an_address_masks_its_password_elsewhere_too():
    register_url("http://cam.example/video?user=bob&pwd=rosebud-91")
    register_url("rtsp://bob:xanadu-44@cam.example/")
    assert redact("digest of rosebud-91 and xanadu-44") == "digest of *** and ***"


def test_short_strings_do_not_wreck_the_text():
    register_secret("1")
    assert redact("1 frame in 11 s") == "1 frame in 11 s"


def test_what_is_no_secret_stays():
    text = "http://192.0.2.1:8080/path?fps=15#top took 3.5 s, mail ops@example.org"
    assert redact(text) == text


class Camera(BaseModel):
    url: SecretUrl


def test_an_address_is_shown_redacted_by_print_dump_and_repr():
    camera = Camera(url="rtsp://u:open-sesame@h/live")
    shown = f"{camera} {camera!r} {camera.url} {camera.model_dump_json()} {camera.model_dump()}"
    assert "open-sesame" not in shown
    assert json.loads(camera.model_dump_json()) == {"url": "rtsp://***@h/live"}
    assert camera.url.get_secret_value() == "rtsp://u:open-sesame@h/live"


def test_a_spec_can_be_revealed_for_the_database_only():
    source = {"type": "av", "url": "rtsp://u:abracadabra@h/1"}
    spec = StreamSpec(id="a", name="A", source=source)
    assert "abracadabra" not in spec.model_dump_json()
    assert revealed(spec)["source"]["url"] == "rtsp://u:abracadabra@h/1"


STORED = "rtsp://u:secret-one@h:554/live?token=abcdef&x=1"


@pytest.mark.parametrize(
    ("shown", "restored"),
    [
        ("rtsp://***@h:554/live?token=***&x=1", STORED),
        ("rtsp://***@h:554/other", "rtsp://u:secret-one@h:554/other"),
        ("rtsp://***@H:554/other", "rtsp://u:secret-one@H:554/other"),
        ("rtsp://new:pass@elsewhere/", "rtsp://new:pass@elsewhere/"),
        ("rtsp://***@elsewhere:554/live", None),
        ("rtsp://***@h:555/live", None),
        ("http://***@h:554/live", None),
        ("rtsp://***@h:554@evil/live", None),
        ("rtsp://h:554/live?token=***", None),
    ],
)
def test_credentials_go_back_only_to_the_server_they_were_given_for(shown, restored):
    assert restore_credentials(shown, STORED) == restored
