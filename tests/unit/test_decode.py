from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest

from pipeline.decode import DecodeLimits, Decoder, VideoPacket, failure_code, upright
from pipeline.errors import SourceLost, SourceRefused
from pipeline.media_time import Picker
from pipeline.types import Frame, Image, StreamId
from tests.media import plain_wall, write_clip

CAMERA = StreamId("camera")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "squares.mp4"
    chance = np.random.default_rng(0)
    squares = chance.integers(0, 255, (15, 20, 3), dtype=np.uint8).repeat(16, 0).repeat(16, 1)
    return write_clip(path, (np.roll(squares, 2 * index, axis=1) for index in range(90)))


def decode(path: Path, **options: object) -> tuple[Decoder, list[Frame]]:
    with av.open(str(path)) as container:
        decoder = Decoder(container, CAMERA, 3, **options)  # type: ignore[arg-type]
        return decoder, list(decoder.frames())


def spoiled(container: av.container.InputContainer, every: int) -> Iterator[VideoPacket]:
    """Every so many packets have bits flipped; keyframes stay whole."""
    chance = np.random.default_rng(0)
    for index, packet in enumerate(container.demux(video=0)):
        if packet.size and index % every == every - 1 and not packet.is_keyframe:
            data = bytearray(bytes(packet))
            for _ in range(4):
                data[int(chance.integers(6, len(data)))] ^= 1 << int(chance.integers(8))
            other: VideoPacket = av.Packet(bytes(data))
            other.pts, other.dts, other.time_base = packet.pts, packet.dts, packet.time_base
            other.stream = packet.stream
            yield other
        else:
            yield packet


def test_frames_carry_their_stream_their_epoch_and_their_time(clip: Path) -> None:
    decoder, frames = decode(clip)
    assert len(frames) == decoder.decoded_frames == 90
    assert {frame.stream_id for frame in frames} == {CAMERA}
    assert {frame.epoch for frame in frames} == {3}
    assert [frame.index for frame in frames] == list(range(90))
    assert [frame.time_s for frame in frames] == pytest.approx([i / 30 for i in range(90)])
    assert not any(frame.damaged for frame in frames)
    assert decoder.bytes_in > 0


def test_only_wanted_frames_come_out_and_the_rest_is_decoded(clip: Path) -> None:
    decoder, frames = decode(clip, wanted=Picker(10))
    assert len(frames) == 30
    assert decoder.decoded_frames == 90


def test_images_own_their_memory(clip: Path) -> None:
    _, frames = decode(clip)
    before = frames[0].image.copy()
    frames[1].image[:] = 0
    assert np.array_equal(frames[0].image, before)


@pytest.mark.fault("F08")
@pytest.mark.parametrize("every", [50, 10, 3])
def test_damage_is_survived_and_every_spoiled_picture_is_marked(clip: Path, every: int) -> None:
    clean = {frame.index: frame for frame in decode(clip)[1]}
    with av.open(str(clip)) as container:
        decoder = Decoder(container, CAMERA, packets=spoiled(container, every))
        frames = list(decoder.frames())
    assert len(frames) > 45
    assert decoder.damaged_frames > 0
    by_time = {round(frame.time_s * 30): frame for frame in clean.values()}
    for frame in frames:
        twin = by_time[round(frame.time_s * 30)]
        error = np.abs(frame.image.astype(int) - twin.image).mean()
        assert frame.damaged or error < 1


def test_after_a_keyframe_pictures_are_whole_again(clip: Path) -> None:
    def one_bad(container: av.container.InputContainer) -> Iterator[VideoPacket]:
        for index, packet in enumerate(container.demux(video=0)):
            if index == 5:
                other: VideoPacket = av.Packet(b"\0\0\0\1" + bytes(60))
                other.pts, other.dts, other.time_base = packet.pts, packet.dts, packet.time_base
                other.stream = packet.stream
                yield other
            else:
                yield packet

    with av.open(str(clip)) as container:
        frames = list(Decoder(container, CAMERA, packets=one_bad(container)).frames())
    damaged = [round(frame.time_s * 30) for frame in frames if frame.damaged]
    assert damaged
    assert all(5 <= number < 30 for number in damaged)  # there is a keyframe every 30


