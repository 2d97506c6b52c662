"""What a report offers besides itself: an annotated copy, the other rules' answers, a PDF."""

import io

import av
import httpx
import pytest

from pipeline.comparison import presets
from tests.hostile_files import encoded
from tests.media import blinking_person, draw_face, write_clip
from tests.needs import need_package
from tests.service import running
from tests.toy_models import green_classifier, tint_green, toy_directory
from tests.uploading import problem, reach, send

ENVIRONMENT = {"FAKEWATCH_MODELS__CLASSIFIER": "toy-green"}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    folder = tmp_path_factory.mktemp("service")
    models = toy_directory(folder / "models", green_classifier(folder / "models"))
    with running(folder, models, environment=ENVIRONMENT) as one:
        one.client.timeout = httpx.Timeout(130)
        yield one


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    people = list(blinking_person(4, 15, blinks_s=(2,), width=320, height=240))
    frames = people[:20] + [tint_green(image) for image in people[20:]]
    return write_clip(tmp_path_factory.mktemp("clips") / "short.mp4", frames, 15).read_bytes()


@pytest.fixture(scope="module")
def kept(service, clip):
    """One clip whose sender asked for everything."""
    upload_id = send(service.client, clip, pictures="true", annotated="true")
    assert reach(service.client, upload_id, "done", "failed")["annotated"] is True
    return f"/api/uploads/{upload_id}"


def test_the_annotated_copy_is_a_clip_that_browsers_play_and_can_be_read_in_parts(service, kept):
    whole = service.client.get(f"{kept}/annotated")
    assert whole.headers["content-type"] == "video/mp4"
    assert whole.headers["cache-control"] == "no-store"
    assert whole.content.index(b"moov") < whole.content.index(b"mdat"), "the index comes first"
    with av.open(io.BytesIO(whole.content)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert sum(1 for _ in container.decode(stream)) == 60
    part = service.client.get(f"{kept}/annotated", headers={"Range": "bytes=100-199"})
    assert part.status_code == 206
    assert part.content == whole.content[100:200]


def test_the_comparison_is_that_of_the_command(service, kept):
    table = service.client.get(f"{kept}/compare").json()
    assert [row["rule"] for row in table["rows"]] == ["fakewatch", *presets()]
    assert all(row["reason"] and row["weakness"] for row in table["rows"])
    own, *others = table["rows"]
    report = service.client.get(f"{kept}/report.json").json()
    assert own["fake_prob"] == report["verdict"]["fake_prob"]
    assert own["time_s"] == report["timing"]["wall_s"]
    assert all(row["answer"].startswith("its rule says: ") for row in others)


def test_the_heat_maps_are_in_the_report_only_where_pictures_were_asked_for(service, kept, clip):
    page = service.client.get(f"{kept}/report.html").text
    assert "The same with what each region added" in page
    assert "raw log-odds of each region" in page
    plain = send(service.client, clip)
    assert reach(service.client, plain, "done")["annotated"] is False
    assert "data:image" not in service.client.get(f"/api/uploads/{plain}/report.html").text
    answer = service.client.get(f"/api/uploads/{plain}/annotated")
    assert problem(answer) == (404, "not_found")
    assert service.client.delete(f"/api/uploads/{plain}").status_code == 204


def test_the_report_is_printed_when_first_asked_for_and_kept(service, kept):
    need_package("weasyprint")
    printed = service.client.get(f"{kept}/report.pdf")
    assert printed.status_code == 200, printed.text
    assert printed.headers["content-type"] == "application/pdf"
    assert printed.content.startswith(b"%PDF-")
    assert service.client.get(f"{kept}/report.pdf").content == printed.content


def test_a_picture_has_an_annotated_picture(service):
    picture = encoded(tint_green(draw_face(240)), ".png")
    upload_id = send(service.client, picture, "face.png", annotated="true")
    assert reach(service.client, upload_id, "done")["annotated"] is True
    answer = service.client.get(f"/api/uploads/{upload_id}/annotated")
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.content.startswith(b"\xff\xd8")
    assert service.client.delete(f"/api/uploads/{upload_id}").status_code == 204


def test_all_of_it_goes_with_the_upload(service, clip):
    upload_id = send(service.client, clip, pictures="true", annotated="true")
    reach(service.client, upload_id, "done", "failed")
    kept = f"/api/uploads/{upload_id}"
    folder = service.data / "uploads" / upload_id
    assert {"annotated.mp4", "compare.json"} <= {path.name for path in folder.iterdir()}
    assert service.client.delete(kept).status_code == 204
    assert not folder.exists()
    assert service.client.get(f"{kept}/annotated").status_code == 404


def test_a_known_systems_rule_judges_where_it_is_asked_for_and_says_so(service, clip):
    upload_id = send(service.client, clip, preset="frame-mean")
    seen = reach(service.client, upload_id, "done", "failed")
    assert seen["preset"] == "frame-mean"
    assert seen["text"].startswith("Judged by the rule of frame-mean, not fakewatch's own")
    table = service.client.get(f"/api/uploads/{upload_id}/compare").json()
    assert table["rows"][0]["rule"] == "frame-mean, as asked"
    assert table["rows"][0]["fake_prob"] == seen["fake_prob"]


def test_what_is_known_of_the_person_reaches_the_rule_that_asks_and_nothing_else(service, clip):
    person = {"gender": "f", "age": "40-59", "activity": "dynamic", "daytime": "am"}
    upload_id = send(service.client, clip, **person)
    assert reach(service.client, upload_id, "done", "failed")["state"] == "done"
    rows = service.client.get(f"/api/uploads/{upload_id}/compare").json()["rows"]
    reason = next(row["reason"] for row in rows if row["rule"] == "deepvision")
    plain = send(service.client, clip)
    assert reach(service.client, plain, "done", "failed")["state"] == "done"
    others = service.client.get(f"/api/uploads/{plain}/compare").json()["rows"]
    assert reason != next(row["reason"] for row in others if row["rule"] == "deepvision")
    for kind in ("json", "html"):
        assert "40-59" not in service.client.get(f"/api/uploads/{upload_id}/report.{kind}").text


@pytest.mark.parametrize("wish", [{"preset": "nobodys"}, {"gender": "x"}, {"age": "7"}])
def test_a_wish_that_nobody_can_fulfil_is_refused_before_the_file_is_taken(service, wish):
    answer = service.client.post("/api/uploads", params={"name": "a.mp4", **wish}, content=b"x")
    assert problem(answer) == (422, "unusable")
    answer = service.client.post("/api/uploads", json={"name": "a.mp4", "size": 1, **wish})
    assert problem(answer) == (422, "unusable")
