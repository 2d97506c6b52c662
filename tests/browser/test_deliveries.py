"""Where alerts go, on the page: a sink is tested, and what was given up is tried again."""

import pytest
import pytest_asyncio

from stream_server.plugins import parse_config
from tests.served import served
from tests.service import Receiver

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest.fixture(scope="module")
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def service(tmp_path_factory, receiver):
    hook = parse_config("sinks", {"type": "webhook", "name": "desk", "url": receiver.url})
    with served(tmp_path_factory.mktemp("deliveries"), sinks=(hook,)) as one:
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def page(open_page):
    return await open_page()


async def test_a_sink_is_tested_by_keyboard_and_says_what_came_of_it(page, shoot, receiver):
    panel = page.locator("fw-deliveries")
    await panel.locator("summary").focus()
    await page.keyboard.press("Enter")
    await panel.get_by_text("desk").first.wait_for()
    await panel.get_by_role("button", name="Send a test").focus()
    await page.keyboard.press("Enter")
    await panel.get_by_text("desk took the test message.").wait_for()
    assert len(receiver.requests) == 1
    await shoot(page, "deliveries-light")
    receiver.status = 500
    await panel.get_by_role("button", name="Send a test").click()
    await panel.get_by_text("The webhook answers 500.").wait_for()
    receiver.status = 204


async def test_a_receiver_that_is_gone_is_switched_off_and_on_again_by_keyboard(
    page, shoot, receiver
):
    """F30, with a real receiver that answers 410."""
    panel = page.locator("fw-deliveries")
    await panel.locator("summary").click()
    receiver.status = 410
    await panel.get_by_role("button", name="Send a test").click()
    await panel.get_by_text("Switched off: The webhook answers that it is gone (410).").wait_for()
    await panel.get_by_text("Where alerts go: 1 switched off").wait_for()
    await shoot(page, "deliveries-off")
    receiver.status = 204
    await panel.get_by_role("button", name="Switch on").focus()
    await page.keyboard.press("Enter")
    await panel.get_by_text("desk is switched on.").wait_for()
    await panel.get_by_role("button", name="Switch on").wait_for(state="detached")
    focused = await page.evaluate("document.activeElement.dataset.act")
    assert focused == "test", "the keyboard stays in the row"
