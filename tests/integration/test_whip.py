"""OBS or a phone publishes by WHIP (RFC 9725): its video is analysed like any other."""

import asyncio

import httpx
import pytest
from pydantic import SecretStr

from stream_server.settings import AuthSettings, WebrtcSettings
from tests.media import blinking_person
from tests.peers import DrawnVideo, Page, until
from tests.served import served

TOKEN = "a-token-of-sixteen-characters-or-more"
SDP = {"Content-Type": "application/sdp"}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served(tmp_path_factory.mktemp("service"), webrtc=WebrtcSettings(max_sessions=4)) as one:
        yield one


@pytest.fixture(scope="module")
def person():
    return list(blinking_person(1.0, fps=15, blinks_s=(0.5,)))


@pytest.fixture
async def client(service):
    service.wiring.webrtc._rate._buckets.clear()
    async with httpx.AsyncClient(base_url=service.address, timeout=20) as one:
        yield one


class Publisher(Page):
    """A sender that speaks WHIP and has no channels to hear on."""

    def __init__(self, pictures):
        super().__init__("", DrawnVideo(pictures))

    def _channel(self, label, **options):
        """WHIP has none."""

    async def publish(self, client, path, **headers):
        answer = await client.post(path, content=await self.offer_sdp(), headers=SDP | headers)
        if answer.status_code == 201:
            await self.accept(answer.text)
        return answer


async def test_a_publisher_is_analysed_until_it_deletes_its_session(client, person):
    publisher = Publisher(person)
    answer = await publisher.publish(client, "/whip/phone")
    assert answer.status_code == 201
    assert answer.headers["content-type"].startswith("application/sdp")
    location = answer.headers["Location"]

    async def analysed():
        views = (await client.get("/api/streams")).json()
        return [one for one in views if one["status"]["frames_analysed"] > 10]

    (stream,) = await until_async(analysed, "analysed pictures")
    assert (stream["id"], stream["name"], stream["kind"]) == ("webrtc-phone", "phone", "webrtc")
    preview = await client.get("/api/streams/webrtc-phone/preview.jpg")
    assert preview.headers["content-type"] == "image/jpeg"
    assert (await client.delete("/whip/phone/not-the-token")).status_code == 404
    assert (await client.delete(location)).status_code == 200
    assert (await client.get("/api/streams")).json() == []
    assert (await client.delete(location)).status_code == 404
    await publisher.close()


async def test_a_name_that_is_taken_is_refused(client, person):
    first, second = Publisher(person), Publisher(person)
    answer = await first.publish(client, "/whip/studio")
    assert (await second.publish(client, "/whip/studio")).status_code == 409
    await client.delete(answer.headers["Location"])
    await first.close()
    await second.close()


async def test_a_publisher_that_vanished_is_freed(client, person, service):
    publisher = Publisher(person)
    await publisher.publish(client, "/whip/gone")
    await until(lambda: publisher.connection.connectionState == "connected", "the connection")
    await publisher.close()
    await until(lambda: len(service.wiring.webrtc) == 0, "the session to be freed", 10)


async def test_trickling_is_not_offered(client):
    answer = await client.patch("/whip/phone/token", headers=SDP)
    assert answer.status_code == 405
    assert "DELETE" in answer.headers["Allow"]
    assert (await client.get("/whip/phone")).status_code == 405
    assert (await client.put("/whip/phone")).status_code == 405


async def test_the_endpoint_says_what_may_be_posted(client):
    answer = await client.options("/whip/phone")
    assert answer.status_code == 204
    assert answer.headers["Accept-Post"] == "application/sdp"


@pytest.mark.parametrize(
    ("content", "headers", "status"),
    [
        (b"v=0", {"Content-Type": "text/plain"}, 415),
        (b"v=0", {}, 415),
        (b"nonsense", SDP, 400),
        (b"\xff\xfe", SDP, 400),
        (b"v=0\r\n" * 20_000, SDP, 413),
    ],
    ids=["plain text", "no type", "nonsense", "not UTF-8", "too large"],
)
async def test_what_is_no_offer_is_refused(client, content, headers, status):
    answer = await client.post("/whip/phone", content=content, headers=headers)
    assert answer.status_code == status
    assert answer.json()["detail"].endswith(".")


async def test_a_name_that_is_no_slug_is_refused(client):
    assert (await client.post("/whip/Not%20a%20slug", content=b"", headers=SDP)).status_code == 422


async def test_where_a_token_is_set_a_publisher_needs_it(tmp_path, person):
    auth = AuthSettings(token=SecretStr(TOKEN))
    with served(tmp_path, auth=auth) as guarded:
        async with httpx.AsyncClient(base_url=guarded.address, timeout=20) as client:
            publisher = Publisher(person)
            assert (await publisher.publish(client, "/whip/phone")).status_code == 401
            bearer = {"Authorization": f"Bearer {TOKEN}"}
            again = Publisher(person)
            answer = await again.publish(client, "/whip/phone", **bearer)
            assert answer.status_code == 201
            assert (await client.delete(answer.headers["Location"])).status_code == 401
            ended = await client.delete(answer.headers["Location"], headers=bearer)
            assert ended.status_code == 200
            await publisher.close()
            await again.close()


async def until_async(condition, what):
    seen = []

    async def look():
        seen[:] = await condition()

    for _ in range(200):
        await look()
        if seen:
            return seen
        await asyncio.sleep(0.05)
    raise AssertionError(f"Waited in vain for {what}")
