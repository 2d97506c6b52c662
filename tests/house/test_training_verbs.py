"""The verbs of two rooms: each is a file, all are listed, and listing them loads nothing heavy."""

import subprocess
import sys

from stream_server.cli import verbs
from tests.house.repository import ROOT, files

ROOMS = ("stream_server/commands", "export/commands")
HEAVY = ("torch", "onnx", "scipy", "matplotlib", "onnxruntime")


def test_every_file_of_both_rooms_is_a_verb_or_a_part_of_one():
    stems = {p.stem for p in files(".py") if p.parent.relative_to(ROOT).as_posix() in ROOMS}
    known = verbs()
    assert {stem for stem in stems if "_" not in stem} == set(known)
    assert {stem.split("_")[0] for stem in stems if stem != "__init__"} == set(known)


def test_the_verbs_of_training_are_declared_without_loading_what_it_needs():
    modules = [module for module in verbs().values() if module.startswith("export.")]
    code = f"""
import argparse, importlib, sys
subparsers = argparse.ArgumentParser().add_subparsers()
for name in {modules!r}:
    importlib.import_module(name).add_parser(subparsers)
print(*sorted(subparsers.choices), *(name for name in {HEAVY!r} if name in sys.modules))
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == sorted(module.split(".")[-1] for module in modules)
