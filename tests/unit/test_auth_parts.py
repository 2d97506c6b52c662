"""The parts of access by themselves: wrong tries, sessions, the audit log, TURN passwords."""

from stream_server.auth.audit import KEPT, AuditLog
from stream_server.auth.rate import FailureRate, SignInRate, network_of
from stream_server.auth.sessions import IDLE_S, LONGEST_S, Sessions
from stream_server.webrtc.turn import IceServer, turn_credential


def test_a_name_is_slowed_down_whatever_addresses_guess_at_it():
    rate = SignInRate()
    for number in range(20):
        assert rate.wait_s(f"192.0.2.{number}", "ada", 0.0) == 0
        rate.fail(f"192.0.2.{number}", "ada", 0.0)
    assert rate.wait_s("198.51.100.1", "ada", 0.0) == 10
    assert rate.wait_s("198.51.100.1", "bob", 0.0) == 0
    assert rate.wait_s("198.51.100.1", "ada", 10.0) == 0


def test_what_is_remembered_of_wrong_tries_is_bounded():
    rate = FailureRate(10, 10)
    for number in range(10_000):
        rate.fail(str(number), 0.0)
    assert len(rate) == 4096


def test_addresses_of_one_home_count_as_one():
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:2") == "2001:db8::"
    assert network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("fe80::1%eth0") == "fe80::"
    assert network_of("unknown") == "unknown"


def test_sessions_end_when_idle_and_when_old():
    sessions = Sessions()
    idle = sessions.begin("ada", "proof", None, 0.0)
    assert sessions.find(idle, IDLE_S) is not None
    assert sessions.find(idle, 2 * IDLE_S + 1) is None
    busy = sessions.begin("ada", "proof", None, 0.0)
    now_s = 0.0
    while now_s + IDLE_S < LONGEST_S:
        now_s += IDLE_S
        assert sessions.find(busy, now_s) is not None
    assert sessions.find(busy, LONGEST_S + 1) is None


def test_one_user_cannot_take_all_places_of_sessions():
    sessions = Sessions()
    other = sessions.begin("bob", "proof", None, 0.0)
    for _ in range(5000):
        sessions.begin("ada", "proof", None, 1.0)
    assert len(sessions) == 65
    assert sessions.find(other, 2.0) is not None
    assert sessions.end_all("ada") == 64


def test_the_audit_log_is_private_rotates_and_reads_the_newest_first(tmp_path):
    audit = AuditLog(tmp_path, max_bytes=1000)
    for number in range(300):
        audit.note("ada", "stream.add", f"s{number}")
    files = sorted(tmp_path.glob("audit.jsonl*"))
    assert len(files) == KEPT + 1
    assert all(file.stat().st_mode & 0o777 == 0o600 for file in files)
    assert all(file.stat().st_size <= 1000 for file in files)
    assert [entry.target for entry in audit.newest(20)] == [f"s{n}" for n in range(299, 279, -1)]


def test_turn_credentials_are_coturns():
    """Vector computed by `echo -n 1700000000:ada | openssl dgst -sha1 -hmac north -binary`."""
    assert turn_credential("north", "ada", 1_700_000_000) == ("1700000000:ada", VECTOR)
    server = IceServer("turn:t.example", secret="north")
    assert server.login("ada", 1_700_000_000 - 12 * 3600) == ("1700000000:ada", VECTOR)
    assert "north" not in repr(server)


VECTOR = "ndZ88ryT1whVxdkcRLepT9D1MpM="
