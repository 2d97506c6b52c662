import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream_server.media_url import parse_media_url


@pytest.mark.parametrize(
    ("text", "fit"),
    [
        ("rtsp://h/x", "rtsp://h/x"),
        ("  RTSP://h:8554/x?a=b  ", "rtsp://h:8554/x?a=b"),
        ("rtsp://u:p@h/x", "rtsp://u:p@h/x"),
        ("rtsp://u@h/x", "rtsp://u@h/x"),
        ("rtsp://u:p@ss@h/x", "rtsp://u:p%40ss@h/x"),
        ("rtsp://u:p/s?s#s@h:554/x", "rtsp://u:p%2Fs%3Fs%23s@h:554/x"),
        ("rtsp://u:100%@h/x", "rtsp://u:100%25@h/x"),
        ("rtsp://u:a%40b@h/x", "rtsp://u:a%40b@h/x"),
        ("http://h/@me/x.m3u8", "http://h/@me/x.m3u8"),
        ("rtsp://[::1]:554/x", "rtsp://[::1]:554/x"),
        ("file:///a b/c.mp4", "file:/a b/c.mp4"),
        ("file:///a%20b.mp4", "file:/a b.mp4"),
    ],
)
def test_an_address_is_made_fit_for_ffmpeg(text: str, fit: str) -> None:
    assert parse_media_url(text).text == fit


@pytest.mark.parametrize(
    "text",
    [
        "",
        "camera",
        "ftp://h/x",
        "concat:a|b",
        "pipe:0",
        "data:video/mp4;base64,AA",
        "rtsp://",
        "rtsp:///x",
        "rtsp://h:99999/x",
        "rtsp://h:0/x",
        "rtsp://u:canary@h:bad/x",
        "rtsp://u:canary@h h/x",
        "gopher://u:canary@h/x",
    ],
)
def test_what_is_no_allowed_address_is_refused_without_showing_it(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+") as caught:
        parse_media_url(text)
    assert "canary" not in str(caught.value)


def test_host_and_port_are_known_without_the_credentials() -> None:
    url = parse_media_url("rtsps://u:canary@camera.example/x")
    assert (url.scheme, url.host, url.port) == ("rtsps", "camera.example", 322)
    assert "canary" not in repr(url)


@pytest.mark.parametrize("password", ["p/w", "p@#", "p@/", "@", "a@b", "#?/", "%", "@@"])
def test_a_password_of_awkward_characters_leads_to_its_host(password: str) -> None:
    assert parse_media_url(f"rtsp://admin:{password}@10.0.0.9/x").host == "10.0.0.9"


@pytest.mark.fault("F40")
@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=20))
def test_any_password_without_a_colon_before_the_host_survives(password: str) -> None:
    url = parse_media_url(f"rtsp://admin:x{password}@10.0.0.9/x")
    if "@" not in password:  # with one and a "/" before it the address means something else
        assert url.host == "10.0.0.9"
    assert " " not in url.text
