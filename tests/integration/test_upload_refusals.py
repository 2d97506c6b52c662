"""Uploads that will not do: each is refused with a clear answer, and leaves nothing behind."""

import pytest

from tests.hostile_files import encoded
from tests.media import draw_face
from tests.service import running, toy_models
from tests.uploading import declare, left_behind, problem, put, reach, send, view

TOML = """
[uploads]
max_bytes = 100000000
max_waiting = 6
"""
MORE_NAMES = ("a\nb", "x" * 201, "\u202e4pm.exe")
MORE_BODIES = (
    b'{"name": 1, "size": 1}',
    b'{"name": "a", "size": "many"}',
    b'{"name": "a", "size": 1, "path": "/etc"}',
    b'{"name": "\\ud800", "size": 1}',
    b'{"name": "a", "size": 1e400}',
)


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    with running(folder, toy_models(folder / "models"), TOML) as service:
        yield service


@pytest.fixture
def api(service):
    yield service.client
    for one in service.client.get("/api/uploads").json():
        service.client.delete(f"/api/uploads/{one['id']}")
    assert left_behind(service) == []


@pytest.mark.parametrize(
    ("size", "code"), [(0, "empty"), (-1, "empty"), (20 * 2**30, "too_large"), (2**63, "too_large")]
)
def test_a_size_that_will_not_do_is_refused_at_once(api, size, code):
    assert problem(declare(api, size))[1] == code


@pytest.mark.parametrize(
    "name",
    ["../../etc/passwd", "a/b.mp4", "C:\\x.mp4", "..", ".", "", " ", "a\0b", *MORE_NAMES],
    ids=ascii,
)
def test_a_name_that_is_a_path_or_cannot_be_shown_is_refused(api, name):
    assert problem(declare(api, 10, name)) == (422, "bad_name")
    answer = api.post("/api/uploads", params={"name": name}, content=b"x")
    assert problem(answer) == (422, "bad_name")


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"name": "a"}', *MORE_BODIES],
)
def test_a_declaration_that_is_none_is_refused(api, body):
    assert problem(api.post("/api/uploads", content=body)) == (422, "unusable")


def test_parts_come_in_order_and_never_more_than_declared(api):
    upload_id = declare(api, 1000).json()["id"]
    assert problem(put(api, upload_id, 500, b"x")) == (409, "wrong_offset")
    assert problem(put(api, upload_id, -1, b"x")) == (422, "unusable")
    assert problem(put(api, upload_id, "here", b"x")) == (422, "unusable")
    assert problem(put(api, upload_id, 0, b"x" * 1001))[0] == 413
    assert view(api, upload_id)["received_bytes"] == 0
    assert put(api, upload_id, 0, b"x" * 600).status_code == 200
    assert problem(put(api, upload_id, 600, b"x" * 500)) == (413, "more_than_declared")
    assert problem(put(api, upload_id, 0, b"x")) == (409, "wrong_offset")
    answer = api.post(f"/api/uploads/{upload_id}/finish")
    assert problem(answer) == (409, "incomplete")
    assert "600 of the declared 1000" in answer.json()["detail"]
    assert put(api, upload_id, 600, b"x" * 400).status_code == 200
    assert api.post(f"/api/uploads/{upload_id}/finish").status_code == 200
    assert problem(put(api, upload_id, 1000, b"x")) == (409, "not_receiving")
    assert problem(api.post(f"/api/uploads/{upload_id}/finish")) == (409, "conflict")


def test_a_part_is_at_most_eight_mib(api):
    upload_id = declare(api, 50_000_000).json()["id"]
    assert problem(put(api, upload_id, 0, b"x" * (8 * 2**20 + 1))) == (413, "part_too_large")
    assert view(api, upload_id)["received_bytes"] == 0
    assert put(api, upload_id, 0, b"x" * (8 * 2**20)).status_code == 200


def test_nothing_is_nothing(api):
    assert problem(api.post("/api/uploads", params={"name": "a.mp4"})) == (422, "empty")
    upload_id = declare(api, 5).json()["id"]
    assert put(api, upload_id, 0, b"").json()["received_bytes"] == 0
    assert problem(api.post(f"/api/uploads/{upload_id}/finish")) == (422, "empty")


@pytest.mark.parametrize(
    "path", ["nobody", "..%2f..%2fetc", "%00", "a" * 5000, "..", "nobody/report.html"]
)
def test_an_id_that_is_none_leads_nowhere(api, path):
    assert problem(api.get(f"/api/uploads/{path}"))[0] in (404, 405)


def test_an_unknown_kind_of_report_is_no_file_of_the_disk(api):
    upload_id = send(api, encoded(draw_face(240), ".jpg"))
    reach(api, upload_id, "done")
    for kind in ("xml", "html%2f..%2fupload.json", "", "../input"):
        assert problem(api.get(f"/api/uploads/{upload_id}/report.{kind}"))[0] in (404, 422)


def test_a_whole_file_over_the_limit_is_refused_and_forgotten(service, api):
    chunks = (b"x" * 1_000_000 for _ in range(102))
    answer = api.post("/api/uploads", params={"name": "big.mp4"}, content=chunks)
    assert problem(answer) == (413, "too_large")
    assert "95.37 MiB" in answer.json()["detail"]
    assert api.get("/api/uploads").json() == []


def test_no_more_files_wait_than_is_allowed(api):
    for _ in range(6):
        assert declare(api, 10).status_code == 201
    answer = declare(api, 10)
    assert problem(answer) == (503, "no_capacity")
    assert answer.headers["retry-after"]
