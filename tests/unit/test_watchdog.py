import numpy as np
import pytest

from stream_server.streams.shedding import Load, Shedding
from stream_server.streams.watchdog import FrozenWatch, HangWatch, StallSettings, StallWatch

CALM = Load(fps_received=15, fps_analysed=15, age_p95_s=0.05, busy=0.3)
SLOW = Load(fps_received=15, fps_analysed=8, age_p95_s=0.05, busy=1.0)


def watch(watchdog: StallWatch, start_s: float, end_s: float) -> float | None:
    """When it first says stalled, asked five times a second."""
    for step in range(round((end_s - start_s) * 5) + 1):
        now_s = start_s + step / 5
        if watchdog.is_stalled(now_s):
            return now_s
    return None


def flowing(fps: float, until_s: float, settings: StallSettings | None = None) -> StallWatch:
    watchdog = StallWatch(settings or StallSettings())
    watchdog.start(0.0)
    for index in range(round(until_s * fps) + 1):
        watchdog.is_stalled(index / fps)
        watchdog.saw(index / fps)
    return watchdog


def test_a_stream_is_stalled_after_five_seconds_of_silence() -> None:
    assert watch(flowing(30, 10), 10, 30) == pytest.approx(15.2, abs=0.11)


def test_a_slow_stream_may_be_silent_for_ten_of_its_intervals() -> None:
    # One frame every two seconds: asked often enough, it is stalled after twenty.
    watchdog = StallWatch()
    watchdog.start(0.0)
    for step in range(100 * 5):
        assert not watchdog.is_stalled(step / 5)
        if step % 10 == 0:
            watchdog.saw(step / 5)
    stalled_s = watch(watchdog, 100, 150)
    assert stalled_s is not None
    assert 17 < stalled_s - 98 < 21


def test_a_new_connection_has_longer_until_its_first_frame() -> None:
    watchdog = StallWatch()
    watchdog.start(0.0)
    assert watch(watchdog, 0, 30) == pytest.approx(20.2, abs=0.11)


@pytest.mark.fault("F17")
def test_a_process_that_slept_does_not_blame_the_camera() -> None:
    watchdog = flowing(30, 10)
    assert not watchdog.is_stalled(70.0)
    assert not watchdog.is_stalled(74.0)
    assert watch(watchdog, 74.2, 80) is not None


def test_a_source_without_a_limit_is_never_stalled() -> None:
    assert watch(flowing(30, 10, StallSettings(after_s=None)), 10, 1000) is None


def pictures(moving: bool, count: int, seed: int = 0) -> list[np.ndarray]:
    chance = np.random.default_rng(seed)
    still = chance.integers(0, 255, (72, 128, 3), dtype=np.uint8)
    return [np.roll(still, index * moving, axis=1) for index in range(count)]


@pytest.mark.fault("F07")
def test_the_same_picture_for_ten_seconds_is_frozen_and_motion_ends_it() -> None:
    watchdog = FrozenWatch()
    frozen = [watchdog.is_frozen(p, i / 15) for i, p in enumerate(pictures(False, 15 * 12))]
    assert frozen.index(True) == pytest.approx(150, abs=8)
    other = pictures(True, 2, seed=1)[1]
    assert not watchdog.is_frozen(other, 12.1)
    assert not watchdog.is_frozen(other, 12.2)


def test_faint_noise_of_the_codec_does_not_hide_a_frozen_picture() -> None:
    chance = np.random.default_rng(0)
    watchdog = FrozenWatch()
    frozen = False
    for index, picture in enumerate(pictures(False, 15 * 12)):
        noisy = np.clip(picture.astype(int) + chance.integers(-1, 2, picture.shape), 0, 255)
        frozen = watchdog.is_frozen(noisy.astype(np.uint8), index / 15)
    assert frozen


def test_the_noise_of_a_living_sensor_is_not_frozen() -> None:
    chance = np.random.default_rng(0)
    watchdog = FrozenWatch()
    for index, picture in enumerate(pictures(False, 15 * 15)):
        noisy = np.clip(picture + chance.normal(0, 3, picture.shape), 0, 255).astype(np.uint8)
        assert not watchdog.is_frozen(noisy, index / 15)


def test_a_new_epoch_starts_the_watch_anew() -> None:
    watchdog = FrozenWatch()
    picture = pictures(False, 1)[0]
    for index in range(15 * 9):
        watchdog.is_frozen(picture, index / 15)
    assert not any(watchdog.is_frozen(picture, index / 15) for index in range(15 * 9))


def test_pictures_smaller_than_the_samples_are_watched_too() -> None:
    watchdog = FrozenWatch(after_s=1)
    tiny = np.zeros((9, 9, 3), np.uint8)
    assert any(watchdog.is_frozen(tiny, index / 10) for index in range(30))


def run(shedding: Shedding, load: Load, start_s: int, end_s: int) -> list[int]:
    return [shedding.update(load, float(now)) for now in range(start_s, end_s)]


def test_load_that_cannot_be_kept_up_with_is_shed_step_by_step() -> None:
    assert run(Shedding(), SLOW, 0, 9) == [0, 0, 1, 1, 2, 2, 3, 3, 3]


def test_shedding_is_taken_back_slowly_and_only_in_calm() -> None:
    shedding = Shedding()
    run(shedding, SLOW, 0, 5)
    assert shedding.level == 2
    levels = run(shedding, CALM, 5, 40)
    assert levels[8] == 2
    assert levels[-1] == 0
    assert sorted(levels, reverse=True) == levels


def test_a_stream_that_is_just_slow_itself_sheds_nothing() -> None:
    slow_camera = Load(fps_received=5, fps_analysed=5, age_p95_s=0.05, busy=0.1)
    assert set(run(Shedding(), slow_camera, 0, 20)) == {0}


def test_old_frames_shed_load_even_at_full_rate() -> None:
    late = Load(fps_received=15, fps_analysed=15, age_p95_s=0.3, busy=0.9)
    assert run(Shedding(), late, 0, 5)[-1] == 2


def test_a_busy_thread_that_keeps_up_does_not_take_on_more() -> None:
    shedding = Shedding()
    run(shedding, SLOW, 0, 3)
    busy = Load(fps_received=15, fps_analysed=15, age_p95_s=0.1, busy=0.9)
    assert set(run(shedding, busy, 3, 60)) == {1}


def test_a_call_that_lasts_ten_seconds_hangs_but_not_one_that_slept() -> None:
    watch = HangWatch(after_s=10)
    asked = [watch.is_hung(0.0, float(now_s)) for now_s in range(13)]
    assert asked == [False] * 11 + [True] * 2
    assert not watch.is_hung(None, 13.0)
    assert not watch.is_hung(12.5, 80.0), "the process was stopped for a minute"
    assert [watch.is_hung(12.5, float(now_s)) for now_s in range(81, 92)][-2:] == [False, True]
