"""Every file of stream_server/sinks keeps the promises of a sink."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from pipeline.errors import SinkError
from pipeline.types import Alert, AlertId, AlertPhase, Reason, StreamId, TrackId
from stream_server.live import LiveAlert, to_json
from stream_server.plugins import build, parse_config, types_in
from stream_server.settings import sink_name
from stream_server.sinks import SinkGone
from tests.service import Receiver

AT = datetime(2026, 11, 20, tzinfo=UTC)
SECRET = "the secret of the desk"


def event(seq=1, phase=AlertPhase.OPENED):
    alert = Alert(
        AlertId("alert-1"), StreamId("cam"), "Caméra", TrackId(1), phase, AT, AT, None,
        1.0, 2.0, 0.9, 0.95, 0.8, (Reason("classifier", 2.0, "Signs."),), "m@1@abc",
    )  # fmt: skip
    return LiveAlert(seq, alert)


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def working(receiver, tmp_path):
    """Map each type to settings with which it works. A new sink needs a line here."""
    return {
        "log": {},
        "jsonl": {"path": str(tmp_path / "new/folder/alerts.jsonl")},
        "webhook": {"url": receiver.url, "secret": SECRET},
    }


@pytest.fixture
def broken(tmp_path):
    """Map each type to settings with which nothing can be delivered; the log cannot fail."""
    (tmp_path / "file").write_text("in the way")
    return {
        "jsonl": {"path": str(tmp_path / "file/alerts.jsonl")},
        "webhook": {"url": "http://127.0.0.1:9/hook", "timeout_s": 2},
    }


def make(sink_type, facts):
    return build(parse_config("sinks", {"type": sink_type, **facts}))


each = pytest.mark.parametrize("sink_type", sorted(types_in("sinks")))


@each
async def test_takes_every_phase_of_an_alert_and_the_same_event_twice(working, sink_type):
    sink = make(sink_type, working[sink_type])
    for phase in AlertPhase:
        await sink.send(event(1, phase))
        await sink.send(event(1, phase))
    await sink.aclose()


@each
async def test_says_by_a_sink_error_that_nothing_was_delivered(broken, sink_type):
    if sink_type not in broken:
        assert sink_type == "log", "a new sink needs a line in `broken`"
        return
    sink = make(sink_type, broken[sink_type])
    with pytest.raises(SinkError) as caught:
        await sink.send(event())
    assert str(caught.value).endswith(".")
    await sink.aclose()


@each
def test_has_a_name_of_its_own_and_refuses_unknown_keys(working, sink_type):
    config = parse_config("sinks", {"type": sink_type, **working[sink_type]})
    assert sink_name(config) == sink_type
    with pytest.raises(ValueError, match="unknown key"):
        parse_config("sinks", {"type": sink_type, **working[sink_type], "colour": "red"})
    with pytest.raises(ValidationError):
        config.name = "other"


@each
def test_never_shows_its_secrets(working, sink_type):
    config = parse_config("sinks", {"type": sink_type, **working[sink_type]})
    assert SECRET not in f"{config!r}{config.model_dump_json()}"


async def test_jsonl_writes_one_whole_document_a_line(working, tmp_path):
    sink = make("jsonl", working["jsonl"])
    for seq in (1, 2):
        await sink.send(event(seq))
    file = tmp_path / "new/folder/alerts.jsonl"
    lines = file.read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["seq"] for line in lines] == [1, 2]
    assert json.loads(lines[0])["alert"]["stream_name"] == "Caméra"
    assert file.stat().st_mode & 0o777 == 0o600


async def test_log_speaks_of_signs_never_of_fakes():
    with capture_logs() as lines:
        await make("log", {}).send(event())
    (line,) = lines
    assert (line["event"], line["log_level"]) == ("alert_opened", "warning")
    assert line["advice"] == "signs of manipulation; verify by another channel"


async def test_webhook_signs_id_time_and_body(working, receiver):
    sink = make("webhook", working["webhook"])
    await sink.send(event(42))
    await sink.aclose()
    ((headers, body),) = receiver.requests
    assert body == to_json(event(42)).encode()
    assert headers["webhook-id"] == "alert-1.42"
    signed = b".".join((b"alert-1.42", headers["webhook-timestamp"].encode(), body))
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha256).digest()
    assert headers["webhook-signature"] == f"v1,{base64.b64encode(digest).decode()}"


async def test_webhook_repeats_an_event_under_the_same_id(working, receiver):
    sink = make("webhook", working["webhook"])
    await sink.send(event(42))
    await sink.send(event(42))
    await sink.aclose()
    assert {headers["webhook-id"] for headers, _ in receiver.requests} == {"alert-1.42"}


@pytest.mark.parametrize("status", [500, 404, 301, 429])
async def test_webhook_is_tried_again_after_a_refusal(working, receiver, status):
    receiver.status = status
    sink = make("webhook", working["webhook"])
    with pytest.raises(SinkError, match=str(status)) as caught:
        await sink.send(event())
    assert not isinstance(caught.value, SinkGone)
    await sink.aclose()


async def test_webhook_gives_up_when_the_receiver_is_gone(working, receiver):
    receiver.status = 410
    sink = make("webhook", working["webhook"])
    with pytest.raises(SinkGone):
        await sink.send(event())
    await sink.aclose()


async def test_webhook_follows_no_redirect(working, receiver):
    """F30: it could lead to the metadata service of a cloud."""
    other = Receiver()
    receiver.status, receiver.location = 307, other.url
    sink = make("webhook", working["webhook"])
    with pytest.raises(SinkError, match="307"):
        await sink.send(event())
    await sink.aclose()
    other.close()
    assert other.requests == []


async def test_webhook_never_calls_a_link_local_address():
    sink = make("webhook", {"url": "http://169.254.169.254/latest/meta-data"})
    with pytest.raises(SinkError, match="link-local"):
        await sink.send(event())
    await sink.aclose()


async def test_webhook_can_be_kept_out_of_private_networks(receiver):
    sink = make("webhook", {"url": receiver.url, "allow_private": False})
    with pytest.raises(SinkError, match="private"):
        await sink.send(event())
    await sink.aclose()
    assert receiver.requests == []


@pytest.mark.parametrize("url", ["ftp://h/", "no address", "http://", "file:///etc/passwd"])
def test_webhook_takes_http_addresses_only(url):
    with pytest.raises(ValueError, match="http or https"):
        parse_config("sinks", {"type": "webhook", "url": url})
