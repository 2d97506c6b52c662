"""Names say what a thing is, and every module and public name says it in a sentence."""

import ast

import pytest

from tests.house.repository import ROOMS, ROOT, files, short, text

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


def test_no_class_or_function_has_a_name_that_says_nothing():
    bad = []
    for path in ROOM_FILES:
        for node in ast.walk(ast.parse(text(path))):
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
                words = {word.lower() for word in node.name.strip("_").split("_")}
                if words & FORBIDDEN or node.name.endswith(("Manager", "Helper", "Utils", "Base")):
                    bad.append(f"{short(path)}:{node.lineno} {node.name}")
    assert bad == []


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_a_module_says_in_its_first_line_what_it_is(path):
    tree = ast.parse(text(path))
    docstring = ast.get_docstring(tree)
    assert docstring, "no docstring"
    assert docstring.splitlines()[0].endswith((".", ":", "!", "?")), "its first line is no sentence"


@pytest.mark.parametrize("path", MODULES, ids=short)
def test_everything_public_has_a_docstring(path):
    silent = [
        f"{node.lineno} {node.name}"
        for node in _public(ast.parse(text(path)))
        if not ast.get_docstring(node)
    ]
    assert silent == []


def _public(tree):
    kinds = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    for node in tree.body:
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
