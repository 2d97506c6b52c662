"""Enrolment in the service: orders cross threads, biometric data stays in and goes when told."""

import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from pipeline.types import Frame, StreamId
from stream_server.problems import Conflict
from stream_server.sqlite_file import FILE
from stream_server.store import Store
from stream_server.streams.enroller import Enroller, EnrolmentState
from stream_server.streams.enrolment_book import EnrolmentBook
from tests.databases import store_at
from tests.unit.test_enrolling import sighting
from tests.unit.test_reference import CARD

STREAM = StreamId("desk")


class DrawnAnalyzer:
    """Sees one good face on every frame."""

    def __init__(self, logit=-0.5):
        self.reference = None
        self.sightings = ()
        self.logit = logit

    def __call__(self, frame, shed=0):
        self.sightings = (sighting(logit=self.logit),)
        return frame


def watch(enroller, *, seconds=21.0, analyzer=None, width=640):
    analyzer = analyzer or DrawnAnalyzer()
    image = np.zeros((480, width, 3), np.uint8)
    for index in range(int(seconds * 4)):
        enroller.judge(analyzer, Frame(STREAM, index, index / 4, 1, image), 0)
    return analyzer


@pytest.fixture
def store(tmp_path, each_database):
    store = store_at(tmp_path)
    yield store
    store.close()


@pytest.fixture
def book(store):
    return EnrolmentBook(store)


def enrolled(book, source="a"):
    enroller = Enroller(STREAM, CARD, book, source)
    enroller.begin()
    watch(enroller)
    return enroller


def test_an_enrolment_runs_and_then_counts(book):
    enroller = Enroller(STREAM, CARD, book, "a")
    assert enroller.view().state is EnrolmentState.NONE
    enroller.begin()
    watch(enroller, seconds=10)
    assert enroller.view().state is EnrolmentState.RUNNING
    assert enroller.view().progress == pytest.approx(0.49, abs=0.02)
    watch(enroller, seconds=21)
    assert enroller.view().reason == "interrupted"  # its time went back: another file
    enroller.begin()
    analyzer = watch(enroller)
    assert enroller.view().state is EnrolmentState.ENROLLED
    watch(enroller, seconds=1, analyzer=analyzer)
    assert analyzer.reference.observed_s == 20.0


def test_what_the_api_shows_holds_nothing_that_was_measured(book):
    shown = json.dumps(asdict(enrolled(book).view()), default=str)
    assert "embedding" not in shown
    assert "logit" not in shown


def test_only_one_enrolment_runs_at_a_time(book):
    enroller = Enroller(STREAM, CARD, book, "a")
    enroller.begin()
    with pytest.raises(Conflict):
        enroller.begin()


def test_a_model_without_figures_says_so(book):
    with pytest.raises(Conflict, match=r"\[reference\]"):
        Enroller(STREAM, replace(CARD, reference=None), book, "a").begin()


def test_a_refused_stretch_leaves_the_older_enrolment_in_force(book):
    enroller = enrolled(book)
    enroller.begin()
    watch(enroller, analyzer=DrawnAnalyzer(logit=3.0))
    view = enroller.view()
    assert (view.state, view.reason) == (EnrolmentState.REFUSED, "suspicious")
    assert view.enrolled_at is not None
    assert book.read()[STREAM].enrolment.logit_mean == pytest.approx(-0.5)


def test_another_picture_size_voids_it_and_says_so(book):
    enroller = enrolled(book)
    watch(enroller, seconds=1, width=320)
    assert (enroller.view().state, enroller.view().reason) == (EnrolmentState.VOID, "size")


def test_it_survives_a_restart_but_not_another_source(book):
    enrolled(book)
    kept = book.read()[STREAM]
    again = Enroller(STREAM, CARD, book, "a")
    again.restore(kept)
    assert again.view().state is EnrolmentState.ENROLLED
    elsewhere = Enroller(STREAM, CARD, book, "b")
    elsewhere.restore(kept)
    assert elsewhere.view().state is EnrolmentState.NONE


def test_what_is_removed_is_gone_from_the_disk(tmp_path):
    store = Store(tmp_path)
    book = EnrolmentBook(store)
    enroller = enrolled(book)
    mark = b'"logit_mean"'
    assert mark in b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
    enroller.forget()
    assert enroller.view().state is EnrolmentState.NONE
    assert book.read() == {}
    assert mark not in b"".join(path.read_bytes() for path in tmp_path.glob(f"{FILE}*"))
    store.close()


def test_an_enrolment_goes_with_its_stream_at_the_next_start(book):
    enrolled(book)
    assert set(book.restore({"desk"})) == {STREAM}
    assert book.restore(set()) == {}
    assert book.read() == {}


def test_without_a_book_nothing_reaches_the_disk(store):
    enroller = Enroller(STREAM, CARD, None)
    enroller.begin()
    watch(enroller)
    assert enroller.view().state is EnrolmentState.ENROLLED
    assert not enroller.view().survives_restart
    assert EnrolmentBook(store).read() == {}
