"""Muting a camera's alerts from the page, and the warning of a calibration that no longer holds."""

import pytest
import pytest_asyncio

from stream_server.calibration.reference import Drift
from stream_server.settings import AlertSection, AnalyzerSection, RunnerSection
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
    analyzer = AnalyzerSection(window_min_samples=2, alert=AlertSection())
    folder = tmp_path_factory.mktemp("alerting")
    with served(folder, runner=RunnerSection(age_budget_s=10.0), analyzer=analyzer) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def page(open_page):
    page = await open_page()
    assert await page.evaluate(ADD) in (201, 409)
    await page.locator("[data-stream=desk] .row-main").click()
    await page.locator("fw-alerting").get_by_text("Alerts are delivered.").wait_for()
    return page


async def test_alerts_are_muted_by_keyboard_and_delivered_again(page, shoot, service):
    panel, recorder = page.locator("fw-alerting"), service.wiring.streams.entry("desk").recorder
    await panel.get_by_role("combobox", name="Suspend for").select_option("60")
    await panel.get_by_role("button", name="Suspend alerts").focus()
    await page.keyboard.press("Enter")
    await panel.get_by_text("Alerts are kept, but not delivered, until").wait_for()
    assert recorder.is_suspended
    await page.locator("[data-stream=desk]").get_by_text("alerts suspended until").wait_for()
    await wait_for(page, "document.activeElement.textContent === 'Resume alerts'")
    await shoot(page, "alerting-suspended-light")
    await page.keyboard.press("Enter")
    await panel.get_by_text("Alerts are delivered.").wait_for()
    assert not recorder.is_suspended


async def test_a_camera_that_has_drifted_says_that_its_thresholds_are_not_valid(
    page, shoot, service
):
    class Drifted:
        drift = Drift(0.8, "exposure", drifted=True)

        def add(self, row, time_s):
            """Nothing more to see."""

    service.wiring.streams.entry("desk").recorder._drift = Drifted()
    said = page.locator("fw-alerting").get_by_text("No longer looks like the calibration")
    await said.wait_for()
    assert "thresholds are not valid here" in await said.inner_text()
    await page.locator("[data-stream=desk]").get_by_text("no longer looks like").wait_for()
    await shoot(page, "alerting-drifted-light")
