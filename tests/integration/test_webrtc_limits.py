"""What a stranger may ask of the WebRTC edge: floods, nonsense and too much are refused."""

import asyncio

import httpx
import pytest

from stream_server.settings import WebrtcSettings
from tests.media import blinking_person
from tests.peers import DrawnVideo, Page
from tests.served import served


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served(tmp_path_factory.mktemp("service"), webrtc=WebrtcSettings(max_sessions=4)) as one:
        yield one


@pytest.fixture(scope="module")
def person():
    return list(blinking_person(1.0, fps=15))


@pytest.fixture(autouse=True)
async def _no_session_is_left(service):
    """Every test begins with all places free and the allowance of offers unspent."""
    service.wiring.webrtc._rate._buckets.clear()
    yield
    async with httpx.AsyncClient() as client:
        for stream_id in list(service.wiring.webrtc._sessions):
            await client.delete(f"{service.address}/webrtc/{stream_id}")
    assert len(service.wiring.webrtc) == 0


@pytest.mark.fault("F36")
async def test_twenty_offers_at_once_get_exactly_the_places_there_are(service, person):
    pages = [Page(service.address, DrawnVideo(person)) for _ in range(12)]
    sdps = [await page.offer_sdp() for page in pages]
    async with httpx.AsyncClient(timeout=30) as client:
        answers = await asyncio.gather(
            *(client.post(f"{service.address}/webrtc/offer", json={"sdp": sdp}) for sdp in sdps)
        )
    await asyncio.gather(*(page.close() for page in pages))
    statuses = sorted(answer.status_code for answer in answers)
    assert statuses == [200] * 4 + [503] * 8
    full = next(answer for answer in answers if answer.status_code == 503)
    assert full.headers["Retry-After"]
    assert full.headers["content-type"] == "application/problem+json"


@pytest.mark.fault("F36")
async def test_a_flood_of_offers_is_slowed_down(service):
    async with httpx.AsyncClient(timeout=30) as client:
        answers = await asyncio.gather(
            *(
                client.post(f"{service.address}/webrtc/offer", json={"sdp": "v=0"})
                for _ in range(60)
            )
        )
    statuses = [answer.status_code for answer in answers]
    assert statuses.count(429) >= 40
    assert set(statuses) == {400, 429}
    assert len(service.wiring.webrtc) == 0


BROKEN = {
    "empty": "",
    "no description": "hello",
    "no media": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n",
    "no security": "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\nm=video 9 RTP/AVP 96\r\n"
    "c=IN IP4 0.0.0.0\r\na=mid:0\r\na=rtpmap:96 VP8/90000\r\na=sendonly\r\n",
    "odd numbers": "v=0\r\nm=video x UDP/TLS/RTP/SAVPF 999\r\n",
}


@pytest.mark.fault("F36")
@pytest.mark.parametrize("sdp", BROKEN.values(), ids=BROKEN)
async def test_a_malformed_offer_is_refused_with_a_sentence(service, sdp):
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{service.address}/webrtc/offer", json={"sdp": sdp})
    assert answer.status_code == 400
    assert answer.json()["detail"] == "This is no session description with a video to receive."
    assert len(service.wiring.webrtc) == 0


@pytest.mark.fault("F36")
async def test_an_offer_cut_off_anywhere_never_breaks_the_service(service, person):
    page = Page(service.address, DrawnVideo(person))
    sdp = await page.offer_sdp()
    lines = sdp.splitlines(keepends=True)
    statuses = []
    async with httpx.AsyncClient() as client:
        for count in range(0, len(lines) - 1, 3):
            service.wiring.webrtc._rate._buckets.clear()
            body = {"sdp": "".join(lines[:count])}
            statuses.append(await client.post(f"{service.address}/webrtc/offer", json=body))
            for stream_id in list(service.wiring.webrtc._sessions):
                await client.delete(f"{service.address}/webrtc/{stream_id}")
    await page.close()
    assert {answer.status_code for answer in statuses} <= {200, 400}


@pytest.mark.fault("F12")
@pytest.mark.parametrize(
    "codecs", [("video/AV1",), ("video/VP9", "video/H265")], ids=["AV1", "VP9 and H.265"]
)
async def test_a_codec_we_cannot_decode_is_refused_at_once(service, person, codecs):
    page = Page(service.address, DrawnVideo(person), codec="video/VP8")
    sdp = (await page.offer_sdp()).replace("VP8/90000", f"{codecs[0].removeprefix('video/')}/90000")
    await page.close()
    async with httpx.AsyncClient() as client:
        answer = await client.post(f"{service.address}/webrtc/offer", json={"sdp": sdp})
    assert answer.status_code == 400


@pytest.mark.fault("F36")
async def test_an_offer_over_64_kib_is_refused(service):
    async with httpx.AsyncClient() as client:
        for size, status in ((65 * 1024, 413), (1_000_000, 413)):
            body = {"sdp": "v=0\r\n" + "a=x\r\n" * (size // 5)}
            answer = await client.post(f"{service.address}/webrtc/offer", json=body)
            assert answer.status_code == status
