"""Settings: environment over file over defaults, unknown keys refused, no secret in the file."""

import pytest
from pydantic import ValidationError

from pipeline.analyzer import AnalyzerSettings
from pipeline.errors import SettingsError
from stream_server.settings import Settings
from stream_server.settings_file import load_settings
from stream_server.streams.runner import RunnerSettings

TOKEN = "a token of the operator"


@pytest.fixture
def write(tmp_path):
    def write_file(text):
        file = tmp_path / "fakewatch.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write_file


def refusal(*args, **kwargs):
    with pytest.raises(SettingsError) as caught:
        load_settings(*args, **kwargs)
    return str(caught.value)


def test_no_configuration_is_needed():
    settings = load_settings()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8080)
    assert settings.server.is_loopback
    assert [sink.type for sink in settings.sinks] == ["log"]


def test_the_defaults_are_those_of_the_parts():
    settings = Settings()
    assert settings.analyzer.as_analyzer_settings() == AnalyzerSettings()
    assert settings.runner.as_runner_settings("cpu") == RunnerSettings()


def test_flags_win_over_the_environment_and_the_environment_over_the_file(write, monkeypatch):
    file = write("[server]\nport = 1111\nmax_streams = 3\nmax_clients = 7\n")
    monkeypatch.setenv("FAKEWATCH_SERVER__PORT", "2222")
    monkeypatch.setenv("FAKEWATCH_SERVER__MAX_STREAMS", "4")
    server = load_settings(file, {"server": {"port": 3333}}).server
    assert (server.port, server.max_streams, server.max_clients) == (3333, 4, 7)


@pytest.mark.fault("F40")
@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("[server]\nprot = 1\n", "server.prot: unknown key"),
        ("[sever]\nport = 1\n", "sever: unknown key"),
        ("[analyzer.alert]\nhold = 1\n", "analyzer.alert.hold: unknown key"),
        ("[server]\nport = 70000\n", "server.port"),
        ("[analyzer]\nmax_faces = 0\n", "analyzer.max_faces"),
        ("[analyzer]\ndetect_every_s = 'soon'\n", "analyzer.detect_every_s"),
        ("[[sinks]]\ntype = 'pager'\n", "none of alertmanager, jsonl, log, mqtt, notify, webhook"),
        ("[[sinks]]\ntype = 'jsonl'\n", "path"),
        (
            "[[sinks]]\ntype = 'log'\n[[sinks]]\ntype = 'log'\n",
            "sinks: log is there more than once",
        ),
        ("[[streams]]\nid = 'A b'\nname = 'x'\nsource = { type = 'synthetic' }\n", "streams.0.id"),
        ("[[streams]]\nid = 'webrtc'\nname = 'x'\nsource = {type='synthetic'}\n", "is reserved"),
        ("[[streams]]\nid = 'a'\nname = 'x'\nsource = { type = 'webrtc' }\n", "none of"),
        ("[[streams]]\nid = 'a'\nname = 'x'\nsource = { url = 'rtsp://h/' }\n", "with a type"),
        (
            "[[streams]]\nid = 'a'\nname = 'x'\nsource = { type = 'av', url = 'gopher://h' }\n",
            "scheme",
        ),
        ("port =", "is not valid TOML"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_its_path(write, text, path):
    assert path in refusal(write(text))


def test_a_missing_file_is_refused(tmp_path):
    assert "cannot be read" in refusal(tmp_path / "none.toml")


@pytest.mark.fault("F40")
def test_two_streams_of_one_id_are_refused(write):
    stream = "[[streams]]\nid = 'a'\nname = 'x'\nsource = { type = 'synthetic' }\n"
    assert "streams: a is there more than once" in refusal(write(2 * stream))


def test_a_misspelt_variable_is_refused(monkeypatch):
    monkeypatch.setenv("FAKEWATCH_SERVRE__PORT", "1")
    assert "FAKEWATCH_SERVRE__PORT is no setting" in refusal()


def test_a_misspelt_key_of_a_variable_is_refused(monkeypatch):
    monkeypatch.setenv("FAKEWATCH_SERVER__PROT", "1")
    assert "server.prot: unknown key" in refusal()


def test_settings_are_frozen():
    with pytest.raises(ValidationError):
        Settings().server.port = 1


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "fakewatch.example"])  # noqa: S104
def test_a_host_that_others_can_reach_is_none_of_loopback(host):
    assert not load_settings(flags={"server": {"host": host}}).server.is_loopback


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.53", "::1", "localhost"])
def test_loopback_hosts_need_no_token(host):
    assert load_settings(flags={"server": {"host": host}}).server.is_loopback


