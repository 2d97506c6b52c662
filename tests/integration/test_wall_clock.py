"""The wall clock jumps by an hour, back and forth, while the service runs."""

import json
import os
from pathlib import Path

import pytest

from tests.needs import need, wait_until
from tests.service import Receiver, running, toy_models

SOURCE = {"type": "synthetic", "fps": 10, "width": 320, "height": 240}


@pytest.mark.fault("F16")
def test_a_jump_of_the_wall_clock_costs_no_connection_and_no_alert(tmp_path: Path) -> None:
    clock = tmp_path / "clock"
    clock.write_text("+0")
    library = faketime_library()
    fake = {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(clock),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }
    receiver = Receiver()
    hook = f'[[sinks]]\ntype = "webhook"\nname = "desk"\nurl = "{receiver.url}"\n'
    models = toy_models(tmp_path / "models")
    try:
        with running(tmp_path, models, hook, environment={**os.environ, **fake}) as service:
            client = service.client

            def analysed() -> int:
                count: int = client.get("/api/streams/door/status").json()["frames_analysed"]
                return count

            client.post("/api/streams", json={"name": "Door", "source": SOURCE})
            alert = wait_until(lambda: client.get("/api/alerts").json(), 60, "an alert")[0]
            for jump in ("+1h", "-1h", "+0"):
                clock.write_text(jump)
                seen = analysed()
                wait_until(lambda seen=seen: analysed() > seen + 15, 60, f"frames at {jump}")
            status = client.get("/api/streams/door/status").json()
            alerts = client.get("/api/alerts").json()
            client.delete("/api/streams/door")
            wait_until(lambda: phases(receiver)[-1:] == ["closed"], 60, "the close")
    finally:
        receiver.close()
    assert status["reconnects"] == 0
    assert [one["alert_id"] for one in alerts] == [alert["alert_id"]], "one alert, and no second"
    assert phases(receiver)[0] == "opened"
    assert sequence(receiver) == sorted(sequence(receiver))


def faketime_library() -> Path:
    need("faketime")
    return next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))


def bodies(receiver: Receiver) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(body) for _, body in receiver.requests]


def phases(receiver: Receiver) -> list[str]:
    return [body["alert"]["phase"] for body in bodies(receiver)]


def sequence(receiver: Receiver) -> list[int]:
    return [body["seq"] for body in bodies(receiver)]
