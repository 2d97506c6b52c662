"""The rules of uploads that need no network: files on disk, room, names, what is forgotten when."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from pipeline.errors import UploadError
from pipeline.types import State
from stream_server.metrics import Metrics
from stream_server.problems import NoCapacity, NotFound
from stream_server.settings import Settings, StorageSettings, UploadsSettings
from stream_server.uploads.desk import Uploads
from stream_server.uploads.files import UploadFiles
from stream_server.uploads.intake import Intake
from stream_server.uploads.job import DoneLine, FailedLine
from stream_server.uploads.upload import Upload, UploadId, UploadState, checked_name, restored

AT = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def files(tmp_path):
    files = UploadFiles(tmp_path, min_free_bytes=0)
    files.prepare()
    return files


@pytest.fixture
async def make(tmp_path):
    """Make a desk that analyses nothing: it is never started beyond its folder."""

    def make(**limits):
        settings = Settings(
            storage=StorageSettings(path=tmp_path), uploads=UploadsSettings(**limits)
        )
        uploads = Uploads(settings, Metrics())
        uploads._files.prepare()
        uploads._usable = True
        return uploads

    return make


def new(size=10, **facts):
    return Upload(UploadId("u"), "a.mp4", size, False, AT, **facts)


async def stream(*chunks):
    for chunk in chunks:
        yield chunk


@pytest.mark.parametrize(
    "name", ["a.mp4", "Überwachung 1.mkv", "<b>.jpg", "..a..", "名前.png", "'"]
)
def test_a_name_may_hold_whatever_can_be_shown(name):
    assert checked_name(name) == name


def test_what_is_kept_is_read_back():
    done = new(received_bytes=10, text="Some signs.", fake_prob=0.6)
    done.state, done.finished_at = UploadState.DONE, AT
    again = restored(done.facts())
    assert again.view() == done.view()
    with pytest.raises(ValueError, match="JSON"):
        restored("{")


def test_leftovers_go_at_the_start_and_finished_reports_stay(tmp_path, files):
    root = tmp_path / "uploads"
    for name, parts in {
        "done": ("report.html", "upload.json"),
        "cut": ("input",),
        "empty": (),
    }.items():
        (root / name).mkdir()
        for part in parts:
            (root / name / part).write_text("{}")
    (root / "stray").write_text("x")
    (root / "link").symlink_to(tmp_path)
    assert files.prepare() == {UploadId("done"): "{}"}
    assert [path.name for path in root.iterdir()] == ["done"]


def test_a_planted_link_is_not_followed(tmp_path, files):
    files.create(UploadId("u"))
    target = tmp_path / "mine"
    target.write_text("mine")
    files.input(UploadId("u")).symlink_to(target)
    with pytest.raises(OSError, match="symbolic links"):
        files.write(UploadId("u"), 0, b"yours")
    assert target.read_text() == "mine"


def test_a_full_disk_is_said_before_anything_is_taken(make):
    full = make(min_free_mb=1048576)
    with pytest.raises(UploadError) as caught:
        full.begin("a.mp4", 10)
    assert (caught.value.status, caught.value.code) == (507, "disk_full")


def test_a_disk_that_fills_up_meanwhile_is_said_too(tmp_path):
    files = UploadFiles(tmp_path, min_free_bytes=2**60)
    files.prepare()
    files.create(UploadId("u"))
    with pytest.raises(UploadError) as caught:
        files.write(UploadId("u"), 0, b"x")
    assert caught.value.status == 507


async def test_only_so_many_wait(make):
    uploads = make(max_waiting=2)
    one, _ = uploads.begin("a", 1), uploads.begin("b", 1)
    with pytest.raises(NoCapacity):
        uploads.begin("c", 1)
    await uploads.forget(one.id)
    uploads.begin("c", 1)


async def test_pieces_are_written_as_they_come(files):
    upload = new(3 * 2**20)
    files.create(upload.id)
    intake = Intake(files, 2**30)
    await intake.take(upload, 0, stream(*[b"x" * 2**19] * 6), 8 * 2**20)
    assert upload.received_bytes == files.input(upload.id).stat().st_size == 3 * 2**20


async def test_two_parts_at_once_are_refused(files):
    upload = new(receiving=True)
    with pytest.raises(UploadError, match="Another part"):
        await Intake(files, 100).take(upload, 0, stream(b"x"), 100)


async def test_a_part_that_comes_after_the_cancel_leaves_no_file(make):
    uploads = make()
    begun = uploads.begin("a", 2**22)
    taken = asyncio.Event()

    async def slow():
        yield b"x" * 2**20
        taken.set()
        await asyncio.sleep(0.05)
        yield b"x" * 2**20

    receiving = asyncio.create_task(uploads.receive_part(begun.id, 0, slow()))
    await taken.wait()
    await uploads.forget(begun.id)
    with pytest.raises(UploadError, match="cancelled"):
        await receiving
    assert list(uploads._files.output(begun.id).parent.iterdir()) == []
    with pytest.raises(NotFound):
        uploads.view(begun.id)


async def test_what_is_abandoned_or_old_is_forgotten(make):
    uploads = make(keep_reports_h=1)
    now_s = asyncio.get_running_loop().time()
    fresh, idle = uploads.begin("a", 1).id, uploads.begin("b", 1).id
    old, young = uploads.begin("c", 1).id, uploads.begin("d", 1).id
    uploads._find(idle).touched_s = now_s - 3600
    for upload_id, hours in ((old, 2.0), (young, 0.5)):
        upload = uploads._find(upload_id)
        upload.state, upload.finished_at = UploadState.DONE, AT - timedelta(hours=hours)
    assert set(uploads._outdated(now_s, AT)) == {idle, old}
    assert fresh not in uploads._outdated(now_s, AT)


@pytest.mark.parametrize("keep", [False, True])
async def test_the_file_goes_with_its_report_there_unless_it_is_to_be_kept(make, keep):
    uploads = make(keep=keep)
    begun = uploads.begin("a", 1)
    await uploads.receive_part(begun.id, 0, stream(b"x"))
    upload = uploads._find(begun.id)
    upload.state = UploadState.ANALYSING
    line = DoneLine(verdict=State.CLEAR, fake_prob=0.1, text="No signs.")
    await uploads._queue._conclude(upload, line)
    assert upload.view().state is UploadState.DONE
    assert uploads._files.input(begun.id).exists() is keep


async def test_of_a_failed_file_nothing_is_kept(make):
    uploads = make(keep=True)
    begun = uploads.begin("a", 1)
    uploads._find(begun.id).state = UploadState.ANALYSING
    failed = FailedLine(code="not_media", text="It is none.")
    await uploads._queue._conclude(uploads._find(begun.id), failed)
    assert not uploads._files.output(begun.id).exists()
    assert uploads.view(begun.id).error == "not_media"