def test_a_token_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("FAKEWATCH_AUTH__TOKEN", TOKEN)
    settings = load_settings(flags={"server": {"host": "::"}})
    assert settings.auth.token.get_secret_value() == TOKEN
    assert TOKEN not in repr(settings) + settings.model_dump_json()


def test_a_token_comes_from_a_mounted_file(monkeypatch, tmp_path):
    (tmp_path / "token").write_text(TOKEN + "\n", encoding="utf-8")
    monkeypatch.setenv("FAKEWATCH_AUTH__TOKEN_FILE", str(tmp_path / "token"))
    assert load_settings().auth.token.get_secret_value() == TOKEN


def test_a_mounted_file_that_is_missing_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("FAKEWATCH_AUTH__TOKEN_FILE", str(tmp_path / "none"))
    assert "FAKEWATCH_AUTH__TOKEN_FILE names" in refusal()


def test_a_short_token_is_refused_without_showing_it(monkeypatch):
    monkeypatch.setenv("FAKEWATCH_AUTH__TOKEN", "hunter2")
    sentence = refusal()
    assert "auth.token" in sentence
    assert "hunter2" not in sentence


@pytest.mark.parametrize(
    "text",
    [
        "[auth]\ntoken = 'a token of the operator'\n",
        "[[sinks]]\ntype = 'webhook'\nurl = 'http://h/'\nsecret = 'hunter2hunter2'\n",
        "[[streams]]\nid='a'\nname='x'\nsource={ type='av', url='rtsp://u:hunter2@h/' }\n",
    ],
)
def test_a_secret_in_the_file_is_refused_without_showing_it(write, text):
    sentence = refusal(write(text))
    assert "secrets do not belong into the settings file" in sentence
    assert "hunter2" not in sentence
    assert TOKEN not in sentence


@pytest.mark.fault("F40")
@pytest.mark.parametrize("password", ["p@ss", "a/b", "who?", "x#y", "100%", "${HOME}", "ä b:c"])
def test_a_password_of_the_environment_reaches_the_source_whole(write, monkeypatch, password):
    """F40: passwords with URL characters round-trip."""
    from urllib.parse import unquote, urlsplit

    from stream_server.media_url import parse_media_url

    monkeypatch.setenv("CAM", password)
    file = write(
        "[[streams]]\nid='a'\nname='x'\nsource={ type='av', url='rtsp://u:${CAM}@h:554/live' }\n"
    )
    url = load_settings(file).streams[0].source.url.get_secret_value()
    parts = urlsplit(parse_media_url(url).text)
    assert (parts.hostname, parts.port, unquote(parts.password)) == ("h", 554, password)


def test_a_secret_may_come_from_a_file_that_the_environment_names(write, monkeypatch, tmp_path):
    (tmp_path / "cam").write_text("from a file\n", encoding="utf-8")
    monkeypatch.setenv("CAM_FILE", str(tmp_path / "cam"))
    file = write("[[streams]]\nid='a'\nname='x'\nsource={ type='av', url='rtsp://u:${CAM}@h/' }\n")
    url = load_settings(file).streams[0].source.url.get_secret_value()
    assert url == "rtsp://u:from%20a%20file@h/"


def test_a_reference_without_a_value_is_refused(write):
    file = write("[[streams]]\nid='a'\nname='x'\nsource={ type='av', url='rtsp://u:${CAM}@h/' }\n")
    assert "the environment variable CAM is not set" in refusal(file)
