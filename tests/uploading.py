"""Sends files to a running service and follows what becomes of them."""

from pathlib import Path

from tests.needs import wait_until
from tests.service import ServiceProcess

ENDED = ("done", "failed", "cancelled")


def left_behind(service):
    return [path.name for path in (service.data / "uploads").rglob("*")]


def problem(answer):
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == answer.status_code
    assert body["detail"]
    return body["status"], body["code"]


def declare(api, size, name="clip.mp4", **more):
    return api.post("/api/uploads", json={"name": name, "size": size, **more})


def send(api, data, name="clip.mp4", **params):
    answer = api.post("/api/uploads", params={"name": name, **params}, content=data)
    assert answer.status_code == 201, answer.text
    return answer.json()["id"]


def put(api, upload_id, offset, data):
    return api.put(f"/api/uploads/{upload_id}/parts", params={"offset": offset}, content=data)


def view(api, upload_id):
    return api.get(f"/api/uploads/{upload_id}").json()


def reach(api, upload_id, *states, within_s=90.0):
    def reached():
        seen = view(api, upload_id)
        return seen if seen["state"] in states else None

    return wait_until(reached, within_s, f"the state {' or '.join(states)}")


def child_of(service: ServiceProcess) -> int | None:
    """The process that analyses, found as `ps` would."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            if (
                parent == service.process.pid
                and b"uploads.child" in (path / "cmdline").read_bytes()
            ):
                return int(path.name)
        except (OSError, ValueError, IndexError):
            continue
    return None


def is_alive(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
