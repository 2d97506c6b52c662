"""The whole service in this process, with a toy classifier: for peers and browsers."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvicorn

from pipeline.load import Models
from stream_server.app import build_app
from stream_server.loading import load_models_for
from stream_server.settings import (
    AnalyzerSection,
    ModelsSettings,
    ServerSettings,
    Settings,
    StorageSettings,
)
from stream_server.wiring import Wiring
from tests.databases import database_url_of
from tests.needs import find_free_port, wait_until
from tests.toy_models import green_classifier, toy_directory


@dataclass(frozen=True, slots=True)
class Served:
    """A running service and its insides."""

    address: str
    wiring: Wiring


@contextmanager
def served(
    folder: Path, spoil: Callable[[Models], Models] = lambda models: models, **sections: Any
) -> Iterator[Served]:
    """Run the service until the block ends; `sections` are tables of its settings.

    Its classifier finds signs of manipulation in green faces (`tests.toy_models.tint_green`).
    `spoil` may put a broken model in the place of a loaded one.
    """
    port = find_free_port()
    models = toy_directory(folder / "models", green_classifier(folder / "models"))
    data = folder / "data"
    given = {
        "server": ServerSettings(port=port),
        "models": ModelsSettings(directory=models, classifier="toy-green"),
        "storage": StorageSettings(path=data, database_url=database_url_of(data)),
        "analyzer": AnalyzerSection(),
        **sections,
    }
    settings = Settings(**given)
    app = build_app(settings, spoil(load_models_for(settings.models)))
    config = uvicorn.Config(
        app, port=port, log_config=None, ws="websockets-sansio", timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, name="served")
    thread.start()
    try:
        wait_until(lambda: server.started or not thread.is_alive(), 30, "the service to start")
        yield Served(f"http://127.0.0.1:{port}", app.state.wiring)
    finally:
        app.state.wiring.drain()
        server.should_exit = True
        thread.join(30)
    assert not thread.is_alive(), "the service did not stop"
