"""No file is imported by a file that it imports, not even by way of others."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def imports_of(package: str) -> dict[str, set[str]]:
    """Each module of a package to those of its modules that it imports, wherever it does."""
    files = {}
    for path in (ROOT / package).rglob("*.py"):
        parts = path.relative_to(ROOT).with_suffix("").parts
        files[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    found: dict[str, set[str]] = {}
    for name, path in files.items():
        names: set[str] = set()
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
                whole = {f"{node.module}.{entry.name}": node.module for entry in node.names}
                names |= {full if full in files else module for full, module in whole.items()}
            elif isinstance(node, ast.Import):
                names |= {entry.name for entry in node.names}
        found[name] = (names & files.keys()) - {name}
    return found


@pytest.mark.parametrize("package", ["export", "benchmarks", "pipeline", "stream_server"])
def test_imports_do_not_go_in_circles(package: str) -> None:
    assert len(list(TopologicalSorter(imports_of(package)).static_order())) > 5
