"""Evidence on the page: what is kept is said, can be saved and pinned, and goes when told to."""

from datetime import UTC, datetime

import pytest
import pytest_asyncio

from pipeline.types import AlertChange, AlertId, AlertPhase, Box, StreamId, TrackId
from stream_server.evidence.settings import EvidenceSettings, Mode
from tests.served import served

pytestmark = pytest.mark.asyncio(loop_scope="module")
ALERT = AlertId("alert-0123456789abcdef")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    evidence = EvidenceSettings(mode=Mode.CLIP)
    with served(tmp_path_factory.mktemp("evidence"), evidence=evidence) as one:
        box = Box(0, 0, 100, 100)
        change = AlertChange(ALERT, AlertPhase.OPENED, TrackId(1), 3, 3, 0.9, 0.9, 0.8, (), box)
        now = datetime.now(UTC)
        one.wiring.alerts.apply(StreamId("door"), "Door", change, "toy@1@0", now)
        facts = {
            "alert_id": ALERT,
            "stream_id": "door",
            "made_at": now.isoformat(),
            "kept": "snapshot",
            "note": "no clip: the disk has too little room left",
        }
        one.wiring.evidence.chain.add(
            ALERT, {"alert.json": b"{}", "picture.jpg": b"0" * 5000}, facts
        )
        yield one


@pytest_asyncio.fixture(loop_scope="module")
async def page(open_page):
    return await open_page()


async def test_evidence_is_said_saved_pinned_and_deleted_from_its_alert(page, shoot, service):
    row = page.locator(f'[data-alert="{ALERT}"]')
    await row.get_by_text("Evidence: pictures, scores and blinks (5 kB)").wait_for()
    await page.get_by_text("A clip and pictures are kept with each alert").wait_for()
    await row.get_by_role("button", name="Pin").focus()
    await page.keyboard.press("Enter")
    await row.get_by_text("pinned").wait_for()
    assert service.wiring.evidence.chain.find(ALERT).pinned
    await shoot(page, "evidence-light")
    async with page.expect_download() as waiting:
        await row.get_by_role("link", name="Save").click()
    assert (await waiting.value).suggested_filename == f"00000001-{ALERT}.zip"
    page.on("dialog", lambda dialog: dialog.accept())
    await row.get_by_role("button", name="Delete").click()
    await row.get_by_text("Evidence:").wait_for(state="detached")
    assert service.wiring.evidence.chain.find(ALERT) is None
