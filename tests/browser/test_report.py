"""A report on the page: what it says, the annotated copy by click and by key, the other rules."""

import pytest

from pipeline.comparison import presets
from tests.browser.waiting import wait_for
from tests.media import blinking_person, write_clip
from tests.toy_models import tint_green

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECONDS = 8
VIDEO = "document.querySelector('fw-report video')"
SLIDER = "fw-report svg.timeline"


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A person who turns green half-way: the toy model's sign of manipulation."""
    people = list(blinking_person(SECONDS, 15, blinks_s=(2, 6), width=320, height=240))
    half = len(people) // 2
    frames = people[:half] + [tint_green(image) for image in people[half:]]
    return write_clip(tmp_path_factory.mktemp("clips") / "kept.mp4", frames, 15)


async def shown(open_page, clip, **options):
    """The page with the report open; the file is sent where no page has yet."""
    page = await open_page(**options)
    done = 'fw-uploads .upload-row[data-state="done"]'
    if not await page.evaluate("fetch('api/uploads').then((a) => a.json()).then((l) => l.length)"):
        await page.check("#upload-pictures")
        await page.check("#upload-annotated")
        await page.set_input_files("fw-uploads input[type=file]", str(clip))
    await wait_for(page, f"document.querySelector('{done}')", 120)
    await page.locator(f"{done} [data-act=show]").focus()
    await page.keyboard.press("Enter")
    await wait_for(page, f"{VIDEO}?.readyState >= 1", 30)
    return page


async def arrives(page, at_s, within_s=20):
    await wait_for(page, f"Math.abs({VIDEO}.currentTime - {at_s}) < 0.35", within_s)


async def test_it_says_why_and_a_click_on_the_timeline_seeks_the_annotated_copy(
    open_page, clip, shoot
):
    page = await shown(open_page, clip)
    report = page.locator("fw-report dialog")
    assert "Strong signs of manipulation" in await report.locator(".report-verdict").inner_text()
    why = await report.locator(".report-face .report-table").inner_text()
    assert "Texture and edges" in why
    assert "Sum" in why
    assert "press Enter, to go there" in await report.locator(".timeline-legend").inner_text()
    assert await page.evaluate(f"{VIDEO}.duration") == pytest.approx(SECONDS, abs=0.5)
    box = await page.locator(SLIDER).bounding_box()
    left, right = 58 / 960, 952 / 960
    await page.locator(SLIDER).click(
        position={"x": box["width"] * (left + (right - left) * 0.75), "y": box["height"] / 3}
    )
    await arrives(page, 0.75 * SECONDS)
    assert "over 99 %" in await page.locator(SLIDER).get_attribute("aria-valuetext")
    await shoot(page, "report-view")


async def test_all_of_it_works_by_keyboard(open_page, clip):
    page = await shown(open_page, clip)
    await page.locator(SLIDER).focus()
    await page.keyboard.press("End")
    await page.keyboard.press("PageDown")
    assert float(await page.locator(SLIDER).get_attribute("aria-valuenow")) == pytest.approx(
        0.9 * SECONDS, abs=0.3
    )
    assert await page.evaluate(f"{VIDEO}.currentTime") < 1, "only Enter seeks"
    await page.keyboard.press("Enter")
    await arrives(page, 0.9 * SECONDS)
    await page.keyboard.press("Home")
    await page.keyboard.press("Enter")
    await arrives(page, 0)
    await page.locator("fw-report [data-act=moment]").first.focus()
    await page.keyboard.press("Enter")
    await wait_for(page, f"{VIDEO}.currentTime > 3")
    await page.locator("fw-report .report-compare summary").focus()
    await page.keyboard.press("Enter")
    await wait_for(page, "document.querySelector('fw-report .report-compare').open")
    table = await page.locator("fw-report .report-compare table").inner_text()
    for rule in ("fakewatch", *presets()):
        assert rule in table
    assert table.count("Weakness:") == 1 + len(presets())
    assert "Strong signs of manipulation" in table
    await page.keyboard.press("Escape")
    await wait_for(page, "!document.querySelector('fw-report dialog').open")
    await wait_for(page, "document.querySelector('fw-report video') === null")
    back = "document.activeElement.dataset.act"
    assert await page.evaluate(back) == "show", "focus is back where it came from"


async def test_it_fits_a_phone_in_the_dark(open_page, clip, shoot):
    page = await shown(open_page, clip, width=390, height=844, scheme="dark")
    # The drawing is wider than the phone, and is moved to where its cursor is.
    cursor = await page.locator(f"{SLIDER} .cursor").bounding_box()
    assert 0 < cursor["x"] < 390
    assert await page.evaluate(f"document.querySelector('{SLIDER}').parentElement.scrollLeft") > 0
    acts = "[...document.querySelectorAll('fw-uploads .upload-row[data-state=done]')].map((row) =>"
    acts += " row.getBoundingClientRect().right - Math.max(...[...row.querySelectorAll("
    acts += "'.upload-acts > :not([hidden])')].map((one) => one.getBoundingClientRect().right)))"
    assert all(room > 0 for room in await page.evaluate(acts)), "no button stands out of its row"
    await page.locator("fw-report .report-compare summary").click()
    assert await page.evaluate("document.documentElement.scrollWidth") <= 390
    dialog = "document.querySelector('fw-report dialog')"
    assert await page.evaluate(f"{dialog}.scrollWidth <= {dialog}.clientWidth")
    await shoot(page, "report-view-phone")