def test_a_hole_in_a_lossy_stream_marks_the_pictures_after_it(clip: Path) -> None:
    def with_hole(container: av.container.InputContainer) -> Iterator[VideoPacket]:
        for index, packet in enumerate(container.demux(video=0)):
            if index != 40:
                yield packet

    with av.open(str(clip)) as container:
        limits = DecodeLimits(loss_gap_steps=1.8)
        packets = with_hole(container)
        frames = list(Decoder(container, CAMERA, limits=limits, packets=packets).frames())
    damaged = [round(frame.time_s * 30) for frame in frames if frame.damaged]
    assert damaged == list(range(41, 60))


def test_a_stream_of_nothing_but_rubbish_is_given_up(clip: Path) -> None:
    def rubbish(container: av.container.InputContainer) -> Iterator[VideoPacket]:
        for _ in range(20):
            for packet in container.demux(video=0):
                if packet.size:
                    other: VideoPacket = av.Packet(b"\0\0\0\1" + bytes(range(1, 60)))
                    other.stream = packet.stream
                    yield other
            container.seek(0)

    with av.open(str(clip)) as container:
        limits = DecodeLimits(max_consecutive_failures=100)
        decoder = Decoder(container, CAMERA, limits=limits, packets=rubbish(container))
        with pytest.raises(SourceLost) as caught:
            list(decoder.frames())
    assert caught.value.code == "invalid_data"
    assert decoder.failed_packets == 101


@pytest.mark.fault("F13")
def test_a_picture_above_the_cap_is_refused_before_anything_is_decoded(clip: Path) -> None:
    with av.open(str(clip)) as container, pytest.raises(SourceRefused) as caught:
        Decoder(container, CAMERA, limits=DecodeLimits(max_pixels=320 * 240 - 1))
    assert caught.value.code == "too_large"


def test_a_container_without_video_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tone.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 800), np.int16), "s16", "mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with av.open(str(path)) as container, pytest.raises(SourceRefused) as caught:
        Decoder(container, CAMERA)
    assert caught.value.code == "no_video"


@pytest.mark.fault("F14")
@pytest.mark.parametrize(
    ("codec", "pixel_format", "suffix"),
    [
        ("libx264", "yuv420p10le", ".mkv"),
        ("libx264", "yuvj420p", ".mkv"),
        ("libx264", "yuv444p", ".mkv"),
        ("libx264", "gray", ".mkv"),
        ("ffv1", "gray16le", ".mkv"),
        ("ffv1", "bgra", ".mkv"),
        ("mjpeg", "yuvj422p", ".mkv"),
        ("libvpx-vp9", "yuva420p", ".webm"),
    ],
)
def test_every_pixel_format_becomes_the_same_bgr(
    tmp_path: Path, codec: str, pixel_format: str, suffix: str
) -> None:
    image = plain_wall(320, 240)
    path = tmp_path / f"clip{suffix}"
    write_clip(path, [image] * 3, codec=codec, pixel_format=pixel_format, options={})
    _, frames = decode(path)
    assert frames[0].image.shape == (240, 320, 3)
    assert frames[0].image.dtype == np.uint8
    is_grey = pixel_format.startswith("gray")
    expected = image.mean(axis=2, keepdims=True) if is_grey else image
    assert np.abs(frames[0].image.astype(float) - expected).mean() < 8


@pytest.mark.fault("F14")
@pytest.mark.parametrize(("width", "height"), [(16, 16), (321, 241), (98, 402)])
def test_small_and_odd_sizes_are_decoded(tmp_path: Path, width: int, height: int) -> None:
    path = tmp_path / "odd.mkv"
    image = np.full((height, width, 3), 90, np.uint8)
    write_clip(path, [image] * 3, codec="ffv1", pixel_format="bgr0", options={})
    _, frames = decode(path)
    assert frames[0].image.shape == (height, width, 3)
    assert np.all(frames[0].image == 90)


