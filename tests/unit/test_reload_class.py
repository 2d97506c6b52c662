"""What a change of the settings costs, what waits for a restart, where values came from."""

from stream_server.configuration import shown
from stream_server.reload_class import Reload, changes, keep_until_restart
from stream_server.settings import ServerSettings, Settings
from stream_server.settings_file import SettingsReader


def test_what_only_a_restart_changes_stays_and_the_rest_is_taken():
    running = Settings(server=ServerSettings(port=1111, max_clients=5))
    wanted = Settings(server=ServerSettings(port=2222, max_clients=9))
    after, waiting = keep_until_restart(running, wanted)
    assert (after.server.port, after.server.max_clients) == (1111, 9)
    assert waiting == ("server.port",)
    assert changes(running, after) == {"server.max_clients": Reload.LIVE}


def test_what_waited_and_was_taken_back_waits_no_more():
    running = Settings(server=ServerSettings(port=1111))
    assert keep_until_restart(running, running) == (running, ())


def test_every_value_says_where_it_came_from_and_secrets_are_masked(tmp_path, monkeypatch):
    file = tmp_path / "fakewatch.toml"
    file.write_text(
        "[server]\nport = 1111\nmax_streams = 3\nmax_clients = 7\n[[streams]]\nid = 'a'\n"
        "name = 'A'\nsource = { type = 'av', url = 'rtsp://u:${CAM}@h:554/live' }\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("CAM", "hidden-5512")
    monkeypatch.setenv("FAKEWATCH_SERVER__MAX_STREAMS", "4")
    monkeypatch.setenv("FAKEWATCH_AUTH__TOKEN", "hidden-token-of-the-operator")
    loaded = SettingsReader(file, {"server": {"port": 3333}}).read()
    facts = {setting.path: setting for setting in shown(loaded.settings, loaded.origins)}
    paths = ("server.port", "server.max_streams", "server.max_clients", "server.host", "auth.token")
    origins = ["command line", "environment", "file", "default", "environment"]
    assert [facts[path].origin for path in paths] == origins
    assert (facts["server.port"].value, facts["streams"].origin) == (3333, "file")
    assert "hidden" not in repr(facts)


def test_a_password_that_changes_is_a_change_although_both_are_shown_alike(tmp_path, monkeypatch):
    file = tmp_path / "fakewatch.toml"
    file.write_text(
        "[[streams]]\nid = 'a'\nname = 'A'\nsource = { type = 'av', url = 'rtsp://u:${CAM}@h/' }\n",
        encoding="utf-8",
    )
    monkeypatch.setenv("CAM", "before-5512")
    before = SettingsReader(file).read().settings
    monkeypatch.setenv("CAM", "after-5512")
    after = SettingsReader(file).read().settings
    assert changes(before, after) == {"streams": Reload.STREAM}
