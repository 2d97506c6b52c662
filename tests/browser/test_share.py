"""Sharing a window with a call in it: several faces, and an alert from its opening to a verdict."""

import base64
import math
from pathlib import Path

import cv2
import pytest

from tests.browser.waiting import wait_for
from tests.media import DrawnFace, scene
from tests.toy_models import tint_green

pytestmark = pytest.mark.asyncio(loop_scope="module")

CALL = Path(__file__).parent / "call.html"


def picture_of(people, *, manipulated):
    """A meeting as a data address; where it is manipulated the first person's face is green."""
    width, height = 960, 540
    faces = [DrawnFace(width * (i + 0.5) / people, height / 2, 250, seed=i) for i in range(people)]
    image = scene(faces, width, height)
    if manipulated:
        column = slice(0, math.ceil(width / people))
        image[:, column] = tint_green(image[:, column])
    _, jpeg = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 92])
    return f"data:image/jpeg;base64,{base64.b64encode(jpeg.tobytes()).decode()}"


async def show(call, source):
    """Show a still, with a small change all the time: a still window sends no pictures."""
    await call.evaluate(
        """(source) => {
          const image = document.querySelector("img");
          image.src = source;
          window.moving ??= setInterval(() => {
            image.style.transform = `translateX(${Math.sin(performance.now() / 700) * 3}px)`;
          }, 30);
        }""",
        source,
    )


async def share(page):
    await page.bring_to_front()
    await page.click("fw-start [data-start=share]")
    await wait_for(page, "fakewatch.stage.drawn.length >= 1")


async def test_every_face_of_a_shared_call_gets_its_box_and_its_card(open_page, shoot):
    page = await open_page()
    call = await page.context.new_page()
    await call.goto(CALL.as_uri())
    await show(call, picture_of(3, manipulated=False))
    await share(page)
    await wait_for(page, "fakewatch.stage.drawn.length === 3")
    await wait_for(page, "document.querySelectorAll('fw-face').length === 3")
    assert await page.locator("fw-toolbar .stage-title").inner_text() == "Shared window"
    await shoot(page, "share-light")


async def test_an_alert_is_announced_acknowledged_judged_and_closed(open_page, shoot, service):
    page = await open_page()
    call = await page.context.new_page()
    await call.goto(CALL.as_uri())
    await show(call, picture_of(2, manipulated=True))
    await share(page)
    banner = page.locator("fw-alert-banner")
    await banner.locator("strong").wait_for()
    words = await banner.inner_text()
    assert "Strong signs of manipulation on “Shared window”" in words
    assert "another channel" in words
    assert "fake" not in words.lower()
    assert await banner.get_attribute("role") == "alert"
    alert_id = await page.locator("fw-alerts [data-alert]").first.get_attribute("data-alert")
    row = page.locator(f"[data-alert='{alert_id}']")
    assert "Open" in await row.inner_text()
    await shoot(page, "alert-light")
    await page.click("fw-alert-banner [data-act=acknowledge]")
    await wait_for(page, "document.querySelector('fw-alert-banner').hidden")
    await row.get_by_text("Acknowledged").wait_for()
    await row.locator("[data-act=manipulated]").click()
    await row.locator("[data-act=manipulated][aria-pressed=true]").wait_for()
    await show(call, picture_of(2, manipulated=False))
    await row.get_by_text("Closed").wait_for(timeout=40_000)
    kept = service.wiring.alerts.get(alert_id)
    assert kept.judged is True
    assert kept.acknowledged_at is not None
    assert kept.closed_at is not None
