import http.server
import subprocess
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pytest

from pipeline.decode import DecodeLimits
from pipeline.errors import MediaError
from pipeline.media_file import FileLimits, MediaFile, open_media
from pipeline.types import Frame
from stream_server.streams.status import StreamState
from tests.media import draw_face, write_clip
from tests.needs import find_free_port, need
from tests.watched_stream import WatchedStream

SECONDS = 2


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("files")
    chance = np.random.default_rng(0)
    squares = chance.integers(0, 255, (12, 16, 3), dtype=np.uint8).repeat(10, 0).repeat(10, 1)
    for suffix in (".mp4", ".mkv", ".ts", ".avi", ".mov"):
        frames = (np.roll(squares, index, axis=1) for index in range(30 * SECONDS))
        write_clip(folder / f"clip{suffix}", frames)
    face = draw_face(200)
    for suffix in (".jpg", ".png", ".webp", ".bmp", ".tiff"):
        cv2.imwrite(str(folder / f"face{suffix}"), face)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("This is no video.\n" * 500)
    (folder / "noise.mp4").write_bytes(chance.bytes(50_000))
    return folder


def read(path: Path | str, **options: object) -> tuple[MediaFile, list[Frame]]:
    with open_media(path, **options) as media:  # type: ignore[arg-type]
        return media, list(media.frames())


def cut(source: Path, share: float, target: Path) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: int(share * len(data))])
    return target


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts", ".avi", ".mov"])
def test_every_frame_of_a_video_comes_out_with_its_time(folder: Path, suffix: str) -> None:
    media, frames = read(folder / f"clip{suffix}")
    assert media.kind == "video"
    assert media.duration_s == pytest.approx(SECONDS, abs=0.1)
    assert media.fps == pytest.approx(30)
    assert media.decoded_frames == len(frames) == 30 * SECONDS
    assert frames[-1].time_s == pytest.approx(SECONDS - 1 / 30, abs=0.01)
    assert not media.truncated
    assert media.damaged_frames == 0


def test_fewer_frames_a_second_come_out_where_fewer_are_wanted(folder: Path) -> None:
    media, frames = read(folder / "clip.mp4", analyse_fps=10)
    assert len(frames) == 10 * SECONDS
    assert media.decoded_frames == 30 * SECONDS


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".bmp", ".tiff"])
def test_a_picture_is_one_frame(folder: Path, suffix: str) -> None:
    media, frames = read(folder / f"face{suffix}")
    assert media.kind == "image"
    assert media.duration_s == 0
    assert [frame.image.shape for frame in frames] == [(200, 200, 3)]
    assert np.abs(frames[0].image.astype(int) - draw_face(200)).mean() < 3


def test_a_picture_held_sideways_is_turned_upright(tmp_path: Path) -> None:
    image = np.zeros((40, 60, 3), np.uint8)
    image[:, :20] = 255  # white on the left; turned clockwise, white on top
    ok, jpeg = cv2.imencode(".jpg", image)
    assert ok
    # One Exif entry: orientation 6, "rotate a quarter clockwise to see it upright".
    entry = b"\x01\x12\x00\x03\x00\x00\x00\x01\x00\x06\x00\x00"
    tiff = b"MM\x00\x2a\x00\x00\x00\x08\x00\x01" + entry + bytes(4)
    exif = b"Exif\0\0" + tiff
    marker = b"\xff\xe1" + (len(exif) + 2).to_bytes(2, "big") + exif
    path = tmp_path / "phone.jpg"
    path.write_bytes(jpeg.tobytes()[:2] + marker + jpeg.tobytes()[2:])
    shown = read(path)[1][0].image
    assert shown.shape == (60, 40, 3)
    assert shown[:15].mean() > 240
    assert shown[25:].mean() < 15


def test_a_huge_picture_is_read_at_a_fraction_of_its_size(tmp_path: Path) -> None:
    path = tmp_path / "huge.jpg"
    cv2.imwrite(str(path), np.full((1200, 1600, 3), 80, np.uint8))
    limits = FileLimits(decode=DecodeLimits(max_pixels=500_000))
    assert read(path, limits=limits)[1][0].image.shape == (600, 800, 3)
    with pytest.raises(MediaError, match="more than 1 million") as caught:
        read(path, limits=FileLimits(max_still_pixels=1_000_000))
    assert caught.value.code == "too_large"


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("missing.mp4", "missing"),
        (".", "is_folder"),
        ("empty.mp4", "empty"),
        ("text.mp4", "not_media"),
        ("noise.mp4", "not_media"),
    ],
)
def test_what_is_no_media_gets_a_clear_sentence(folder: Path, name: str, code: str) -> None:
    with pytest.raises(MediaError) as caught:
        read(folder / name)
    assert caught.value.code == code
    sentence = str(caught.value)
    assert sentence[0].isupper()
    assert sentence.endswith(".")
    assert str(folder) not in sentence


