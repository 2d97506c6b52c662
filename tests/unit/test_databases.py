"""What SQLite and PostgreSQL both keep, and that they keep it in the same tables."""

import threading

import pytest
from sqlalchemy import inspect

from pipeline.types import StreamId
from stream_server.specs import StreamSpec
from stream_server.store import StorageError
from stream_server.streams.spec_book import SpecBook
from tests.alert_desk import CLOSED, OPENED, UPDATED, Desk
from tests.databases import on


@pytest.fixture
def desk(tmp_path, each_database):
    desk = Desk(tmp_path)
    assert desk.store._engine.dialect.name == each_database
    yield desk
    desk.store.close()


def test_many_threads_may_write_at_once(desk):
    def watch(number):
        for phase in (OPENED, UPDATED, CLOSED):
            desk.apply(phase, f"alert-{number}")

    threads = [threading.Thread(target=watch, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(desk.book.recent(state="closed")) == 8
    assert len(desk.book.since(0)) == 24


def test_added_streams_keep_their_order_and_their_credentials(desk):
    book = SpecBook(desk.store)
    for name in ("b", "a"):
        source = {"type": "av", "url": f"rtsp://u:pass-word@{name}/"}
        book.save(StreamSpec(id=name, name=name, source=source))
    book.save(StreamSpec(id="b", name="renamed", source={"type": "synthetic"}))
    specs, faults = book.read()
    assert [(spec.id, spec.name) for spec in specs] == [("b", "renamed"), ("a", "a")]
    assert specs[1].source.url.get_secret_value() == "rtsp://u:pass-word@a/"
    assert faults == []
    book.delete(StreamId("b"))
    assert [spec.id for spec in book.read()[0]] == ["a"]


def test_a_stored_stream_that_became_unusable_is_named_and_kept(desk):
    book = SpecBook(desk.store)
    spec = '{"id": "old", "name": "Old", "source": {"type": "vhs", "pin": "hunter2-x"}}'
    with desk.store.transaction() as run:
        run("INSERT INTO stream VALUES ('old', 1, :spec)", spec=spec)
    specs, faults = book.read()
    assert specs == []
    assert "old" in faults[0]
    assert "hunter2-x" not in faults[0]
    assert len(desk.store.read("SELECT * FROM stream")) == 1


def test_a_transaction_is_written_whole_or_not_at_all(desk):
    desk.apply(OPENED)
    with pytest.raises(ZeroDivisionError):
        delete_both(desk.store, lambda _run: 1 / 0)
    with pytest.raises(StorageError, match="cannot be written"):
        delete_both(desk.store, lambda run: run("DELETE FROM no_such_table"))
    assert len(desk.book.recent()) == 1
    assert desk.outbox.counts() == {"log": (1, 0), "hook": (1, 0)}


def delete_both(store, then):
    with store.transaction() as run:
        run("DELETE FROM alert")
        run("DELETE FROM outbox")
        then(run)


def test_an_error_quotes_no_row(desk):
    """Rows hold passwords of cameras."""
    with pytest.raises(StorageError) as caught, desk.store.transaction() as run:
        run("INSERT INTO stream (stream_id, spec) VALUES ('a', :spec)", spec="hunter2-in-a-row")
    assert "position" in str(caught.value)
    assert "hunter2" not in str(caught.value)


def test_a_second_service_does_not_deliver_the_same_alerts(desk, tmp_path):
    second = Desk(tmp_path)
    assert "another fakewatch service is using it" in second.store.problem
    second.store.close()
    desk.apply(OPENED)
    assert len(desk.book.recent()) == 1


def test_both_have_the_same_tables(tmp_path, postgres):
    found = []
    for server in (None, postgres):
        with on(server):
            desk = Desk(tmp_path)
            look = inspect(desk.store._engine)
            found.append(
                {
                    table: (
                        {column["name"]: column["nullable"] for column in look.get_columns(table)},
                        look.get_pk_constraint(table)["constrained_columns"],
                        sorted(index["name"] for index in look.get_indexes(table)),
                    )
                    for table in sorted(look.get_table_names())
                    if table != "sqlite_sequence"
                }
            )
            desk.store.close()
    assert len(found[0]) == 8
    assert found[0] == found[1]
