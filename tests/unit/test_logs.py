"""Logs: JSON lines with nothing secret in them, whoever writes them."""

import io
import json
import logging
import logging.config
import sys
import threading
from contextlib import contextmanager

import pytest
import structlog
import uvicorn.config

from stream_server.logs import _QUIET, configure_logs
from stream_server.redact import register_secret

URL = "rtsp://admin:open-sesame-55@192.0.2.1/live"


@contextmanager
def logging_to(out, level):
    """Configure the logs, and restore afterwards what is global in logging and structlog."""
    loggers = [logging.getLogger(), *map(logging.getLogger, _QUIET)]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    hooks = sys.excepthook, threading.excepthook
    configure_logs(level, out)
    try:
        yield
    finally:
        for logger, logger.handlers, level_before, logger.propagate in before:
            logger.setLevel(level_before)
        sys.excepthook, threading.excepthook = hooks
        structlog.reset_defaults()


@pytest.fixture
def lines():
    out = io.StringIO()
    with logging_to(out, "debug"):
        yield lambda: [json.loads(line) for line in out.getvalue().splitlines()]


def test_an_event_is_one_json_line_that_begins_with_when_how_bad_and_what(lines):
    structlog.get_logger("fakewatch.x").info("stream_added", stream="lobby", count=3)
    (line,) = lines()
    assert list(line)[:3] == ["timestamp", "level", "event"]
    assert (line["event"], line["stream"], line["count"]) == ("stream_added", "lobby", 3)
    assert line["timestamp"].endswith("Z")


def test_credentials_are_masked_in_every_value_however_deep(lines):
    register_secret("rosebud-1941")
    structlog.get_logger().warning(
        "stream_lost",
        url=URL,
        facts={"deep": [URL, {"pin": "rosebud-1941"}]},
        error=ValueError(URL),
    )
    text = json.dumps(lines())
    assert "open-sesame-55" not in text
    assert "rosebud-1941" not in text
    assert "rtsp://***@192.0.2.1/live" in text


def fail():
    raise OSError(f"cannot open {URL}")


def fail_twice():
    try:
        fail()
    except OSError as error:
        raise RuntimeError(f"gave up on {URL}") from error


def test_exceptions_are_masked_too(lines):
    try:
        fail_twice()
    except RuntimeError:
        structlog.get_logger().exception("stream_failed")
    (line,) = lines()
    assert line["exception"].count("rtsp://***@192.0.2.1/live") == 2
    assert "open-sesame-55" not in line["exception"]


@pytest.mark.parametrize("name", ["aiortc.rtp", "uvicorn.error", "libav.rtsp", "anything"])
def test_libraries_speak_through_the_same_filter(lines, name):
    logging.getLogger(name).error("failed: %s", URL)
    (line,) = lines()
    assert (line["event"], line["level"]) == ("failed: rtsp://***@192.0.2.1/live", "error")


def test_a_server_that_set_up_its_own_logs_before_speaks_through_ours_too():
    loggers = [logging.getLogger(name) for name in ("uvicorn", "uvicorn.error", "uvicorn.access")]
    before = [(logger, logger.handlers, logger.level, logger.propagate) for logger in loggers]
    out = io.StringIO()
    try:
        logging.config.dictConfig(uvicorn.config.LOGGING_CONFIG)
        with logging_to(out, "info"):
            logging.getLogger("uvicorn.error").error("failed: %s", URL)
    finally:
        for logger, logger.handlers, level_before, logger.propagate in before:
            logger.setLevel(level_before)
    assert json.loads(out.getvalue())["event"] == "failed: rtsp://***@192.0.2.1/live"


@pytest.mark.parametrize("name", ["aioice.ice", "aiortc.rtp", "httpx", "uvicorn.access"])
def test_what_libraries_say_per_packet_or_request_is_left_out(lines, name):
    logging.getLogger(name).info("packet")
    assert lines() == []


def test_uncaught_errors_are_logged_without_their_secrets(lines):
    try:
        fail()
    except OSError as error:
        facts = (type(error), error, error.__traceback__)
        sys.excepthook(*facts)
        threading.excepthook(threading.ExceptHookArgs((*facts, threading.current_thread())))
    assert [line["event"] for line in lines()] == ["uncaught_error", "uncaught_error"]
    assert "open-sesame-55" not in json.dumps(lines())


def test_a_terminal_gets_no_json():
    class Terminal(io.StringIO):
        def isatty(self):
            return True

    out = Terminal()
    with logging_to(out, "info"):
        structlog.get_logger().info("service_started", url=URL)
    assert not out.getvalue().startswith("{")
    assert "open-sesame-55" not in out.getvalue()
