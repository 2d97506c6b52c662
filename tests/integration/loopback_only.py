"""Run in a network namespace that has nothing but 127.0.0.1: a page must still be served."""

import asyncio
import sys
import tempfile
from pathlib import Path

from tests.media import blinking_person
from tests.peers import DrawnVideo, Page
from tests.served import served


async def analyse(address: str) -> None:
    """Send a drawn person until results come back."""
    page = Page(address, DrawnVideo(list(blinking_person(0.5, fps=15))))
    await page.connect()
    candidates = [line for line in page.answer["sdp"].splitlines() if "a=candidate" in line]
    if not candidates or any(" 127.0.0.1 " not in line for line in candidates):
        raise SystemExit(f"unexpected addresses: {candidates}")
    results = await page.analyses(5)
    await page.close()
    sys.stdout.write(f"{len(results)} pictures analysed over 127.0.0.1\n")


def main() -> None:
    """Serve and analyse."""
    with tempfile.TemporaryDirectory() as folder, served(Path(folder)) as service:
        asyncio.run(analyse(service.address))


if __name__ == "__main__":
    main()
