"""The webcam on the page: boxes on the face, a score, blinks, and the way back after a fault."""

import asyncio
import json
import re
import statistics
from pathlib import Path

import pytest

from pipeline.load import load_models
from stream_server.loading import load_models_for
from tests.browser.waiting import start_webcam, wait_for
from tests.lossy_path import without_candidates
from tests.toy_models import constant_classifier, toy_directory

pytestmark = pytest.mark.asyncio(loop_scope="module")

MEASURE = (Path(__file__).parent / "measure_boxes.js").read_text()


async def test_the_webcam_shows_a_boxed_face_with_its_score_and_counts_blinks(open_page, shoot):
    page = await open_page()
    await start_webcam(page)
    card = page.locator("fw-face")
    await card.wait_for()
    await wait_for(page, "document.querySelector('fw-face')?.dataset.state === 'clear'")
    assert "%" in await card.locator(".face-score").inner_text()
    assert await card.locator(".state-word").inner_text() == "No signs stand out"
    await wait_for(
        page, "Number(document.querySelector('fw-face [data-blinks]').dataset.blinks) >= 3"
    )
    assert "Insufficient" in await card.locator("[data-blinks]").inner_text()
    figures = {
        name: await page.locator(f"[data-figure={name}]").inner_text()
        for name in ("age", "fps", "bitrate", "rtt", "size")
    }
    assert figures["size"] == "640 × 480"
    assert figures["age"].endswith(" ms")
    assert figures["bitrate"].endswith(("Mbit/s", "kbit/s"))
    assert figures["rtt"].endswith(" ms")
    assert await page.locator("fw-header .badge").all_inner_texts() == ["toy-green 1", "CPU"]
    await shoot(page, "webcam-light")


@pytest.mark.fault("F20")
async def test_an_open_page_names_the_model_that_a_reload_took(open_page, service, tmp_path):
    page, badge = await open_page(), "document.querySelector('fw-header .badge').innerText"
    in_use, before = service.wiring.in_use, load_models_for(service.wiring.settings.models)
    await start_webcam(page)
    await wait_for(page, f"{badge} === 'toy-green 1'")
    card = constant_classifier(tmp_path, -4.0, "other")
    in_use.take(load_models(toy_directory(tmp_path, card), classifier="other"))
    try:
        await wait_for(page, f"{badge} === 'other 1'")
        await wait_for(page, "document.querySelector('fw-face')?.dataset.state === 'clear'")
    finally:
        in_use.take(before)


@pytest.mark.fault("F22")
async def test_a_graphics_card_that_failed_is_said_at_the_head_of_the_page(open_page, service):
    page, badge = await open_page(), "document.querySelector('fw-header .badge.lost')"
    service.wiring.in_use.guard.trouble = "CUDA failure 700; the processor has taken over."
    try:
        await wait_for(page, f"{badge}?.innerText === 'CPU: the graphics card failed'")
        assert "taken over" in await page.locator("fw-header .badge.lost").get_attribute("title")
    finally:
        service.wiring.in_use.guard.trouble = None
    await wait_for(page, f"{badge} === null")


async def test_a_service_that_is_silent_is_not_called_analysing(open_page):
    page, chip = await open_page(), "document.querySelector('fw-stage .chip').innerText"
    await start_webcam(page)
    await wait_for(page, f"{chip} === 'Analysing'")
    await page.route("**/api/info", lambda route: route.abort())
    await wait_for(page, f"{chip} === 'No answer from the service'")
    await page.unroute("**/api/info")
    await wait_for(page, f"{chip} === 'Analysing'")
    assert all("api/info" in complaint for complaint in page.expected)
    page.expected.clear()


async def test_the_box_sits_on_the_face_while_it_moves(open_page):
    page = await open_page()
    await start_webcam(page)
    await asyncio.sleep(2)  # two seconds of results for the clock to settle
    rows = await page.evaluate(f"({MEASURE})(6)")
    assert len(rows) > 60
    offsets = [(row["box"] - row["face"]) / row["width"] for row in rows]
    # Where the detector puts a face's centre is its own affair; that it stays there is ours.
    anatomy = statistics.median(offsets)
    errors = [abs(offset - anatomy) for offset in offsets]
    assert abs(anatomy) < 0.06
    assert statistics.mean(errors) < 0.06, f"mean error {statistics.mean(errors):.3f} of the face"


