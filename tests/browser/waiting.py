"""Waits for what the page knows or shows."""

import asyncio
from typing import Any

from playwright.async_api import Page


async def wait_for(page: Page, expression: str, within_s: float = 20.0) -> Any:
    """Poll a JavaScript expression until it is truthy; Playwright's own wait needs eval."""
    deadline = asyncio.get_running_loop().time() + within_s
    while not (value := await page.evaluate(expression)):
        if asyncio.get_running_loop().time() > deadline:
            raise AssertionError(f"Waited {within_s:g} s for {expression}; last seen: {value!r}")
        await asyncio.sleep(0.05)
    return value


async def start_webcam(page: Page) -> None:
    """Click, and wait for the first box."""
    await page.click("fw-start [data-start=webcam]")
    await wait_for(page, "fakewatch.stage.drawn.length === 1")
