"""A file on the page: chosen, followed, cancelled, and its report read in a new tab."""

import asyncio

import pytest

from tests.browser.waiting import wait_for
from tests.media import blinking_person, write_clip
from tests.toy_models import tint_green

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """Eight seconds of a person who turns green half-way: the toy model's sign of manipulation."""
    people = list(blinking_person(8, 15, blinks_s=(2, 4), width=320, height=240))
    half = len(people) // 2
    frames = people[:half] + [tint_green(image) for image in people[half:]]
    return write_clip(tmp_path_factory.mktemp("clips") / "holiday <b>.mp4", frames, 15)


def row(page, name):
    return page.locator("fw-uploads .upload-row").filter(has_text=name)


def state(page, name):
    return page.evaluate(
        """name => [...document.querySelectorAll("fw-uploads .upload-row")]
            .find((row) => row.querySelector(".row-name").textContent === name)?.dataset.state""",
        name,
    )


async def reaches(page, name, wanted, within_s=60):
    script = (
        '[...document.querySelectorAll("fw-uploads .upload-row")].some((row) =>'
        f' row.querySelector(".row-name").textContent === "{name}"'
        f" && {wanted}.includes(row.dataset.state))"
    )
    await wait_for(page, script, within_s)


async def test_a_chosen_file_gets_a_verdict_in_careful_words_and_a_report(open_page, clip, shoot):
    page = await open_page()
    await page.set_input_files("fw-uploads input[type=file]", str(clip))
    await reaches(page, clip.name, ["analysing"])
    await shoot(page, "upload-analysing")
    await reaches(page, clip.name, ["done"])
    card = row(page, clip.name)
    assert await card.locator(".chip").inner_text() == "Strong signs of manipulation"
    assert "Verify through another channel" in await card.locator(".row-detail").inner_text()
    assert clip.name in await page.locator("fw-uploads [role=status]").inner_text()
    async with page.context.expect_page() as opening:
        await card.locator("[data-act=report]").click()
    report = await opening.value
    await report.wait_for_load_state()
    assert await report.locator("h1").inner_text() == "Strong signs of manipulation"
    assert await report.locator(".file").inner_text() == clip.name
    assert await report.locator("svg.timeline").count() == 1
    assert await report.locator("svg.timeline .alert-span").count() == 1
    background = await report.locator("header").evaluate("e => getComputedStyle(e).borderLeftWidth")
    assert background == "8px", "the page's own style was refused"
    await shoot(report, "upload-report")
    await shoot(page, "upload-done")
    for one, name in ((page, "upload-phone"), (report, "upload-report-phone")):
        await one.emulate_media(color_scheme="dark")
        await one.set_viewport_size({"width": 390, "height": 844})
        assert await one.evaluate("document.documentElement.scrollWidth") <= 390
        await shoot(one, name)


async def test_it_works_by_keyboard(open_page, clip):
    page = await open_page()
    chosen = []
    page.on("filechooser", lambda chooser: chosen.append(chooser))  # noqa: PLW0108
    await page.locator("fw-uploads [data-act=choose]").focus()
    for _ in range(20):  # Playwright may begin to listen a moment after the first key
        await page.keyboard.press("Enter")
        await asyncio.sleep(0.5)
        if chosen:
            break
    (chooser, *_) = chosen
    assert chooser.is_multiple()
    copy = clip.with_name("by keyboard.mp4")
    copy.write_bytes(clip.read_bytes())
    await chooser.set_files(str(copy))
    await reaches(page, copy.name, ["queued", "analysing"])
    await row(page, copy.name).locator("[data-act=cancel]").focus()
    await page.keyboard.press("Enter")
    await reaches(page, copy.name, ["cancelled"])
    await row(page, copy.name).locator("[data-act=remove]").focus()
    await page.keyboard.press("Enter")
    await wait_for(
        page, "!document.querySelector('fw-uploads .rows').innerText.includes('by keyboard')"
    )


async def test_several_files_wait_in_line_and_what_is_no_media_says_so(open_page, clip, tmp_path):
    page = await open_page()
    notes = tmp_path / "notes.txt"
    notes.write_text("not a video")
    second = tmp_path / "second.mp4"
    second.write_bytes(clip.read_bytes())
    await page.set_input_files("fw-uploads input[type=file]", [str(second), str(notes)])
    await wait_for(
        page, "document.querySelector('fw-uploads').innerText.includes('Waiting, place')"
    )
    await row(page, "second.mp4").locator("[data-act=cancel]").click()
    await reaches(page, "notes.txt", ["failed"])
    text = await row(page, "notes.txt").locator(".row-detail").inner_text()
    assert text.startswith("It is neither a picture nor a video")
    assert await state(page, "second.mp4") == "cancelled"


async def test_a_broken_connection_only_delays_the_file(open_page, clip, tmp_path):
    page = await open_page()
    padded = tmp_path / "padded.mp4"
    padded.write_bytes(clip.read_bytes() + b"\0" * (9 * 2**20))
    offsets = []

    async def break_the_second(route):
        offsets.append(int(route.request.url.rpartition("=")[2]))
        await (route.abort() if len(offsets) == 2 else route.continue_())

    await page.route("**/parts?*", break_the_second)
    await page.set_input_files("fw-uploads input[type=file]", str(padded))
    await reaches(page, padded.name, ["queued", "analysing", "done"])
    part = 4 * 2**20
    assert offsets == [0, part, part, 2 * part]
    assert all("ERR_FAILED" in complaint for complaint in page.expected)
    page.expected.clear()
    await (
        row(page, padded.name)
        .locator("[data-act=cancel], [data-act=remove]")
        .locator("visible=true")
        .click()
    )
