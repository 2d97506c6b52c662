"""Rules of every test: its folder is its marker, nothing is skipped in CI, nothing phones home."""

import os
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests.databases import PostgresServer, on, postgres_server
from tests.needs import REQUIRE_ALL, find_free_port, need, wait_until
from tests.service import Receiver

os.environ["ORT_DISABLE_TELEMETRY"] = "1"  # before any import of onnxruntime
for _name in [name for name in os.environ if name.startswith("FAKEWATCH_")]:
    if not _name.startswith("FAKEWATCH_TEST_"):
        del os.environ[_name]  # the developer's own settings must not leak into tests

__all__ = ["find_free_port", "need", "wait_until"]

TESTS = Path(__file__).parent
LAYERS = ("unit", "conformance", "integration", "browser", "house", "nightly")

settings.register_profile(
    "fakewatch",
    deadline=None,  # a busy machine is not a bug
    suppress_health_check=[HealthCheck.too_slow],
    derandomize=REQUIRE_ALL,
)
settings.load_profile("fakewatch")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark each test with its folder; leave nightly ones out unless they are asked for."""
    for item in items:
        layer = item.path.relative_to(TESTS).parts[0]
        if layer not in LAYERS:
            raise pytest.UsageError(f"{item.path} is in no layer: move it to {', '.join(LAYERS)}")
        item.add_marker(layer)
        if item.get_closest_marker("nightly"):
            item.add_marker(pytest.mark.timeout(0))
    if "nightly" not in config.option.markexpr:
        nightly = [item for item in items if item.get_closest_marker("nightly")]
        config.hook.pytest_deselected(items=nightly)
        items[:] = [item for item in items if not item.get_closest_marker("nightly")]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Take webhooks, and answer as told."""
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Turn a skip into a failure where everything is required."""
    report = yield
    if REQUIRE_ALL and report.skipped and not hasattr(report, "wasxfail"):
        report.outcome = "failed"
        report.longrepr = (
            f"{item.nodeid} was skipped, but here every test must run: {report.longrepr}"
        )
    return report


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report(
    collector: pytest.Collector,
) -> Generator[None, pytest.CollectReport, pytest.CollectReport]:
    """The same for a whole file that skips itself."""
    report = yield
    if REQUIRE_ALL and report.skipped:
        report.outcome = "failed"
        report.longrepr = f"{collector.nodeid} skipped itself, but here every test must run"
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A real PostgreSQL server for the session."""
    with postgres_server() as server:
        yield server


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def each_database(request: pytest.FixtureRequest) -> Iterator[str]:
    """Run the test once on each database; every storage that it opens meanwhile is kept there."""
    server = request.getfixturevalue("postgres") if request.param == "postgresql" else None
    with on(server):
        yield request.param


@pytest.fixture(autouse=True)
def _sqlite_unless_asked(request: pytest.FixtureRequest) -> Iterator[None]:
    """Keep the choice of a module from those of its tests that did not ask for it."""
    if "each_database" in request.fixturenames:
        yield
        return
    with on(None):
        yield


@pytest.fixture(name="need")
def _need() -> Callable[[str], str]:
    """`need("ffmpeg")`: the program's path, or a skip (a failure in CI)."""
    return need


@pytest.fixture
def free_port() -> int:
    """A TCP port of 127.0.0.1 that nobody has."""
    return find_free_port()
