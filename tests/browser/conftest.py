"""A real Chromium in front of the real service; its camera is a clip of a drawn person."""

import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import async_playwright

from pipeline.types import Image
from stream_server.settings import AlertSection, AnalyzerSection
from tests.media import DrawnFace, blink_at, scene, write_clip
from tests.needs import need
from tests.served import served

WIDTH, HEIGHT, FPS, SECONDS = 640, 480, 30, 4
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--allow-loopback-in-peer-connection",
    "--use-fake-device-for-media-stream",
    "--auto-select-tab-capture-source-by-title=The call",
)


def person_with_a_marker() -> Iterator[Image]:
    """A person who sways and blinks; a magenta square stands over the face's centre."""
    for index in range(FPS * SECONDS):
        time_s = index / FPS
        x = WIDTH / 2 + 80 * math.sin(2 * math.pi * time_s / 4)
        y = HEIGHT / 2 + 10 + 10 * math.sin(2 * math.pi * time_s / 2)
        picture = scene([DrawnFace(x, y, 230, blink=blink_at(time_s, (1.0, 3.0)))])
        picture[8:40, round(x) - 16 : round(x) + 16] = (255, 0, 255)
        yield picture


@pytest.fixture(scope="session")
def camera_clip(tmp_path_factory) -> Path:
    clip = tmp_path_factory.mktemp("camera") / "camera.mjpeg"
    return write_clip(
        clip,
        person_with_a_marker(),
        FPS,
        codec="mjpeg",
        pixel_format="yuvj420p",
        options={"q:v": "3"},
    )


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    analyzer = AnalyzerSection(alert=AlertSection(hold_s=0.5, release_s=1.0, cooldown_s=1.0))
    with served(tmp_path_factory.mktemp("service"), analyzer=analyzer) as one:
        yield one


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def chromium(camera_clip):
    path = need("chromium")
    flags = [*FLAGS, f"--use-file-for-fake-video-capture={camera_clip}"]
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=flags)
        yield browser
        await browser.close()


@pytest_asyncio.fixture(loop_scope="module")
async def open_page(chromium, service):
    """Open the page as `await open_page(width=390)`; it may complain of nothing on the console."""
    service.wiring.webrtc._rate._buckets.clear()
    complaints, contexts = [], []

    async def open_one(address=service.address, width=1400, height=1000, scheme="light", **options):
        context = await chromium.new_context(
            viewport={"width": width, "height": height},
            color_scheme=scheme,
            permissions=["camera"],
            **options,
        )
        contexts.append(context)
        page = await context.new_page()
        page.set_default_timeout(20_000)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("console", lambda said: _listen(said, complaints))
        page.expected = complaints
        await page.goto(address)
        return page

    yield open_one
    for context in contexts:
        await context.close()
    assert complaints == []


def _listen(said, complaints):
    if said.type in ("error", "warning"):
        complaints.append(f"{said.type}: {said.text} ({said.location.get('url')})")


@pytest.fixture
def shoot(request, tmp_path):
    """Take a screenshot into FAKEWATCH_TEST_SCREENSHOTS, to be looked at by a person."""
    folder = Path(os.environ.get("FAKEWATCH_TEST_SCREENSHOTS", tmp_path))

    async def take(page, name):
        path = folder / f"{name}.png"
        await page.screenshot(path=path, full_page=True)
        assert path.stat().st_size > 10_000
        return path

    return take
