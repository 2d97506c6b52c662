"""Every source of the folder, by the same rules; a new file needs only an example below."""

import ast
import inspect
import threading
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from pydantic import BaseModel, ValidationError

from pipeline.errors import SourceError, SourceLost
from pipeline.interfaces import Source
from pipeline.types import StreamId
from stream_server import sources
from stream_server.plugins import build, module_of, parse_config, types_in
from tests.media import moving_person, write_clip

FOLDER = Path(next(iter(sources.__path__)))
STREAM = StreamId("camera")
TYPES = sorted(types_in("sources"))


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    people = moving_person(1.0, width=160, height=120)
    return write_clip(tmp_path_factory.mktemp("clips") / "person.mp4", people)


@pytest.fixture(params=TYPES)
def config(request: pytest.FixtureRequest, clip: Path) -> BaseModel:
    examples: dict[str, dict[str, object]] = {
        "av": {"type": "av", "url": f"file://{clip}", "analyse_fps": 30},
        "synthetic": {"type": "synthetic", "width": 160, "height": 120},
    }
    if request.param not in examples:
        pytest.fail(f"give the source {request.param!r} an example in this test")
    return parse_config("sources", examples[request.param])


def open_source(config: BaseModel, epoch: int = 7) -> Source:
    source: Source = build(config, STREAM, epoch)
    return source


@pytest.mark.parametrize("path", sorted(FOLDER.glob("[a-z]*.py")), ids=lambda path: path.stem)
def test_a_source_file_says_in_one_line_what_it_is(path: Path) -> None:
    text = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert text
    assert text.splitlines()[0].endswith(".")


@pytest.mark.parametrize("name", TYPES)
def test_a_config_is_frozen_strict_and_named_by_its_file(name: str) -> None:
    config_type: type[BaseModel] = module_of("sources", name).Config
    assert config_type.model_config.get("frozen")
    assert config_type.model_config.get("extra") == "forbid"
    assert config_type.model_fields["type"].default == name
    with pytest.raises(ValidationError):
        config_type.model_validate({"type": name, "no_such_key": 1})


@pytest.mark.parametrize("name", TYPES)
def test_build_takes_a_config_a_stream_and_an_epoch(name: str) -> None:
    parameters = list(inspect.signature(module_of("sources", name).build).parameters)
    assert parameters == ["config", "stream_id", "epoch"]


def test_frames_are_pictures_in_order_of_time_with_their_stream_and_epoch(
    config: BaseModel,
) -> None:
    source = open_source(config)
    frames = [frame for frame, _ in zip(source.frames(), range(10), strict=False)]
    source.close()
    assert len(frames) == 10
    for frame in frames:
        assert (frame.stream_id, frame.epoch) == (STREAM, 7)
        assert frame.image.shape == (120, 160, 3)
        assert frame.image.dtype == np.uint8
        assert frame.image.flags.c_contiguous
    assert frames[0].time_s == 0
    assert all(a.time_s < b.time_s and a.index < b.index for a, b in pairwise(frames))


def test_frames_come_at_the_pace_of_real_time(config: BaseModel) -> None:
    source = open_source(config)
    began_s = last_s = time.monotonic()
    media_s = 0.0
    for frame, _ in zip(source.frames(), range(20), strict=False):
        media_s, last_s = frame.time_s, time.monotonic()
    source.close()
    assert last_s - began_s > 0.9 * media_s


def test_close_from_another_thread_ends_the_frames_soon(config: BaseModel) -> None:
    source = open_source(config)
    ended = threading.Event()
    began = threading.Event()

    def read() -> None:
        try:
            for _ in source.frames():
                began.set()
        except SourceError:
            pass
        ended.set()

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    assert began.wait(10)
    source.close()
    source.close()
    assert ended.wait(3)
    thread.join(3)


def test_a_closed_source_gives_no_frames(config: BaseModel) -> None:
    source = open_source(config)
    source.close()
    assert len(list(source.frames())) <= 1


def test_two_sources_of_one_config_do_not_disturb_each_other(config: BaseModel) -> None:
    first, second = open_source(config, 1), open_source(config, 2)
    pairs = zip(first.frames(), second.frames(), range(5), strict=False)
    assert [(a.epoch, b.epoch) for a, b, _ in pairs] == [(1, 2)] * 5
    first.close()
    second.close()


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///no/such/file.mp4", "not_found"),
        ("rtsp://127.0.0.1:1/x", "refused"),
        ("http://127.0.0.1:1/x.mp4", "refused"),
        ("rtmp://127.0.0.1:1/x", "refused"),
        ("rtsp://u:canary@host.invalid/x", "dns_failed"),
    ],
)
def test_an_address_that_fails_raises_its_code_and_no_library_error(url: str, code: str) -> None:
    source = open_source(parse_config("sources", {"type": "av", "url": url}))
    with pytest.raises(SourceError) as caught:
        next(iter(source.frames()))
    assert caught.value.code == code
    assert "canary" not in repr(caught.value)


def test_the_end_of_a_file_is_a_loss_that_may_be_tried_again(clip: Path) -> None:
    source = open_source(parse_config("sources", {"type": "av", "url": f"file://{clip}"}))
    with pytest.raises(SourceLost) as caught:
        list(source.frames())
    assert caught.value.code == "ended"


@pytest.mark.parametrize(
    "url",
    [
        "ftp://u:canary@h/x",
        "concat:/etc/passwd",
        "rtsp://u:canary@h:bad/x",
        "",
        "subfile,,start,0,end,1,,:/etc/passwd",
    ],
)
def test_a_forbidden_address_is_refused_by_the_config_without_showing_it(url: str) -> None:
    check: Callable[..., BaseModel] = parse_config
    with pytest.raises(ValueError, match="url") as caught:
        check("sources", {"type": "av", "url": url})
    assert "canary" not in str(caught.value)


def test_an_address_is_shown_with_its_password_masked_and_kept_whole() -> None:
    url = "rtsp://admin:canary-55@10.0.0.9:554/x?token=canary-56"
    config = parse_config("sources", {"type": "av", "url": url})
    for shown in (repr(config), str(config), config.model_dump_json()):
        assert "canary" not in shown
    assert "10.0.0.9" in config.model_dump_json()
    assert config.url.get_secret_value() == url  # type: ignore[attr-defined]