async def test_stopping_frees_the_camera_and_the_session(open_page, service):
    page = await open_page()
    await start_webcam(page)
    await page.click("[data-act=stop]")
    await page.locator("fw-start .actions").wait_for()
    await wait_for(page, "!fakewatch.own.link")
    for _ in range(100):
        if len(service.wiring.webrtc) == 0:
            break
        await asyncio.sleep(0.05)
    assert len(service.wiring.webrtc) == 0


@pytest.mark.fault("F37")
async def test_a_closed_tab_frees_its_session(open_page, service):
    page = await open_page()
    await start_webcam(page)
    assert len(service.wiring.webrtc) == 1
    await page.close(run_before_unload=False)
    for _ in range(400):
        if len(service.wiring.webrtc) == 0:
            break
        await asyncio.sleep(0.05)
    assert len(service.wiring.webrtc) == 0


@pytest.mark.fault("F37")
async def test_after_a_lost_connection_the_page_goes_on_with_the_same_stream(open_page, service):
    page = await open_page()
    await start_webcam(page)
    before = await page.evaluate("fakewatch.book.own")
    first_s = await page.evaluate("fakewatch.book.stream.history.analysis.time_s")
    (session,) = service.wiring.webrtc._sessions.values()
    lost, loop = session.peer, session.task.get_loop()
    asyncio.run_coroutine_threadsafe(lost.close(), loop).result(10)
    for _ in range(400):
        if session.peer is not lost and session.peer.state == "connected":
            break
        await asyncio.sleep(0.05)
    assert session.peer is not lost
    await wait_for(
        page,
        f"fakewatch.book.stream.history.analysis.time_s > {first_s} + 1 "
        "&& fakewatch.stage.drawn.length === 1",
    )
    assert await page.evaluate("fakewatch.book.own") == before
    assert await page.evaluate("fakewatch.book.stream.history.epoch") == 0


async def test_old_results_fade_instead_of_sitting_on_a_new_picture(open_page, service):
    page = await open_page()
    await start_webcam(page)
    (session,) = service.wiring.webrtc._sessions.values()
    loop = session.task.get_loop()
    loop.call_soon_threadsafe(session.peer._channels.pop, "results")
    await wait_for(page, "fakewatch.stage.drawn.length === 0")
    await wait_for(page, "document.querySelector('[data-figure=age]').textContent === 'stale'")


async def test_another_size_keeps_the_connection(open_page):
    page = await open_page()
    await start_webcam(page)
    own = await page.evaluate("fakewatch.book.own")
    await page.select_option("fw-toolbar select[aria-label='Picture size']", "640x480")
    await asyncio.sleep(1)
    await wait_for(page, "fakewatch.stage.drawn.length === 1")
    assert await page.evaluate("fakewatch.book.own") == own


async def test_when_video_cannot_reach_the_service_the_page_says_what_helps(open_page, service):
    page = await open_page()

    async def answer_from_nowhere(route):
        # Without addresses in either direction nothing can get through.
        offer = route.request.post_data_json
        offer["sdp"] = without_candidates(offer["sdp"])
        response = await route.fetch(post_data=json.dumps(offer))
        answer = await response.json()
        answer["sdp"] = re.sub(r"(udp \d+) \S+ \d+ typ", r"\1 192.0.2.254 9 typ", answer["sdp"])
        await route.fulfill(response=response, json=answer)

    await page.route("**/webrtc/offer", answer_from_nowhere)
    await page.click("fw-start [data-start=webcam]")
    await page.locator("#unreachable").get_by_text("Allow UDP").wait_for()
    await page.locator("fw-stage").get_by_text("Trying again in").wait_for()
    await page.unroute("**/webrtc/offer")
    await wait_for(page, "fakewatch.stage.drawn.length === 1")
    assert await page.locator("#unreachable").is_hidden()
