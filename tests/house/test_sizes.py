"""Small files, small functions, small repository."""

import ast

from tests.house.repository import files, short, text, tree

MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 40
MAX_TRACKED_BYTES = 20 * 2**20
CODE = (".py", ".js", ".css", ".html")


def test_no_file_is_longer_than_a_person_wants_to_read():
    long = {short(path): len(text(path).splitlines()) for path in files(*CODE)}
    assert {name: lines for name, lines in long.items() if lines > MAX_FILE_LINES} == {}


def test_no_function_is_longer_than_a_screen():
    long = {}
    for path in files(".py"):
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or node.lineno) - node.lineno + 1
                if lines > MAX_FUNCTION_LINES:
                    long[f"{short(path)}:{node.lineno} {node.name}"] = lines
    assert long == {}


def test_no_tracked_file_is_a_burden_to_clone():
    sizes = {short(path): path.stat().st_size for path in files()}
    assert {name: size for name, size in sizes.items() if size > MAX_TRACKED_BYTES} == {}