def test_a_sound_with_a_cover_picture_has_no_video(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    sound = ["-f", "lavfi", "-i", "sine=d=1"]
    cover = ["-i", folder / "face.png", "-map", "0", "-map", "1", "-c:v", "png"]
    attached = ["-disposition:v", "attached_pic", path]
    subprocess.run([need("ffmpeg"), "-v", "error", *sound, *cover, *attached], check=True)
    with pytest.raises(MediaError) as caught:
        read(path)
    assert caught.value.code == "no_video"


def test_a_video_above_the_cap_is_refused(folder: Path) -> None:
    with pytest.raises(MediaError, match="160 x 120") as caught:
        read(folder / "clip.mp4", limits=FileLimits(decode=DecodeLimits(max_pixels=1000)))
    assert caught.value.code == "too_large"


def test_a_truncated_video_gives_what_is_left_and_says_so(folder: Path, tmp_path: Path) -> None:
    media, frames = read(cut(folder / "clip.mkv", 0.4, tmp_path / "cut.mkv"))
    assert 10 < len(frames) < 30 * SECONDS
    assert media.truncated


def test_a_truncated_video_whose_index_is_lost_is_refused(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(MediaError) as caught:
        read(cut(folder / "clip.mp4", 0.5, tmp_path / "cut.mp4"))
    assert caught.value.code == "not_media"


def test_a_damaged_video_is_read_to_its_end_with_its_damage_marked(
    folder: Path, tmp_path: Path
) -> None:
    data = bytearray((folder / "clip.mkv").read_bytes())
    chance = np.random.default_rng(1)
    for at in chance.integers(len(data) // 4, len(data), 60):
        data[int(at)] ^= 0xFF
    path = tmp_path / "damaged.mkv"
    path.write_bytes(data)
    media, frames = read(path)
    assert len(frames) > 20
    assert media.damaged_frames > 0
    assert any(frame.damaged for frame in frames)


def test_a_file_cannot_lead_to_another_one(folder: Path, tmp_path: Path) -> None:
    playlist = tmp_path / "list.m3u8"
    playlist.write_text(
        "#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\n"
        f"http://127.0.0.1:{find_free_port()}/x.ts\n#EXT-X-ENDLIST\n"
    )
    with pytest.raises(MediaError):
        read(playlist)
    with pytest.raises(MediaError) as caught:
        read(f"concat:{folder / 'clip.ts'}|{folder / 'clip.ts'}")
    assert caught.value.code == "missing"


def test_an_address_with_a_password_fails_without_showing_it() -> None:
    with pytest.raises(MediaError) as caught:
        read(f"rtsp://u:canary@127.0.0.1:{find_free_port()}/x")
    assert caught.value.code == "refused"
    assert "canary" not in repr(caught.value)
    assert caught.value.__suppress_context__


@pytest.fixture
def server(folder: Path) -> Iterator[str]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), partial(Quiet, directory=str(folder))
    ) as httpd:
        thread = threading.Thread(target=httpd.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{httpd.server_address[1]}"
        httpd.shutdown()
        thread.join()


def test_a_video_is_read_over_http(server: str) -> None:
    media, frames = read(f"{server}/clip.mkv")
    assert len(frames) == 30 * SECONDS
    assert media.duration_s == pytest.approx(SECONDS)
    with pytest.raises(MediaError) as caught:
        read(f"{server}/nothing.mp4")
    assert caught.value.code == "not_found"


def test_an_hls_playlist_plays_as_a_live_stream_at_real_pace(server: str, folder: Path) -> None:
    segments = f"#EXTINF:{SECONDS},\nclip.ts\n" * 2
    (folder / "list.m3u8").write_text(
        f"#EXTM3U\n#EXT-X-TARGETDURATION:{SECONDS}\n{segments}#EXT-X-ENDLIST\n"
    )
    began_s = time.monotonic()
    with WatchedStream(f"{server}/list.m3u8", retry=False) as stream:
        stream.wait_for_state(StreamState.ENDED)
        took_s = time.monotonic() - began_s
        assert stream.status.frames_decoded > 30
    assert took_s > SECONDS


def test_a_file_plays_as_a_live_stream_again_and_again(folder: Path) -> None:
    with WatchedStream(f"file://{folder / 'clip.mp4'}") as stream:
        began_s = time.monotonic()
        stream.wait_for_analyses(15 * SECONDS + 10)
        assert time.monotonic() - began_s > SECONDS
        assert {epoch for epoch, *_ in stream.analyzer.frames} == {1, 2}


def test_every_wanted_frame_of_a_file_is_analysed_when_it_need_not_be_live(folder: Path) -> None:
    url = f"file://{folder / 'clip.mp4'}"
    with WatchedStream(url, live=False, analyse_fps=30) as stream:
        stream.wait_for_state(StreamState.ENDED)
    assert stream.status.frames_analysed == 30 * SECONDS
    assert not stream.status.drops
