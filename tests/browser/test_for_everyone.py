"""The page by keyboard, on a phone, in the dark, with a screen reader, and behind a token."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from stream_server.settings import AuthSettings
from tests.browser.waiting import start_webcam, wait_for
from tests.served import served

pytestmark = pytest.mark.asyncio(loop_scope="module")

CONTRAST = (Path(__file__).parent / "contrast.js").read_text()
TOKEN = "a-token-of-sixteen-characters-or-more"


async def tab_to(page, selector):
    for _ in range(40):
        await page.keyboard.press("Tab")
        if await page.evaluate(f"document.activeElement.matches({selector!r})"):
            return
    raise AssertionError(f"{selector} cannot be reached by Tab")


async def test_everything_works_by_keyboard_alone(open_page):
    page = await open_page()
    await tab_to(page, "fw-start [data-start=webcam]")
    outline = await page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid", "the focus can be seen"
    await page.keyboard.press("Enter")
    await wait_for(page, "fakewatch.stage.drawn.length === 1")
    await tab_to(page, "fw-face .face-head")
    await page.keyboard.press("Enter")
    await wait_for(page, "document.querySelector('.face-head').ariaExpanded === 'false'")
    await page.keyboard.press("Enter")
    await page.evaluate("document.querySelector('.brand').focus()")
    await tab_to(page, "fw-toolbar [data-start=camera]")
    await page.keyboard.press("Enter")
    await page.keyboard.type("nonsense")
    await page.keyboard.press("Enter")
    await page.locator("#camera-fault").wait_for()
    await page.keyboard.press("Escape")
    await wait_for(page, "!document.querySelector('fw-camera-form dialog').open")
    await page.evaluate("document.querySelector('.brand').focus()")
    await tab_to(page, "[data-act=stop]")
    await page.keyboard.press("Space")
    await page.locator("fw-start .actions").wait_for()


async def test_every_control_has_a_name_and_only_alerts_interrupt(open_page):
    page = await open_page()
    await start_webcam(page)
    nameless = await page.evaluate(
        """[...document.querySelectorAll("button, a, input, select, canvas[role=img], video")]
             .filter((one) => one.checkVisibility())
             .filter((one) => !(one.ariaLabel || one.textContent.trim() || one.labels?.length))
             .map((one) => one.outerHTML)"""
    )
    assert nameless == []
    assertive = await page.evaluate(
        """[...document.querySelectorAll("[aria-live=assertive]")].map((one) => one.localName)"""
    )
    assert assertive == ["fw-alert-banner"]
    live = await page.evaluate(
        """document.querySelectorAll("fw-stage [aria-live], fw-faces [aria-live]").length"""
    )
    assert live == 0, "figures that change all the time are not read out"


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_all_text_has_the_contrast_of_wcag_aa(open_page, shoot, scheme):
    page = await open_page(scheme=scheme)
    assert await page.evaluate(f"({CONTRAST})()") == []
    await start_webcam(page)
    await wait_for(page, "document.querySelector('fw-face')?.dataset.state === 'clear'")
    assert await page.evaluate(f"({CONTRAST})()") == []
    await shoot(page, f"webcam-{scheme}-contrast")


async def test_the_theme_can_be_chosen_and_is_kept(open_page):
    page = await open_page(scheme="light")
    light = await page.evaluate("getComputedStyle(document.body).backgroundColor")
    button = page.locator("fw-header button")
    await button.click()
    await button.click()
    assert await page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert await page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    await page.reload()
    await wait_for(page, "document.documentElement.dataset.theme === 'dark'")


@pytest.mark.parametrize("width", [360, 390, 768])
async def test_nothing_sticks_out_on_a_small_screen(open_page, shoot, width):
    page = await open_page(width=width, height=800)
    wide = "document.scrollingElement.scrollWidth"
    assert await page.evaluate(wide) <= width
    await start_webcam(page)
    await page.locator("fw-face").wait_for()
    assert await page.evaluate(wide) <= width
    await shoot(page, f"phone-{width}")


async def test_movement_stops_for_whoever_asked_for_less(open_page):
    page = await open_page(reduced_motion="reduce")
    await start_webcam(page)
    await wait_for(page, "document.querySelector('.activity.on')")
    running = await page.evaluate("document.getAnimations().length")
    assert running == 0


async def test_a_service_with_a_token_asks_for_it_once(open_page, tmp_path):
    with served(tmp_path, auth=AuthSettings(token=SecretStr(TOKEN))) as guarded:
        page = await open_page(guarded.address)
        field = page.locator("fw-sign-in input[name=secret]")
        await field.fill("wrong")
        await page.keyboard.press("Enter")
        await page.get_by_text("The access token is wrong.").wait_for()
        await field.fill(TOKEN)
        await page.keyboard.press("Enter")
        await page.locator("fw-header .badge").first.wait_for()
        await page.reload()
        await page.locator("fw-header .badge").first.wait_for()
        assert await page.locator("fw-sign-in dialog[open]").count() == 0
        assert TOKEN not in await page.evaluate("JSON.stringify([localStorage, sessionStorage])")
        assert all("401" in complaint for complaint in page.expected)
        page.expected.clear()
        await page.context.close()
