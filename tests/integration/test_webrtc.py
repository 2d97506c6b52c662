"""A page sends its camera: results come back, limits hold, and sessions end by themselves."""

import asyncio
import contextlib
import statistics
from dataclasses import replace

import httpx
import pytest

from stream_server.settings import WebrtcSettings
from tests.media import blinking_person
from tests.peers import DrawnVideo, Page, until
from tests.served import served


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served(tmp_path_factory.mktemp("service"), webrtc=WebrtcSettings(max_sessions=4)) as one:
        yield one


@pytest.fixture(scope="module")
def person():
    return list(blinking_person(2.0, fps=15, blinks_s=(0.5,)))


@pytest.fixture(autouse=True)
async def _no_session_is_left(service, monkeypatch):
    """Every test begins with all places free and the allowance of offers unspent."""
    sessions = service.wiring.webrtc
    sessions._rate._buckets.clear()
    yield
    for stream_id in list(sessions._sessions):
        async with httpx.AsyncClient() as client:
            await client.delete(f"{service.address}/webrtc/{stream_id}")
    assert len(sessions) == 0


@contextlib.asynccontextmanager
async def connected(service, pictures, **options):
    page = Page(service.address, DrawnVideo(pictures))
    try:
        await page.connect(**options)
        yield page
    finally:
        await page.close()


@pytest.mark.parametrize("codec", ["video/H264", "video/VP8"])
async def test_the_sent_face_comes_back_as_results_at_camera_rate(service, person, codec):
    page = Page(service.address, DrawnVideo(person), codec=codec)
    await page.connect(name="My camera")
    results = await page.analyses(60)
    await page.close()
    newest = results[-1]
    assert newest["v"] == 1
    assert newest["stream_id"] == page.answer["stream_id"]
    assert newest["age_ms"] < 400
    analysis = newest["analysis"]
    assert (analysis["width"], analysis["height"]) == (640, 480)
    (reading,) = analysis["readings"]
    box = reading["box"]
    assert abs((box["left"] + box["right"]) / 2 - 320) < 40
    times = [result["analysis"]["time_s"] for result in results]
    assert times == sorted(times), "media time never goes back"
    assert (len(times) - 1) / (times[-1] - times[0]) > 12, "a blink would be missed"
    assert max(page.lengths) <= 16 * 1024


async def test_statuses_come_on_the_reliable_channel(service, person):
    async with connected(service, person) as page:
        await until(lambda: page.of_type("status"), "a status")
        assert page.of_type("status")[0]["stream_id"] == page.answer["stream_id"]


async def test_a_heartbeat_is_answered(service, person):
    async with connected(service, person) as page:
        await page.beat(t=12.5)
        (pong,) = await until(lambda: page.of_type("pong"), "the answer")
        assert pong["t"] == 12.5


@pytest.mark.parametrize("message", ["", "{", "[]", "1", '{"type": "ping", "t": "x"}', "x" * 5000])
async def test_nonsense_on_a_channel_is_ignored(service, person, message):
    async with connected(service, person) as page:
        await until(lambda: page.alerts.readyState == "open", "the channel to open")
        page.alerts.send(message)
        await page.beat()
        await until(lambda: page.of_type("pong"), "the answer to what came after it")


@pytest.mark.fault("F37")
async def test_a_page_that_left_without_a_word_is_noticed_by_its_missing_heartbeat(
    service, person, monkeypatch
):
    sessions = service.wiring.webrtc
    monkeypatch.setattr(sessions, "_settings", replace(sessions._settings, heartbeat_timeout_s=1.0))
    page = Page(service.address, DrawnVideo(person))
    await page.connect()
    await page.beat()
    await page.analyses(1)
    await page.close()
    await until(lambda: len(sessions) == 0, "the session to be freed", 5)


async def test_the_promised_time_outs_are_15_and_20_seconds(service):
    settings = service.wiring.webrtc._settings
    assert (settings.heartbeat_timeout_s, settings.media_timeout_s) == (15, 20)


@pytest.mark.fault("F36")
async def test_a_peer_that_sends_no_picture_is_closed_and_told_why(service, person, monkeypatch):
    sessions = service.wiring.webrtc
    monkeypatch.setattr(sessions, "_settings", replace(sessions._settings, media_timeout_s=2.0))
    page = Page(service.address, _Still(person))
    await page.connect()
    await page.beat()
    (farewell,) = await until(lambda: page.of_type("closed"), "the farewell", 10)
    await page.close()
    assert farewell["code"] == "no_media"
    assert len(sessions) == 0


class _Still(DrawnVideo):
    async def recv(self):
        await asyncio.sleep(3600)


@pytest.mark.fault("F38")
async def test_an_unread_media_track_ends_the_session(service, person):
    sessions = service.wiring.webrtc
    async with connected(service, person) as page:
        await page.analyses(1)
        session = sessions._sessions[page.answer["stream_id"]]
        session.peer._consumer.get_loop().call_soon_threadsafe(session.peer._consumer.cancel)
        await until(lambda: len(sessions) == 0, "the session to end", 5)


