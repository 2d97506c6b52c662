"""Every file of stream_server/sinks keeps the promises of a sink."""

import asyncio
import base64
import hashlib
import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from pipeline.errors import SettingsError, SinkError
from pipeline.types import Alert, AlertId, AlertPhase, Reason, StreamId, TrackId
from stream_server.live import LiveAlert, to_json
from stream_server.plugins import build, parse_config, types_in
from stream_server.settings import sink_name
from stream_server.sinks import SinkGone
from tests.mqtt_broker import running_broker
from tests.needs import need_package
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
def broker(tmp_path):
    with running_broker(tmp_path) as port:
        yield port


@pytest.fixture
def working(request, receiver, tmp_path):
    """Map each type to settings with which it works. A new sink needs a line here."""
    asked = getattr(request.node, "callspec", None)
    is_mqtt = asked is not None and asked.params.get("sink_type") == "mqtt"
    port = request.getfixturevalue("broker") if is_mqtt else 1883
    return {
        "alertmanager": {"url": receiver.url},
        "mqtt": {"host": "127.0.0.1", "port": port, "username": "desk", "password": SECRET},
        "notify": {"urls": [f"json://desk:{quote(SECRET)}@127.0.0.1:{receiver.port}/"]},
        "log": {},
        "jsonl": {"path": str(tmp_path / "new/folder/alerts.jsonl")},
        "webhook": {"url": receiver.url, "secret": SECRET},
    }


@pytest.fixture
def broken(tmp_path):
    """Map each type to settings with which nothing can be delivered; the log cannot fail."""
    (tmp_path / "file").write_text("in the way")
    return {
        "alertmanager": {"url": "http://127.0.0.1:9", "timeout_s": 2},
        "jsonl": {"path": str(tmp_path / "file/alerts.jsonl")},
        "mqtt": {"host": "127.0.0.1", "port": 9, "timeout_s": 2},
        "notify": {"urls": ["json://127.0.0.1:9/"]},
        "webhook": {"url": "http://127.0.0.1:9/hook", "timeout_s": 2},
    }


NEEDS = {"mqtt": "aiomqtt", "notify": "apprise"}


def make(sink_type, facts):
    if sink_type in NEEDS:
        need_package(NEEDS[sink_type])
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


@pytest.mark.fault("F29")
async def test_webhook_repeats_an_event_under_the_same_id(working, receiver):
    sink = make("webhook", working["webhook"])
    await sink.send(event(42))
    await sink.send(event(42))
    await sink.aclose()
    assert {headers["webhook-id"] for headers, _ in receiver.requests} == {"alert-1.42"}


async def test_webhook_signs_with_the_old_key_too_while_receivers_change_over(working, receiver):
    sink = make("webhook", {**working["webhook"], "old_secret": "the secret before"})
    await sink.send(event(42))
    await sink.aclose()
    ((headers, body),) = receiver.requests
    signed = b".".join((b"alert-1.42", headers["webhook-timestamp"].encode(), body))
    digests = [
        hmac.new(key.encode(), signed, hashlib.sha256).digest()
        for key in (SECRET, "the secret before")
    ]
    wanted = " ".join(f"v1,{base64.b64encode(digest).decode()}" for digest in digests)
    assert headers["webhook-signature"] == wanted


async def test_webhook_connects_to_the_address_that_it_has_checked(receiver, monkeypatch):
    """A name server that answers differently the second time is not asked a second time."""
    asked = []
    real = asyncio.get_running_loop().getaddrinfo

    async def counted(host, *args, **kwargs):
        asked.append(host)
        return await real("127.0.0.1", *args, **kwargs)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", counted)
    sink = make("webhook", {"url": f"http://desk.example:{receiver.port}/hook"})
    await sink.send(event())
    await sink.aclose()
    ((headers, _),) = receiver.requests
    assert headers["host"] == f"desk.example:{receiver.port}"
    assert [host for host in asked if "desk" in str(host)] == ["desk.example"]


async def test_alertmanager_is_told_when_an_alert_is_over(working, receiver):
    sink = make("alertmanager", working["alertmanager"])
    await sink.send(event(1))
    closed = event(2, AlertPhase.CLOSED)
    await sink.send(replace(closed, alert=replace(closed.alert, closed_at=AT)))
    await sink.aclose()
    opened, over = (json.loads(body)[0] for _, body in receiver.requests)
    assert opened["labels"] == over["labels"]
    assert opened["labels"]["alert_id"] == "alert-1"
    assert datetime.fromisoformat(opened["endsAt"]) > datetime.now(UTC)
    assert datetime.fromisoformat(over["endsAt"]) == AT
    assert "verify by another channel" in opened["annotations"]["summary"]


async def test_mqtt_publishes_under_the_streams_topic(broker):
    need_package("aiomqtt")
    import aiomqtt

    sink = make("mqtt", {"host": "127.0.0.1", "port": broker, "topic": "house/alerts"})
    async with aiomqtt.Client("127.0.0.1", broker) as listener:
        await listener.subscribe("house/alerts/#")
        await sink.send(event(7))
        message = await asyncio.wait_for(anext(aiter(listener.messages)), 10)
    assert str(message.topic) == "house/alerts/cam"
    assert json.loads(message.payload)["seq"] == 7


async def test_people_are_told_of_beginning_and_end_and_not_of_every_update(working, receiver):
    sink = make("notify", working["notify"])
    for seq, phase in enumerate(AlertPhase, 1):
        await sink.send(event(seq, phase))
    bodies = [json.loads(body) for _, body in receiver.requests]
    assert len(bodies) == 2
    assert "signs of manipulation" in bodies[0]["title"]
    assert "no proof" in bodies[0]["message"]


def test_an_address_that_no_service_knows_is_refused_without_showing_it():
    with pytest.raises(SettingsError) as caught:
        make("notify", {"urls": ["nosuchservice://user:hunter2@host"]})
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize("status", [500, 404, 301, 429])
async def test_webhook_is_tried_again_after_a_refusal(working, receiver, status):
    receiver.status = status
    sink = make("webhook", working["webhook"])
    with pytest.raises(SinkError, match=str(status)) as caught:
        await sink.send(event())
    assert not isinstance(caught.value, SinkGone)
    await sink.aclose()


@pytest.mark.fault("F30")
async def test_webhook_gives_up_when_the_receiver_is_gone(working, receiver):
    receiver.status = 410
    sink = make("webhook", working["webhook"])
    with pytest.raises(SinkGone):
        await sink.send(event())
    await sink.aclose()


@pytest.mark.fault("F30")
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


@pytest.mark.fault("F30")
async def test_webhook_never_calls_a_link_local_address():
    sink = make("webhook", {"url": "http://169.254.169.254/latest/meta-data"})
    with pytest.raises(SinkError, match="link-local"):
        await sink.send(event())
    await sink.aclose()


@pytest.mark.fault("F30")
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
