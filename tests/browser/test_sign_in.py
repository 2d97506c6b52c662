"""Signing in and out by keyboard, and what the page of a viewer lets them do."""

import pytest
import pytest_asyncio

from stream_server.auth.accounts import Accounts
from stream_server.auth.roles import Role
from stream_server.settings import WebrtcSettings
from stream_server.specs import StreamSpec
from stream_server.store import Store
from tests.served import served

pytestmark = pytest.mark.asyncio(loop_scope="module")
PASSWORD = "canary-of-a-password"


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    folder = tmp_path_factory.mktemp("guarded")
    store = Store(folder / "data")
    accounts = Accounts(store, folder / "data")
    accounts.add("ada", Role.ADMIN, None, PASSWORD)
    accounts.add("bob", Role.VIEWER, frozenset({"door"}), PASSWORD)
    store.close()
    streams = tuple(
        StreamSpec.model_validate(
            {"id": name, "name": name.title(), "source": {"type": "synthetic", "fps": 5}}
        )
        for name in ("door", "hall")
    )
    with served(folder, streams=streams, webrtc=WebrtcSettings()) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def sign_in(open_page, guarded):
    """Sign in by keyboard alone: `await sign_in("bob")`."""

    async def one(name):
        page = await open_page(guarded.address)
        await page.locator("fw-sign-in dialog[open]").wait_for()
        assert await page.evaluate("document.activeElement.name") == "name"
        await page.keyboard.type(name)
        await page.keyboard.press("Tab")
        await page.keyboard.type(PASSWORD)
        await page.keyboard.press("Enter")
        await page.get_by_text(f"{name} · ").wait_for()
        return page

    return one


async def test_a_person_signs_in_and_out_by_keyboard(sign_in, shoot):
    page = await sign_in("ada")
    await page.locator("[data-stream=hall]").wait_for()
    assert await page.get_by_role("button", name="Add camera").first.is_enabled()
    stored = await page.evaluate("JSON.stringify([localStorage, sessionStorage, document.cookie])")
    assert PASSWORD not in stored
    assert "fakewatch_session" not in stored
    await page.locator("[data-act=sign-out]").focus()
    await page.keyboard.press("Enter")
    await page.locator("fw-sign-in dialog[open]").wait_for()
    assert await page.locator("[data-stream]").count() == 0
    await shoot(page, "sign-in")


async def test_a_wrong_password_is_said_and_can_be_corrected(open_page, guarded):
    page = await open_page(guarded.address)
    await page.locator("fw-sign-in [name=name]").fill("bob")
    await page.locator("fw-sign-in [name=secret]").fill("wrong")
    await page.keyboard.press("Enter")
    await page.get_by_role("alert").get_by_text("The name or the password is wrong.").wait_for()
    page.expected.clear()  # Chromium complains of the 401
    await page.keyboard.type(PASSWORD)
    await page.keyboard.press("Enter")
    await page.get_by_text("bob · viewer").wait_for()


async def test_a_viewer_sees_their_streams_and_why_the_rest_is_not_for_them(sign_in, shoot):
    page = await sign_in("bob")
    await page.locator("[data-stream=door]").wait_for()
    assert await page.locator("[data-stream=hall]").count() == 0
    add = page.locator("fw-streams .section-head button")
    assert await add.is_disabled()
    assert await add.get_attribute("title") == "Your role is viewer; this needs operator."
    assert await page.locator("[data-stream=door] .danger").is_disabled()
    assert await page.locator("[data-start=webcam]").first.is_disabled()
    assert not await page.locator("fw-deliveries").is_visible()
    assert not await page.locator("fw-uploads").is_visible()
    await page.locator("[data-stream=door] .row-main").click()
    await page.locator("fw-stage").wait_for()
    await shoot(page, "viewer")
