"""The repository as the house tests see it: what git tracks, or would track."""

import ast
import functools
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
ROOMS = ("pipeline", "stream_server", "export", "benchmarks", "onnx_models", "tests")


@functools.cache
def files(*suffixes: str) -> tuple[Path, ...]:
    """Tracked and new files (ignored ones aside), without what others wrote (web/vendor)."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split("\0")
    return tuple(
        ROOT / name
        for name in sorted(filter(None, listed))
        if (not suffixes or Path(name).suffix in suffixes)
        and (ROOT / name).is_file()
        and "vendor" not in Path(name).parts
    )


def short(path: Path) -> str:
    """The path from the root, as a person would say it."""
    return path.relative_to(ROOT).as_posix()


def text(path: Path) -> str:
    """The file as text; undecodable bytes do not matter here."""
    return path.read_text(encoding="utf-8", errors="replace")


@functools.cache
def tree(path: Path) -> ast.Module:
    """A Python file, parsed once for all tests."""
    return ast.parse(text(path))


def readable() -> list[Path]:
    """The files that people write and read."""
    return [path for path in files() if b"\0" not in path.read_bytes()[:4096]]
