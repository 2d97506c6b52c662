"""Cameras on the page: adding one, what goes wrong with it, its picture with boxes, removing it."""

import pytest

from tests.browser.waiting import wait_for
from tests.needs import find_free_port

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def open_form(page):
    await page.click("fw-start [data-start=camera]")
    await page.locator("fw-camera-form dialog[open]").wait_for()


@pytest.mark.parametrize(
    ("address", "fault"),
    [
        ("", "Enter the camera's address."),
        ("camera.example/stream", "The address must begin with rtsp://"),
        ("ftp://camera.example/stream", "The address must begin with rtsp://"),
        ("rtsp://", "The address must begin with rtsp://"),
        ("rtsp://admin:secret@camera.example/1", "in their own fields"),
    ],
)
async def test_a_wrong_address_is_explained_before_anything_is_sent(open_page, address, fault):
    page = await open_page()
    await open_form(page)
    await page.fill("input[name=url]", address)
    await page.click("fw-camera-form .primary")
    said = page.locator("#camera-fault")
    assert fault in await said.inner_text()
    assert await page.get_attribute("input[name=url]", "aria-invalid") == "true"
    assert await page.evaluate("document.activeElement.name") == "url"


async def test_a_camera_that_does_not_answer_is_explained_and_can_be_removed(open_page, shoot):
    page = await open_page()
    await open_form(page)
    await page.fill("input[name=url]", f"rtsp://127.0.0.1:{find_free_port()}/front")
    await page.fill("input[name=name]", "Front door")
    await page.fill("input[name=user]", "admin")
    await page.fill("input[name=password]", "p@ss/w#rd?%")
    await page.click("fw-camera-form .primary")
    row = page.locator("[data-stream=front-door]")
    await row.get_by_text("Nothing listens at that address and port.").wait_for()
    await page.locator("fw-stage").get_by_text("Trying again in").wait_for()
    assert "p@ss" not in await page.content()
    await shoot(page, "camera-fault-light")
    await row.locator("button.danger").click()
    await row.wait_for(state="detached")
    await page.locator("fw-start .actions").wait_for()


async def test_a_camera_can_be_judged_by_a_known_systems_rule_and_its_row_says_so(open_page, shoot):
    page = await open_page()
    await open_form(page)
    await page.locator("fw-camera-form select[name=preset] option[value=frame-mean]").wait_for(
        state="attached"
    )
    await page.fill("input[name=url]", f"rtsp://127.0.0.1:{find_free_port()}/side")
    await page.fill("input[name=name]", "Side door")
    await page.select_option("fw-camera-form select[name=preset]", "frame-mean")
    await shoot(page, "camera-form-rule")
    await page.click("fw-camera-form .primary")
    row = page.locator("[data-stream=side-door]")
    await row.get_by_text("by the rule of frame-mean").wait_for()
    await row.locator("button.danger").click()
    await row.wait_for(state="detached")


async def test_what_the_service_refuses_is_said_in_the_form(open_page):
    page = await open_page()
    await open_form(page)
    await page.fill("input[name=url]", "rtsp://127.0.0.1:99999/front")
    await page.fill("input[name=name]", "Odd port")
    page.expected.clear()
    await page.click("fw-camera-form .primary")
    said = page.locator("#camera-fault")
    await said.wait_for()
    assert (await said.inner_text()).endswith(".")
    # Chromium itself notes the refused request on its console.
    assert all("422" in complaint for complaint in page.expected)
    page.expected.clear()


async def test_a_cameras_picture_carries_the_boxes_of_its_own_time(open_page, shoot, service):
    page = await open_page()
    created = await page.evaluate(
        """async () => (await fetch("api/streams", {
             method: "POST",
             headers: {"Content-Type": "application/json"},
             body: JSON.stringify({name: "Demo", source: {type: "synthetic"}}),
           })).status"""
    )
    assert created == 201
    await page.locator("[data-stream=demo] .row-main").click()
    await wait_for(page, "fakewatch.stage.drawn.length === 1")
    await wait_for(page, "document.querySelector('canvas.picture').width === 640")
    await page.locator("fw-face .state-word").wait_for()
    await shoot(page, "camera-light")
    await page.locator("[data-stream=demo] button.danger").click()
    await page.locator("fw-start .actions").wait_for()
