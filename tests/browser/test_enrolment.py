"""Enrolling a person from the page: by keyboard, with what it means said before, and taken back."""

import pytest
import pytest_asyncio

from stream_server.settings import AnalyzerSection, RunnerSection
from tests.browser.waiting import wait_for
from tests.served import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADD = """async () => (await fetch("api/streams", {
  method: "POST",
  headers: {"Content-Type": "application/json"},
  body: JSON.stringify({name: "Desk", source: {type: "synthetic", fps: 8}}),
})).status"""


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service that looks at old pictures, too: a busy machine is no reason to see nothing."""
    folder = tmp_path_factory.mktemp("enrolment")
    analyzer = AnalyzerSection(window_min_samples=2)
    with served(folder, runner=RunnerSection(age_budget_s=10.0), analyzer=analyzer) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def page(open_page):
    page = await open_page()
    assert await page.evaluate(ADD) == 201
    await page.locator("[data-stream=desk] .row-main").click()
    await page.locator("fw-enrolment").get_by_text("Nobody is enrolled.").wait_for()
    return page


async def test_a_person_is_enrolled_by_keyboard_and_removed(page, shoot, service):
    panel = page.locator("fw-enrolment")
    await panel.get_by_role("button", name="Enrol this person…").focus()
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog", name="Enrol this person")
    await dialog.get_by_text("through another channel first").wait_for()
    await dialog.get_by_text("no picture, until you remove").wait_for()
    await shoot(page, "enrol-dialog-light")
    # Nothing starts before somebody vouches.
    await dialog.get_by_role("button", name="Start: 20 seconds").click()
    assert service.wiring.streams.entry("desk").enroller.view().state == "none"
    await dialog.get_by_role("checkbox").focus()
    await page.keyboard.press("Space")
    await page.keyboard.press("Enter")
    await panel.get_by_role("button", name="Stop enrolling").wait_for()
    assert await panel.locator("progress").get_attribute("aria-label") == "Enrolment"
    await wait_for(page, "document.activeElement.textContent === 'Stop enrolling'")
    await shoot(page, "enrol-running-light")
    await panel.get_by_text("A genuine stretch of one person is enrolled.").wait_for(
        timeout=120_000
    )
    await page.get_by_text("Against the enrolled stretch").first.wait_for(timeout=30_000)
    await shoot(page, "enrol-done-light")
    await panel.get_by_role("button", name="Remove enrolment").click()
    await panel.get_by_text("Nobody is enrolled.").wait_for()
