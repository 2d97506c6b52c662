"""A bad network between the page and the service, and no network at all."""

import asyncio
import contextlib
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.lossy_path import lossy_path, without_candidates
from tests.media import blinking_person
from tests.needs import need
from tests.peers import DrawnVideo, Page, until
from tests.served import served

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with served(tmp_path_factory.mktemp("service")) as one:
        yield one


@pytest.fixture(scope="module")
def person():
    return list(blinking_person(2.0, fps=15, blinks_s=(0.5,)))


@contextlib.asynccontextmanager
async def over_a_path(service, pictures):
    page = Page(service.address, DrawnVideo(pictures))
    async with httpx.AsyncClient(timeout=20) as client:
        body = {"sdp": without_candidates(await page.offer_sdp())}
        answer = (await client.post(f"{service.address}/webrtc/offer", json=body)).json()
        async with lossy_path(answer["sdp"]) as (path, sdp):
            await page.accept(sdp)
            try:
                await page.analyses(10)
                yield page, path
            finally:
                await page.close()
                await client.delete(f"{service.address}/webrtc/{answer['stream_id']}")


@pytest.mark.fault("F09")
@pytest.mark.parametrize("loss_prob", [0.05, 0.2])
async def test_after_a_time_of_loss_the_full_rate_is_back_within_3_s(service, person, loss_prob):
    async with over_a_path(service, person) as (page, path):
        path.loss_prob = loss_prob
        await until(lambda: path.lost >= 30, "packets to be lost", 30)
        path.loss_prob = 0.0
        await full_rate_is_back(page)
    if loss_prob > 0.1:  # less is made good by retransmission
        assert await counter(service, "fakewatch_webrtc_packets_lost_total") > 0


@pytest.mark.fault("F09")
async def test_after_an_outage_nothing_is_judged_before_the_next_whole_picture(service, person):
    async with over_a_path(service, person) as (page, path):
        path.loss_prob = 1.0
        await asyncio.sleep(1.5)
        path.loss_prob = 0.0
        await full_rate_is_back(page)
        await until(lambda: not any(damaged(page)[-5:]), "a keyframe, which starts afresh", 5)
        assert any(damaged(page)), "what builds on a lost picture looks like a forgery"


def damaged(page):
    return [
        reading["quality"]["damaged"]
        for result in page.of_type("analysis")
        for reading in result["analysis"]["readings"]
    ]


async def full_rate_is_back(page):
    """At most 3 s after now, the last second held at least 20 results."""
    since = page.of_type("analysis")[-1]["analysis"]["time_s"]

    def newest_of_a_full_second():
        times = [one["analysis"]["time_s"] for one in page.of_type("analysis")]
        newest = max(times)
        full = sum(time_s > newest - 1 for time_s in times) >= 20
        return newest if newest > since + 1 and full else None

    back = await until(newest_of_a_full_second, "the full rate", 10)
    assert back - since <= 3 + 1, "3 s, and the second over which the rate is measured"


async def status_of(service, page):
    async with httpx.AsyncClient() as client:
        streams = (await client.get(f"{service.address}/api/streams")).json()
    stream_id = page.of_type("analysis")[-1]["stream_id"]
    return next(one["status"] for one in streams if one["id"] == stream_id)


async def counter(service, name):
    async with httpx.AsyncClient() as client:
        text = (await client.get(f"{service.address}/metrics")).text
    return next(float(line.split()[-1]) for line in text.splitlines() if line.startswith(name))


@pytest.mark.fault("F10")
async def test_jitter_reordering_and_duplicates_never_turn_time_back(service, person):
    async with over_a_path(service, person) as (page, path):
        path.jitter_s, path.duplicate_prob = 0.2, 0.1
        seen = len(page.of_type("analysis"))
        results = (await page.analyses(seen + 40, 30))[seen:]
        status = await status_of(service, page)
    # The channel is unordered: put the results in the order of their frames first.
    times = [
        time_s
        for _, time_s in sorted(
            (one["analysis"]["frame_index"], one["analysis"]["time_s"]) for one in results
        )
    ]
    assert times == sorted(times)
    assert all(one["age_ms"] >= 0 for one in results)
    assert set(status["drops"]) <= {"overwritten", "stale", "damaged", "frozen", "failed"}


@pytest.mark.fault("F49")
def test_on_a_machine_with_only_a_loopback_interface_the_page_is_answered_and_analysed():
    script = f"ip link set lo up && exec '{sys.executable}' -m tests.integration.loopback_only"
    run = subprocess.run(
        [need("netns"), "-n", "sh", "-c", script],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert "analysed over 127.0.0.1" in run.stdout
