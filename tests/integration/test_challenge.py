"""A guided challenge through the real service: a camera of a drawn person, the steps over REST."""

import json
import time

import pytest
from websockets.sync.client import connect

from pipeline.analyzer import StreamAnalyzer
from pipeline.challenge import STEPS
from pipeline.challenge_cue import Outcome
from pipeline.load import load_models
from pipeline.types import AlertId, Frame, StreamId
from stream_server.streams.challenger import Audience, Challenged, Challenger, ChallengeState
from tests.media import OBEDIENT_LOOP_S, blinking_person, obedient_person
from tests.needs import wait_until
from tests.scripted_camera import Script, ScriptedCamera, encode
from tests.service import running, toy_models

FPS, WIDTH, HEIGHT = 12, 400, 300
LENIENT = """
[runner]
age_budget_s = 10.0
[analyzer]
window_min_samples = 2
"""
"""A busy machine is no reason to see nothing."""
PATH = "/api/streams/desk/challenge"


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    """A classifier that finds few signs in everybody."""
    return toy_models(tmp_path_factory.mktemp("models") / "models", logit=-2.0)


@pytest.fixture(scope="module")
def service(tmp_path_factory, models):
    with running(tmp_path_factory.mktemp("service"), models, LENIENT) as one:
        yield one


@pytest.fixture
def camera(service):
    """Play pictures as the stream "desk"."""
    open_cameras = []

    def play(pictures):
        script = Script(fps=FPS, pts=lambda index: index * 90_000 // FPS)
        playing = ScriptedCamera(encode(pictures), script)
        open_cameras.append(playing)
        playing.__enter__()
        source = {"type": "av", "url": playing.url}
        assert service.client.post("/api/streams", json={"name": "Desk", "source": source})
        wait_until(lambda: reading(service), 60, "the first face")

    yield play
    service.client.delete("/api/streams/desk")
    for playing in open_cameras:
        playing.__exit__(None, None, None)


def reading(service):
    """The newest reading of the stream, if a face is in the picture."""
    with connect(f"ws://127.0.0.1:{service.port}/api/live?stream=desk") as socket:
        for _ in range(20):
            event = json.loads(socket.recv(timeout=20))
            if readings := event.get("analysis", {}).get("readings"):
                return readings[0]
    return None


def challenge_term(service):
    """What the challenge adds to the newest reading; None where it is no part of it."""
    reasons = (reading(service) or {}).get("reasons", ())
    return next((reason["llr"] for reason in reasons if reason["cue"] == "challenge"), None)


def go_through(api):
    """Follow the steps to the end, as a page does."""
    phases, deadline_s = set(), time.monotonic() + 180
    while time.monotonic() < deadline_s:
        view = api.get(PATH).json()
        if view["state"] != "running":
            return view, phases
        phases.add((view["progress"]["phase"], view["progress"]["step"]))
        time.sleep(0.25)
    raise AssertionError("the challenge did not end")


def test_the_real_landmarks_measure_every_step_of_a_drawn_person(models):
    loaded = load_models(models, classifier="toy")
    analyzer = StreamAnalyzer(StreamId("desk"), loaded, lambda: AlertId("a"))
    challenger = Challenger(StreamId("desk"), clock=lambda: 0.0)
    chain = Challenged(analyzer, analyzer, challenger)
    challenger.begin(Audience.SELF, colours=False)
    pictures = list(obedient_person(FPS, width=WIDTH, height=HEIGHT))
    for index in range(100 * FPS):
        picture = pictures[index % len(pictures)]
        chain(Frame(StreamId("desk"), index, index / FPS, 1, picture))
        if challenger.view().state is not ChallengeState.RUNNING:
            break
    view = challenger.view()
    assert {step.step: step.outcome for step in view.steps} == dict.fromkeys(STEPS, Outcome.DONE), (
        view
    )
    assert view.llr == pytest.approx(-0.3)


def test_a_drawn_person_who_does_the_steps_is_measured_doing_them(service, camera):
    api = service.client
    camera(obedient_person(FPS, width=WIDTH, height=HEIGHT))
    assert api.get(PATH).json()["state"] == "none"
    begun = api.post(PATH, json={})
    assert begun.status_code == 202
    assert begun.json()["progress"]["total"] == 4
    assert api.post(PATH, json={}).status_code == 409
    view, phases = go_through(api)
    assert view["state"] == "finished", view
    assert {step for phase, step in phases if phase == "step"} == {
        "turn_left", "turn_right", "hand", "blink",
    }  # fmt: skip
    found = [step["outcome"] for step in view["steps"]]
    # A busy machine sees too few pictures of some steps, which is counted against nobody.
    assert set(found) <= {"done", "not_measurable"}, view
    assert found.count("done") >= 1, view
    assert view["llr"] == pytest.approx(max(-0.3, -0.1 * found.count("done")))
    # The newest reading at this moment may be of a frame before the last step ended.
    term = wait_until(lambda: challenge_term(service), 45, "the term in the reasons")
    assert term == pytest.approx(view["llr"])
    assert api.delete(PATH).status_code == 204
    assert api.get(PATH).json()["state"] == "none"
    assert "turned" not in service.output()


@pytest.mark.nightly
def test_a_person_who_follows_nothing_is_charged_within_the_bound(service, camera):
    api = service.client
    camera(blinking_person(OBEDIENT_LOOP_S, FPS, blinks_s=(4.0,), width=WIDTH, height=HEIGHT))
    assert api.post(PATH, json={"audience": "self", "colours": True}).status_code == 202
    view, _ = go_through(api)
    found = {step["step"]: step["outcome"] for step in view["steps"]}
    assert found["turn_left"] == found["turn_right"] == found["hand"] == "not_done", view
    assert found["colours"] == "not_measurable", view
    assert found["blink"] in ("not_done", "not_measurable"), view
    assert 0.6 <= view["llr"] <= 0.8 + 1e-9


def test_orders_that_make_no_sense_are_refused_with_a_sentence(service):
    api = service.client
    source = {"type": "synthetic", "fps": 4, "people": 2}
    assert api.post("/api/streams", json={"name": "pair", "source": source}).status_code == 201
    path = "/api/streams/pair/challenge"
    assert api.post(path, json={"colours": True}).status_code == 422
    assert api.post(path, json={"audience": "nobody"}).status_code == 422
    assert api.get("/api/streams/nowhere/challenge").status_code == 404
    refused = wait_until(lambda: crowd_refusal(api, path), 60, "the second face to be seen")
    assert "one person alone" in refused["detail"]
    assert api.delete("/api/streams/pair").status_code == 204


def crowd_refusal(api, path):
    answer = api.post(path, json={})
    if answer.status_code == 409:
        return answer.json()
    api.delete(path)
    return None