@pytest.mark.fault("F39")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
async def test_a_dead_decoder_thread_ends_the_session(service, person, monkeypatch):
    sessions = service.wiring.webrtc
    monkeypatch.setattr(sessions, "_settings", replace(sessions._settings, media_timeout_s=2.0))
    async with connected(service, person) as page:
        await page.analyses(1)

        def fail(*_):
            raise ValueError("a fault in the decoder")

        monkeypatch.setattr("aiortc.codecs.h264.H264Decoder.decode", fail)
        await page.beat()
        (farewell,) = await until(lambda: page.of_type("closed"), "the farewell", 10)
    assert farewell["code"] == "no_media"


@pytest.mark.fault("F37")
async def test_a_page_that_comes_back_goes_on_with_its_stream(service, person):
    first = Page(service.address, DrawnVideo(person))
    await first.connect()
    await first.beat()
    before = (await first.analyses(10))[-1]["analysis"]
    await first.close()
    token = first.answer["resume_token"]
    async with connected(service, person, token=token) as second:
        after = (await second.analyses(5))[0]["analysis"]
        assert second.answer["stream_id"] == first.answer["stream_id"]
        assert after["epoch"] == before["epoch"], "the windows are kept"
        assert 0 < after["time_s"] - before["time_s"] < 10
        assert len(service.wiring.webrtc) == 1


async def test_a_page_that_was_gone_for_long_keeps_its_stream_id(service, person):
    async with connected(service, person) as first:
        stream_id = first.answer["stream_id"]
        async with httpx.AsyncClient() as client:
            await client.delete(f"{service.address}/webrtc/{stream_id}")
    async with connected(service, person, token=first.answer["resume_token"]) as second:
        assert second.answer["stream_id"] == stream_id


@pytest.mark.fault("F11")
async def test_another_size_in_mid_stream_keeps_the_boxes_on_the_face(service):
    small, large = (list(blinking_person(0.5, 15, width=w, height=h)) for w, h in SIZES)
    video = DrawnVideo(small)
    page = Page(service.address, video)
    await page.connect()
    await page.analyses(10)
    video.pictures = large
    await until(lambda: page.of_type("analysis")[-1]["analysis"]["width"] == 960, "the new size")
    seen = len(page.of_type("analysis"))
    analysis = (await page.analyses(seen + 20))[-1]["analysis"]
    await page.close()
    box = analysis["readings"][0]["box"]
    assert abs((box["left"] + box["right"]) / 2 - 480) < 60
    assert abs((box["top"] + box["bottom"]) / 2 - 360) < 60


SIZES = ((480, 360), (960, 720))


async def test_a_closed_session_leaves_no_stream(service, person):
    async with connected(service, person) as page, httpx.AsyncClient() as client:
        await page.analyses(1)
        stream_id = page.answer["stream_id"]
        listed = (await client.get(f"{service.address}/api/streams")).json()
        assert [(one["id"], one["kind"]) for one in listed] == [(stream_id, "webrtc")]
        assert (await client.delete(f"{service.address}/webrtc/{stream_id}")).status_code == 204
        assert (await client.get(f"{service.address}/api/streams")).json() == []
        assert (await client.delete(f"{service.address}/webrtc/{stream_id}")).status_code == 404


async def test_a_webcams_picture_is_shown_to_nobody_else(service, person):
    async with connected(service, person) as page, httpx.AsyncClient() as client:
        await page.analyses(1)
        path = f"/api/streams/{page.answer['stream_id']}/preview.jpg"
        answer = await client.get(service.address + path)
        assert (answer.status_code, answer.content) == (204, b"")


async def test_the_answer_starts_high_and_names_this_machine_only(service, person):
    async with connected(service, person) as page:
        sdp = page.answer["sdp"]
    assert sdp.count("x-google-start-bitrate=1500") >= 2
    candidates = [line for line in sdp.splitlines() if line.startswith("a=candidate")]
    assert candidates
    assert all(" typ host" in line for line in candidates), "no STUN server was asked"
    assert "a=sendrecv" not in sdp, "no picture is ever sent back"
    assert "a=sendonly" not in sdp


async def test_results_stay_fresh_while_the_camera_runs(service, person):
    async with connected(service, person) as page:
        results = await page.analyses(90)
    assert statistics.quantiles([one["age_ms"] for one in results], n=20)[-1] < 400


async def test_offers_are_counted_by_what_became_of_them(service, person):
    async with connected(service, person), httpx.AsyncClient() as client:
        await client.post(f"{service.address}/webrtc/offer", json={"sdp": "nonsense"})
        text = (await client.get(f"{service.address}/metrics")).text
    counts = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(counts['fakewatch_webrtc_offers_total{result="answered"}']) >= 1
    assert float(counts['fakewatch_webrtc_offers_total{result="malformed"}']) >= 1
    assert float(counts["fakewatch_webrtc_sessions"]) == 1
