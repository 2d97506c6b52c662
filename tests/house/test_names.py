"""Names say what a thing is, and every module and public name says it in a sentence."""

import ast

from tests.house.repository import ROOMS, ROOT, files, short, tree

FORBIDDEN = {"utils", "util", "helpers", "helper", "common", "misc", "core", "base", "manager"}
ROOM_FILES = [path for path in files(".py") if path.relative_to(ROOT).parts[0] in ROOMS]
MODULES = [path for path in ROOM_FILES if path.relative_to(ROOT).parts[0] != "tests"]


def test_no_file_or_folder_has_a_name_that_says_nothing():
    bad = []
    for path in files():
        names = {part.split(".")[0].lower() for part in path.relative_to(ROOT).parts}
        if names & FORBIDDEN:
            bad.append(short(path))
    assert bad == []


def test_no_class_has_a_name_that_says_nothing():
    bad = [
        f"{short(path)}:{node.lineno} {node.name}"
        for path in ROOM_FILES
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef)
        and node.name.endswith(("Manager", "Helper", "Helpers", "Utils", "Base"))
    ]
    assert bad == []


def test_every_module_says_in_its_first_line_what_it_is():
    lines = {short(path): (ast.get_docstring(tree(path)) or "").split("\n")[0] for path in MODULES}
    assert [name for name, line in lines.items() if not line.endswith((".", ":", "!", "?"))] == []


def test_everything_public_has_a_docstring():
    silent = [
        f"{short(path)}:{node.lineno} {node.name}"
        for path in MODULES
        for node in _public(tree(path))
        if not ast.get_docstring(node)
    ]
    assert silent == []


def _public(module):
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in module.body:
        if isinstance(node, kinds) and not node.name.startswith("_"):
            yield node
            if isinstance(node, ast.ClassDef):
                yield from (
                    child
                    for child in node.body
                    if isinstance(child, kinds)
                    and not child.name.startswith("_")
                    and not _is_typing_only(child)
                )


def _is_typing_only(node):
    names = {getattr(item, "id", getattr(item, "attr", "")) for item in node.decorator_list}
    return bool(names & {"overload", "override", "setter"})
