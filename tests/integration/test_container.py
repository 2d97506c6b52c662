"""The container files: sound by their linters, and what they promise is what the program does."""

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.needs import find_free_port, need, wait_until

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()
FAKEWATCH = [sys.executable, "-c", "import sys, stream_server.cli as c; sys.exit(c.main())"]
IGNORED = (ROOT / ".dockerignore").read_text().split()


@pytest.fixture(scope="module")
def composed(tmp_path_factory):
    """compose.yaml as docker-compose understands it."""
    run = subprocess.run(
        [need("docker-compose"), "-f", str(ROOT / "compose.yaml"), "config"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    return yaml.safe_load(run.stdout)


def test_the_dockerfile_has_nothing_to_complain_about():
    linter = Path(sys.executable).with_name("hadolint")
    run = subprocess.run(
        [linter, str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (0, "")


def test_everything_that_is_copied_exists_and_is_let_in():
    sources = re.findall(r"^COPY (?!--from)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    names = [name for line in sources for name in line.split() if name != "."]
    allowed = [line[1:] for line in IGNORED if line.startswith("!")]
    assert set(names) <= set(allowed)
    assert [name for name in allowed if not (ROOT / name).exists()] == []


def test_the_image_holds_every_package_of_the_distribution():
    """A room that pyproject ships but .dockerignore keeps out would miss in the container only."""
    project = (ROOT / "pyproject.toml").read_text()
    rooms = ast.literal_eval(re.search(r"^include = (\[.*\])$", project, re.MULTILINE)[1])
    assert {f"!{room.rstrip('*')}" for room in rooms} <= set(IGNORED)


def test_nothing_runs_as_root_and_both_flavours_share_the_user():
    runtime = DOCKERFILE.split(" AS runtime\n")[1]
    user = re.search(r"^USER (\d+):(\d+)$", runtime, re.MULTILINE)
    assert user
    assert int(user[1]) >= 10_000
    assert "USER root" not in DOCKERFILE
    for flavour in ("cpu", "gpu"):
        assert f"FROM runtime AS {flavour}" in runtime


def test_the_container_refuses_to_start_where_it_can_keep_no_token(tmp_path):
    (tmp_path / "file").touch()
    storage = {"FAKEWATCH_STORAGE__PATH": str(tmp_path / "file" / "data")}
    run = subprocess.run(
        [*FAKEWATCH, *command(), "--port", str(find_free_port())],
        env=settings_for(tmp_path) | storage,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode != 0
    assert "FAKEWATCH_AUTH__TOKEN" in run.stdout + run.stderr


def test_the_health_check_follows_the_service(tmp_path):
    port = find_free_port()
    token = tmp_path / "token"
    token.write_text("a-token-long-enough-for-tests\n")
    environment = settings_for(tmp_path) | {"FAKEWATCH_AUTH__TOKEN_FILE": str(token)}
    assert health(port) != 0
    with subprocess.Popen(
        [*FAKEWATCH, *command(), "--port", str(port)], env=environment
    ) as service:
        try:
            wait_until(lambda: service.poll() is not None or health(port) == 0, 60, "health")
        finally:
            service.terminate()
            assert service.wait(40) == 0
    assert health(port) != 0


def test_compose_shows_the_ports_to_this_machine_only(composed):
    for name, service in composed["services"].items():
        for port in service.get("ports", []):
            address = (
                port if isinstance(port, str) else f"{port.get('host_ip')}:{port['published']}"
            )
            assert address.startswith("127.0.0.1:"), name


def test_compose_takes_every_privilege_away(composed):
    for service in composed["services"].values():
        assert service["cap_drop"] == ["ALL"]
        assert not service.get("privileged")
    for name in ("token", "fakewatch"):
        assert composed["services"][name]["read_only"] is True


def test_compose_mounts_only_files_that_exist(composed):
    for service in composed["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0] if isinstance(volume, str) else volume["source"]
            assert source in composed["volumes"] or Path(source).exists(), volume


def test_compose_makes_a_token_once_that_the_service_accepts(composed, tmp_path):
    entry = composed["services"]["token"]["entrypoint"]
    code = entry[-1].replace("$$", "$").replace("/token/token", str(tmp_path / "token"))
    tokens = set()
    for _ in range(2):
        subprocess.run([sys.executable, "-c", code], check=True)
        tokens.add((tmp_path / "token").read_text())
    assert len(tokens) == 1
    assert len(tokens.pop()) >= 32


def test_the_token_s_file_is_the_one_that_service_and_prometheus_read(composed):
    service = composed["services"]["fakewatch"]["environment"]["FAKEWATCH_AUTH__TOKEN_FILE"]
    scrape = yaml.safe_load((ROOT / "deploy/prometheus/prometheus.yml").read_text())
    files = [job["authorization"]["credentials_file"] for job in scrape["scrape_configs"][:1]]
    assert files == [service]


def test_grafana_phones_nobody_and_lets_nobody_change_anything(composed):
    environment = composed["services"]["grafana"]["environment"]
    assert environment["GF_AUTH_ANONYMOUS_ORG_ROLE"] == "Viewer"
    for name in ("REPORTING_ENABLED", "CHECK_FOR_UPDATES", "CHECK_FOR_PLUGIN_UPDATES"):
        assert environment[f"GF_ANALYTICS_{name}"] == "false"


def command():
    """What the container runs."""
    return json.loads(re.search(r"^CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[1])


def settings_for(folder):
    """The environment that the Dockerfile sets, with a data folder of our own."""
    return {
        "PATH": os.environ["PATH"],
        "PYTHONPATH": str(ROOT),
        "ORT_DISABLE_TELEMETRY": "1",
        "FAKEWATCH_STORAGE__PATH": str(folder / "data"),
    }


def health(port):
    """Run the container's own health check against a port."""
    check = json.loads(re.search(r"^  CMD (\[.*\])$", DOCKERFILE, re.MULTILINE)[1])
    check = [sys.executable, *(part.replace("8080", str(port)) for part in check[1:])]
    return subprocess.run(check, capture_output=True, timeout=30, check=False).returncode
