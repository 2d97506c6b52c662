"""The chain of bundles: what was done to it shows, and a crash at any point leaves it whole."""

import json
import shutil
import stat
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from stream_server.evidence import chain as chain_file
from stream_server.evidence.chain import Chain
from stream_server.evidence.links import Entry
from stream_server.evidence.retention import expired
from stream_server.evidence.sealing import own_key
from stream_server.evidence.verifying import verify

AT = datetime(2026, 1, 2, tzinfo=UTC)


def opened(folder: Path, key=None) -> Chain:
    chain = Chain(folder, key)
    chain.open()
    return chain


def filled(folder: Path, count: int = 3, key=None) -> Chain:
    chain = opened(folder, key)
    for number in range(count):
        add(chain, number)
    return chain


def add(chain: Chain, number: int) -> Entry:
    files = {"alert.json": b"{}", "clip.mp4": bytes([number]) * 100}
    facts = {
        "alert_id": f"alert-{number}",
        "stream_id": "door",
        "made_at": AT.isoformat(),
        "kept": "clip",
        "note": None,
    }
    return chain.add(f"alert-{number}", files, facts)


def wrong(path: Path, key: str | None = None) -> str:
    """Every sentence about what does not hold."""
    return "\n".join(finding.text for finding in verify(path, key) if not finding.holds)


def bundles(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.is_dir())


def test_bundles_hold_one_by_one_and_as_a_chain_and_are_private(tmp_path):
    folder = tmp_path / "evidence"
    filled(folder)
    assert wrong(folder) == ""
    assert "unbroken" in verify(folder)[-1].text
    assert [wrong(path) for path in bundles(folder)] == ["", "", ""]
    modes = {path: stat.S_IMODE(path.stat().st_mode) for path in [folder, *folder.rglob("*")]}
    assert {modes[path] for path in modes if path.is_dir()} == {0o700}
    assert {modes[path] for path in modes if path.is_file()} == {0o600}


def alter(bundle: Path) -> None:
    (bundle / "clip.mp4").write_bytes(b"\0" * 100)


def lengthen(bundle: Path) -> None:
    with (bundle / "clip.mp4").open("ab") as file:
        file.write(b"more")


def remove(bundle: Path) -> None:
    (bundle / "clip.mp4").unlink()


def plant(bundle: Path) -> None:
    (bundle / "other.jpg").write_bytes(b"")


def rewrite(bundle: Path) -> None:
    """What somebody does who knows the format: the manifest fits the altered file."""
    facts = json.loads((bundle / "manifest.json").read_text())
    facts["note"] = "nothing to see"
    (bundle / "manifest.json").write_text(json.dumps(facts))


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (alter, "clip.mp4 was altered"),
        (lengthen, "clip.mp4 was altered"),
        (remove, "clip.mp4 is missing"),
        (plant, "other.jpg was added"),
        (rewrite, "00000003-alert-2 does not continue the chain"),
        (shutil.rmtree, "Number 2 is missing"),
    ],
)
def test_what_was_done_to_a_bundle_in_the_middle_is_said(tmp_path, change, sentence):
    filled(tmp_path)
    change(tmp_path / "00000002-alert-1")
    assert sentence in wrong(tmp_path)


def test_a_missing_last_bundle_is_noticed_by_the_head(tmp_path):
    filled(tmp_path)
    shutil.rmtree(tmp_path / "00000003-alert-2")
    assert "Number 3 is missing" in wrong(tmp_path)
    add(opened(tmp_path), 9)
    assert "Number 3 is missing" in wrong(tmp_path), "and is not papered over by the next"


def test_a_signature_tells_whose_a_bundle_is_and_that_nobody_rewrote_it(tmp_path):
    key = own_key(tmp_path / "key.pem")
    assert stat.S_IMODE((tmp_path / "key.pem").stat().st_mode) == 0o600
    folder = tmp_path / "evidence"
    filled(folder, key=own_key(tmp_path / "key.pem"))
    assert wrong(folder, key.public) == ""
    stranger = own_key(tmp_path / "other.pem").public
    assert "signed with another key" in wrong(folder, stranger)
    assert "signed with the key" in verify(folder)[0].text
    rewrite(folder / "00000002-alert-1")
    assert "signature does not fit" in wrong(folder)
    filled(tmp_path / "unsigned")
    assert "not signed" in wrong(tmp_path / "unsigned", key.public)


