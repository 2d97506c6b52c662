"""The style of a report's page, and the policy that lets the page have nothing else."""

import base64
import hashlib
from functools import cache
from pathlib import Path

TEMPLATES = Path(__file__).parent / "templates"


@cache
def style() -> str:
    """Give the page's style."""
    return (TEMPLATES / "report.css").read_text(encoding="utf-8")


def policy() -> str:
    """The Content-Security-Policy of the page: its own style, its own pictures, nothing else."""
    digest = base64.b64encode(hashlib.sha256(style().encode()).digest()).decode()
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:;"
        " base-uri 'none'; form-action 'none'"
    )
