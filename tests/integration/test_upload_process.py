"""The process that analyses a file: what it may take, and how it ends when it takes more."""

import asyncio
import os
import time
from pathlib import Path

import pytest

from pipeline.types import State
from stream_server.settings import AnalyzerSection, ModelsSettings
from stream_server.uploads.job import DoneLine, Job
from stream_server.uploads.process import analyse, environment
from tests.hostile_files import bomb, clip, encoded
from tests.media import blinking_person, draw_face, write_clip
from tests.toy_models import green_classifier, tint_green, toy_directory


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    directory = tmp_path_factory.mktemp("models")
    return toy_directory(directory, green_classifier(directory))


@pytest.fixture
def job(tmp_path, models):
    """Make a job for these bytes."""

    def make(data, **changes):
        path = tmp_path / "input"
        path.write_bytes(data)
        facts = {
            "input": path,
            "output": tmp_path,
            "name": "clip.mp4",
            "pictures": False,
            "annotated": False,
            "max_annotated_bytes": 2**26,
            "models": ModelsSettings(directory=models, classifier="toy-green", device="cpu"),
            "analyzer": AnalyzerSection(),
            "analyse_fps": 15.0,
            "max_duration_s": 3600.0,
            "max_cpu_s": 600,
            "max_memory_bytes": 2**31,
        }
        return Job(**{**facts, **changes})

    return make


@pytest.fixture(scope="module")
def long(tmp_path_factory):
    frames = list(blinking_person(3, 15, width=320, height=240)) * 30
    return write_clip(tmp_path_factory.mktemp("clips") / "long.mp4", frames, 15).read_bytes()


async def test_it_analyses_a_picture_and_writes_its_reports(job, tmp_path):
    data = encoded(tint_green(draw_face(240)), ".png")
    line = await analyse(job(data), 60, lambda _step: None)
    assert isinstance(line, DoneLine)
    assert line.verdict is State.ALERT
    reports = {"report.html", "report.json", "compare.json"}
    assert {p.name for p in tmp_path.iterdir()} == {"input", *reports}


async def test_it_tells_its_progress_and_the_worst_so_far(job, tmp_path):
    people = list(blinking_person(6, 15, width=320, height=240))
    frames = [tint_green(image) for image in people[:45]] + people[45:]
    steps = []
    data = write_clip(tmp_path / "c.mp4", frames, 15).read_bytes()
    await analyse(job(data), 60, steps.append)
    assert [step.done_s for step in steps] == sorted(step.done_s for step in steps)
    assert steps[-1].worst in (State.SUSPECT, State.ALERT)


async def test_memory_beyond_the_limit_ends_it(job):
    line = await analyse(job(bomb(), max_memory_bytes=190 * 2**20), 60, lambda _step: None)
    assert line.code == "memory_limit"


async def test_processor_time_beyond_the_limit_ends_it(job, long):
    line = await analyse(job(long, max_cpu_s=2), 120, lambda _step: None)
    assert line.code == "cpu_limit"


async def test_time_beyond_the_limit_ends_it(job, long):
    line = await analyse(job(long), 1.0, lambda _step: None)
    assert line.code == "timeout"


async def test_a_longer_video_than_is_allowed_is_refused(job, long):
    line = await analyse(job(long, max_duration_s=60), 60, lambda _step: None)
    assert line.code == "too_long"
    assert "1 minutes" in line.text


async def test_a_model_that_is_missing_is_said(job, tmp_path):
    models = ModelsSettings(directory=tmp_path, classifier="none")
    data = encoded(draw_face(240), ".png")
    line = await analyse(job(data, models=models), 60, lambda _step: None)
    assert line.code == "model"


async def test_cancelling_ends_the_process_at_once(job, long):
    started = asyncio.Event()
    task = asyncio.create_task(analyse(job(long), 60, lambda _step: started.set()))
    await asyncio.wait_for(started.wait(), 60)
    asked_s = time.monotonic()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - asked_s < 2


async def test_it_takes_little_memory_whatever_the_length(job, tmp_path):
    """The peak of a clip nine times as long is the same, within what a run varies."""
    peaks = []
    for seconds in (3.0, 27.0):
        peak = 0
        data = clip(tmp_path / f"{seconds}.mp4", seconds)
        task = asyncio.create_task(analyse(job(data), 120, lambda _step: None))
        while not task.done():
            peak = max(peak, *(resident(path) for path in children()), 0)
            await asyncio.sleep(0.05)
        assert isinstance(task.result(), DoneLine)
        peaks.append(peak)
    assert peaks[1] - peaks[0] < 40 * 2**20
    assert peaks[1] < 600 * 2**20


def children():
    for path in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == os.getpid():
            yield path


def resident(path):
    try:
        return int((path / "statm").read_text().split()[1]) * 4096
    except (OSError, IndexError):
        return 0


def test_no_secret_of_the_service_goes_along(monkeypatch):
    monkeypatch.setenv("FAKEWATCH_AUTH__TOKEN", "a-token-of-twenty-signs")
    monkeypatch.setenv("DESK_SECRET", "s3cret")
    given = environment()
    assert "a-token-of-twenty-signs" not in given.values()
    assert "DESK_SECRET" not in given


async def test_an_annotated_copy_that_grows_too_large_costs_only_itself(job, long, tmp_path):
    line = await analyse(job(long, annotated=True, max_annotated_bytes=1000), 240, lambda _: None)
    assert isinstance(line, DoneLine)
    assert not line.annotated
    assert not (tmp_path / "annotated.mp4").exists()
    assert (tmp_path / "report.html").exists()