def test_a_downloaded_zip_is_verified_as_it_is(tmp_path):
    filled(tmp_path / "evidence", 1)
    (bundle,) = bundles(tmp_path / "evidence")
    archive = Path(shutil.make_archive(str(tmp_path / "b"), "zip", bundle.parent, bundle.name))
    assert wrong(archive) == ""
    with zipfile.ZipFile(archive, "a") as file:
        file.writestr(f"{bundle.name}/more.txt", "more")
    assert "more.txt was added" in wrong(archive)
    archive.write_bytes(archive.read_bytes()[:200])
    assert "cannot be read" in wrong(archive)


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path):
    filled(tmp_path / "evidence", 1)
    (bundle,) = bundles(tmp_path / "evidence")
    (bundle / "clip.mp4").rename(tmp_path / "clip.mp4")
    (bundle / "clip.mp4").symlink_to(tmp_path / "clip.mp4")
    assert "a link" in wrong(bundle)


def test_a_deleted_bundle_leaves_a_mark_and_the_chain_holds(tmp_path):
    chain = filled(tmp_path, 4)
    chain.pin("00000001-alert-0", pinned=True)
    for name in ("00000001-alert-0", "00000003-alert-2", "00000004-alert-3"):
        chain.delete(name, "age")
    assert [path.name for path in bundles(tmp_path)] == ["00000002-alert-1"]
    assert not list(tmp_path.glob("*.pinned"))
    assert wrong(tmp_path) == ""
    assert any("deleted by the service (age)" in finding.text for finding in verify(tmp_path))
    again = opened(tmp_path)
    assert add(again, 7).name == "00000005-alert-7", "no number is used twice"
    assert wrong(tmp_path) == ""
    (tmp_path / "00000003-alert-2.deleted.json").unlink()
    assert "Number 3 is missing" in wrong(tmp_path)


@pytest.mark.parametrize("step", range(1, 40, 2))
def test_a_crash_at_any_step_leaves_whole_bundles_and_a_chain_that_holds(
    tmp_path, monkeypatch, step
):
    """Every touch of the disk is a step; the process dies at one of them, then starts again."""
    filled(tmp_path, 2)
    chain = opened(tmp_path)
    steps = iter(range(1, 1000))

    class Died(BaseException):
        pass

    def mortal(function):
        def wrapped(*arguments, **options):
            if next(steps) == step:
                raise Died
            return function(*arguments, **options)

        return wrapped

    with monkeypatch.context() as patch:
        for name in ("_write", "_sync", "_remove"):
            patch.setattr(chain_file, name, mortal(getattr(chain_file, name)))
        patch.setattr(Path, "rename", mortal(Path.rename))
        patch.setattr(Path, "unlink", mortal(Path.unlink))
        try:
            add(chain, 2)
            chain.delete("00000001-alert-0", "age")
        except Died:
            pass
    opened(tmp_path)
    assert wrong(tmp_path) == ""
    assert not [path.name for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_when_the_disk_refuses_nothing_of_a_bundle_stays(tmp_path, monkeypatch):
    chain = filled(tmp_path, 1)

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(chain_file, "_sync", full)
        with pytest.raises(OSError, match="No space"):
            add(chain, 1)
    assert [path.name for path in bundles(tmp_path)] == ["00000001-alert-0"]
    add(chain, 1)
    assert wrong(tmp_path) == ""


def entry(number: int, age_days: float, size: int, *, pinned: bool = False) -> Entry:
    made_at = AT - timedelta(days=age_days)
    return Entry(f"{number:08}-a", f"a{number}", "door", made_at, "clip", None, (), size, pinned)


def test_retention_takes_the_old_then_the_oldest_beyond_the_bytes_and_never_the_pinned():
    entries = [
        entry(1, 30, 10, pinned=True),
        entry(2, 20, 10),
        entry(3, 3, 60),
        entry(4, 2, 60, pinned=True),
        entry(5, 1, 60),
    ]
    going = expired(entries, AT, timedelta(days=14), 100)
    assert [(one.name[:8], why) for one, why in going] == [
        ("00000002", "age"),
        ("00000003", "bytes"),
    ]