@pytest.mark.fault("F14")
@pytest.mark.parametrize(
    ("degrees", "matrix", "corner"),
    [
        (90, (0, -0x10000, 0, 0x10000, 0, 0, 0, 0, 0x40000000), (-1, 0)),
        (-90, (0, 0x10000, 0, -0x10000, 0, 0, 0, 0, 0x40000000), (0, -1)),
        (180, (-0x10000, 0, 0, 0, -0x10000, 0, 0, 0, 0x40000000), (-1, -1)),
    ],
)
def test_a_video_held_sideways_is_turned_upright(
    tmp_path: Path, degrees: int, matrix: tuple[int, ...], corner: tuple[int, int]
) -> None:
    image = np.zeros((96, 160, 3), np.uint8)
    image[:24, :40] = 255  # white in its top left corner
    path = write_clip(tmp_path / "phone.mp4", [image] * 3)
    path.write_bytes(_with_matrix(path.read_bytes(), matrix))
    _, frames = decode(path)
    shown = frames[0].image
    assert shown.shape == ((96, 160, 3) if degrees == 180 else (160, 96, 3))
    rows, columns = (slice(-20, None) if edge else slice(20) for edge in corner)
    assert shown[rows, columns].mean() > 200
    assert shown.mean() < 60


def _with_matrix(mp4: bytes, matrix: tuple[int, ...]) -> bytes:
    """The same file with another display matrix in its track header (ISO/IEC 14496-12, 8.3.2)."""
    start = mp4.index(b"tkhd") + 4 + 4 + 5 * 4 + 8 + 8
    packed = b"".join(value.to_bytes(4, "big", signed=True) for value in matrix)
    return mp4[:start] + packed + mp4[start + 36 :]


def in_pq(shown: Image) -> Image:
    """The same light in HDR10's curve (SMPTE ST 2084), white at 203 cd/m2 (ITU-R BT.2408)."""
    light = (203 / 10_000 * (shown / 255.0) ** 2.2) ** (2610 / 16_384)
    code = (3424 / 4096 + 2413 / 128 * light) / (1 + 2392 / 128 * light)
    return np.asarray(255 * code ** (2523 / 32), np.uint8)


def in_hlg(shown: Image) -> Image:
    """The same light in HLG (ARIB STD-B67), white at three quarters of the signal."""
    light = 0.265 * (shown / 255.0) ** (2.2 / 1.2)
    high = 0.17883277 * np.log(np.maximum(12 * light - 0.28466892, 1e-9)) + 0.55991073
    return np.asarray(255 * np.where(light <= 1 / 12, np.sqrt(3 * light), high), np.uint8)


@pytest.mark.parametrize(
    ("curve", "name"), [(in_pq, "smpte2084"), (in_hlg, "arib-std-b67")], ids=["pq", "hlg"]
)
def test_hdr_comes_out_in_the_colours_of_ordinary_video(tmp_path: Path, curve, name: str) -> None:
    steps = np.linspace(20, 235, 16).astype(np.uint8).repeat(16)
    shown = np.repeat(np.tile(steps, (64, 1))[:, :, None], 3, axis=2)
    options = {"x264-params": f"transfer={name}:colorprim=bt2020", "crf": "4"}
    path = tmp_path / "hdr.mp4"
    write_clip(path, [curve(shown)] * 2, options=options, pixel_format="yuv420p10le")
    _, frames = decode(path)
    off = np.abs(frames[0].image.astype(int) - shown).mean()
    assert off < 12
    assert off < np.abs(curve(shown).astype(int) - shown).mean() / 2, "undone, not left as it is"


def test_quarter_turns_are_exact() -> None:
    image = np.arange(24, dtype=np.uint8).reshape(2, 4, 3)
    assert upright(image, 0) is image
    assert upright(image, 90).shape == (4, 2, 3)
    assert np.array_equal(upright(upright(image, 90), -90), image)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (av.error.HTTPUnauthorizedError(1, "rtsp://u:canary@h"), "auth_failed"),
        (av.error.HTTPForbiddenError(1, ""), "auth_failed"),
        (av.error.HTTPNotFoundError(1, ""), "not_found"),
        (av.error.ConnectionRefusedError(1, ""), "refused"),
        (av.error.ExitError(1, ""), "timeout"),
        (av.error.TimeoutError(1, ""), "timeout"),
        (av.error.InvalidDataError(1, ""), "invalid_data"),
        (av.error.EOFError(1, ""), "ended"),
        (av.error.OSError(5, "Input/output error"), "unreachable"),
    ],
)
def test_library_errors_have_stable_codes(error: BaseException, code: str) -> None:
    assert failure_code(error) == code
