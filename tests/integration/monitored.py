"""A Prometheus that watches a running service, as deploy/ sets it up but faster."""

import json
import math
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import yaml

from tests.needs import find_free_port, need, wait_until

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy/prometheus"
STARTS_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Prometheus:
    """A running Prometheus."""

    address: str

    def get(self, path: str, **parameters: str) -> Any:
        """Ask the HTTP API."""
        answer = httpx.get(f"{self.address}/api/v1/{path}", params=parameters, timeout=10)
        body = answer.json()
        assert body["status"] == "success", body
        return body["data"]

    def values(self, expression: str) -> list[float]:
        """Evaluate an expression now: the values that are numbers."""
        found = self.get("query", query=expression)["result"]
        values = [float(sample["value"][1]) for sample in found]
        return [value for value in values if not math.isnan(value)]


@contextmanager
def running_prometheus(folder: Path, configuration: Mapping[str, Any]) -> Iterator[Prometheus]:
    """Start a Prometheus on a configuration."""
    port = find_free_port()
    (folder / "prometheus.yml").write_text(yaml.safe_dump(dict(configuration)))
    command = [
        need("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'tsdb'}",
        f"--web.listen-address=127.0.0.1:{port}",
        "--log.level=warn",
    ]
    with _running(command, folder / "prometheus.log") as process:
        address = f"http://127.0.0.1:{port}"
        _wait_for(f"{address}/-/ready", process, folder / "prometheus.log")
        yield Prometheus(address)


def shipped_configuration(target: str, token: Path, **more: Any) -> dict[str, Any]:
    """deploy/prometheus/prometheus.yml with another target, other paths and a faster pulse."""
    configuration: dict[str, Any] = yaml.safe_load((DEPLOY / "prometheus.yml").read_text())
    configuration["global"] = {"scrape_interval": "1s", "evaluation_interval": "1s"}
    configuration["rule_files"] = [str(DEPLOY / name) for name in configuration["rule_files"]]
    job = configuration["scrape_configs"][0]
    job["authorization"]["credentials_file"] = str(token)
    job["static_configs"][0]["targets"] = [target.removeprefix("http://")]
    del configuration["scrape_configs"][1:]
    return configuration | more


@contextmanager
def _running(command: list[str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with (
        log.open("wb") as output,
        subprocess.Popen(command, stdout=output, stderr=output) as process,
    ):
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(40)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


def _wait_for(address: str, process: subprocess.Popen[bytes], log: Path) -> None:
    def answers() -> bool:
        assert process.poll() is None, f"it ended: {log.read_text()[-2000:]}"
        try:
            return httpx.get(address, timeout=2).status_code == 200
        except httpx.TransportError:
            return False

    wait_until(answers, STARTS_WITHIN_S, address)


def a_stream(identity: str, **source: object) -> str:
    """One [[streams]] table of the settings file."""
    fields = ", ".join(f"{key} = {json.dumps(value)}" for key, value in source.items())
    return f'[[streams]]\nid = "{identity}"\nname = "{identity}"\nsource = {{ {fields} }}\n'
