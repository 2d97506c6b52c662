"""The report's page printed as PDF; also a process of its own: HTML in, PDF out."""

import os
import re
import sys
from pathlib import Path

from pipeline.errors import FakewatchError

_TEMPLATES = Path(__file__).parent / "templates"
MISSING = (
    "A PDF needs WeasyPrint and Pango: install the extra `files` and the system's Pango library,"
    " or print the HTML report from a browser."
)


class PdfError(FakewatchError):
    """The report cannot be printed here, and why."""


def to_pdf(page: str) -> bytes:
    """Print a report's HTML; the fonts are the system's, and nothing is fetched.

    Raises:
        PdfError: the library, or the system library that it needs, is missing.
    """
    try:
        import weasyprint
    except (ImportError, OSError) as error:  # OSError: Pango is missing
        raise PdfError(MISSING) from error
    # Nothing of a report lies elsewhere: pictures are in it, and no other scheme is followed.
    fetcher = weasyprint.URLFetcher(allowed_protocols={"data"})
    return bytes(weasyprint.HTML(string=_for_paper(page), url_fetcher=fetcher).write_pdf())


def _for_paper(page: str) -> str:
    """Add the style of paper, and give each drawing its own: WeasyPrint draws them apart."""
    screen = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    paper = (_TEMPLATES / "print.css").read_text(encoding="utf-8")
    # The first block of properties is the light theme.
    colours = dict(re.findall(r"(--\w+): ([^;]+);", screen.split("}", 1)[0]))
    drawn = re.sub(r"var\((--\w+)\)", lambda use: colours.get(use[1], "inherit"), screen)
    rules = "".join(rule for rule in re.findall(r"^[^@\s}][^{}]*{[^{}]*}", drawn, re.MULTILINE))
    page = page.replace("</head>", f"<style>{paper}</style></head>", 1)
    return re.sub(r"(<svg [^>]*>)", lambda start: f"{start[1]}<style>{rules}</style>", page)


def main() -> int:
    """Print standard input; 3 where that is not possible here."""
    os.nice(10)  # live streams come first
    try:
        printed = to_pdf(sys.stdin.buffer.read().decode("utf-8"))
    except PdfError as error:
        sys.stderr.write(f"{error}\n")
        return 3
    sys.stdout.buffer.write(printed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
