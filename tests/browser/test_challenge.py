"""The guided challenge on the page: by keyboard, step by step, to what was measured."""

import asyncio
import itertools

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from stream_server.settings import AnalyzerSection, RunnerSection
from tests.browser.conftest import FLAGS, FPS
from tests.browser.waiting import wait_for
from tests.media import obedient_person, write_clip
from tests.needs import need
from tests.served import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

ADD = """async (people) => (await fetch("api/streams", {
  method: "POST",
  headers: {"Content-Type": "application/json"},
  body: JSON.stringify({name: "Desk", source: {type: "synthetic", fps: 8, people}}),
})).status"""
SAMPLE = """() => {
  const rows = [];
  window.colours = rows;
  const look = () => {
    const run = document.querySelector("dialog.challenge-run");
    if (run.classList.contains("lit")) rows.push([performance.now(), run.style.backgroundColor]);
    requestAnimationFrame(look);
  };
  look();
}"""


@pytest.fixture(scope="module")
def camera_clip(tmp_path_factory):
    """A person who does every step, over and over."""
    clip = tmp_path_factory.mktemp("obedient") / "camera.mjpeg"
    options = {"q:v": "4"}
    pictures = obedient_person(FPS)
    return write_clip(clip, pictures, FPS, codec="mjpeg", pixel_format="yuvj420p", options=options)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """A service that looks at old pictures, too: a busy machine is no reason to see nothing."""
    folder = tmp_path_factory.mktemp("challenge")
    analyzer = AnalyzerSection(window_min_samples=2)
    with served(folder, runner=RunnerSection(age_budget_s=10.0), analyzer=analyzer) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(camera_clip):
    """A browser of its own: what its camera shows is chosen when it starts."""
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={camera_clip}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=need("chromium"), args=flags)
        yield browser
        await browser.close()


async def test_a_challenge_is_gone_through_by_keyboard(open_page, shoot):
    page = await open_page()
    await start_camera(page)
    button = page.locator("fw-challenge [data-act=challenge]")
    await button.focus()
    await page.keyboard.press("Enter")
    intro = page.get_by_role("dialog", name="Guided challenge")
    await intro.get_by_text("no proof in either direction").wait_for()
    assert await intro.get_by_role("checkbox").is_checked()
    await intro.get_by_text("Leave this out if changing colours trouble you").wait_for()
    await shoot(page, "challenge-intro-light")
    await page.evaluate(SAMPLE)
    await page.keyboard.press("Enter")
    run = page.locator("dialog.challenge-run")
    await run.get_by_text("Look into the camera").first.wait_for()
    assert await run.locator("[aria-live=polite]").count() == 1
    await run.get_by_text("Step 1 of 5").wait_for(timeout=60_000)
    await shoot(page, "challenge-step-light")
    await wait_for(page, "document.querySelector('dialog.challenge-run.lit')", 120)
    await asyncio.sleep(1.5)
    await shoot(page, "challenge-colours-light")
    result = page.get_by_role("dialog", name="What was measured")
    await result.wait_for(timeout=120_000)
    await shoot(page, "challenge-result-light")
    rows = result.locator("[data-step]")
    found = {
        await row.get_attribute("data-step"): await row.get_attribute("data-outcome")
        for row in await rows.all()
    }
    assert len(found) == 5
    assert found["colours"] == "not_measurable"  # nobody's face is lit in a clip
    # A busy machine sees too few pictures of some steps, which is counted against nobody.
    assert set(found.values()) == {"done", "not_measurable"}, await result.inner_text()
    assert "For one minute" in await result.inner_text()
    assert_calm(await page.evaluate("window.colours"))
    await page.keyboard.press("Enter")
    assert not await result.is_visible()


async def start_camera(page):
    """Wait for the first face longer than usual: the steps take their time as well."""
    await page.click("fw-start [data-start=webcam]")
    await wait_for(page, "fakewatch.stage.drawn.length === 1", 60)


def assert_calm(rows):
    """No channel changes by more than a second's fade explains, give or take one late picture."""
    assert len(rows) > 5
    seen = [(at_ms, [int(part) for part in text[4:-1].split(",")]) for at_ms, text in rows]
    before_ms = seen[0][0]
    for (one_ms, one), (other_ms, other) in itertools.pairwise(seen):
        most = max(abs(a - b) for a, b in zip(one, other, strict=True))
        assert most <= 170 * max(32, other_ms - before_ms) / 1000 + 2
        before_ms = one_ms


async def test_escape_ends_it_and_the_service_forgets_it(open_page, service, shoot):
    page = await open_page(width=390, height=844, scheme="dark", reduced_motion="reduce")
    await start_camera(page)
    await page.locator("fw-challenge [data-act=challenge]").click()
    intro = page.get_by_role("dialog", name="Guided challenge")
    # Who asked for less motion has to ask for the colours.
    assert not await intro.get_by_role("checkbox").is_checked()
    await shoot(page, "challenge-intro-phone-dark")
    await page.keyboard.press("Enter")
    run = page.locator("dialog.challenge-run")
    await run.get_by_text("Step 1 of 4").wait_for(timeout=60_000)
    await shoot(page, "challenge-step-phone-dark")
    await page.keyboard.press("Escape")
    assert not await run.is_visible()
    await wait_for(page, "document.activeElement.dataset.act === 'challenge'")
    stream = service.wiring.streams.views()[-1]  # an earlier test's may still be closing
    await wait_for(
        page,
        f"fetch('api/streams/{stream.id}/challenge').then((r) => r.json())"
        ".then((view) => view.state === 'none')",
    )


async def test_for_a_camera_the_steps_are_relayed_and_two_faces_refused(open_page, shoot, service):
    page = await open_page(scheme="dark")
    assert await page.evaluate(ADD, 2) == 201
    await page.locator("[data-stream=desk] .row-main").click()
    await wait_for(page, "fakewatch.stage.drawn.length === 2")
    await page.locator("fw-challenge [data-act=challenge]").click()
    intro = page.get_by_role("dialog", name="Guided challenge")
    await intro.get_by_text("You will read the steps to the person").wait_for()
    assert await intro.get_by_role("checkbox").count() == 0
    await page.keyboard.press("Enter")
    await intro.get_by_text("one person alone").wait_for()
    await shoot(page, "challenge-refused-dark")
    # The browser tells of the refusal, too.
    page.expected.clear()
