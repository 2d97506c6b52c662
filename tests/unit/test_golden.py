"""The drawn test pictures are the same everywhere and differ where mistakes must show."""

import numpy as np
import pytest

from pipeline.golden import crops_sha256, golden_crops, largest_gap

SHA256 = "ea8e927d88cf2837caa36e9dac3597a94cd148dbad37998283fd91311ffff5fa"


def test_the_pictures_are_the_same_on_every_machine():
    assert crops_sha256(golden_crops(32)) == SHA256


@pytest.mark.parametrize("size_px", [1, 16, 160, 299])
def test_blue_and_red_differ_in_every_picture(size_px):
    crops = golden_crops(size_px)
    assert crops.shape == (4, size_px, size_px, 3)
    means = crops.mean(axis=(1, 2))
    assert (np.abs(means[:, 0] - means[:, 2]) > 20).all()


def test_answers_are_compared_within_what_a_probability_can_resolve():
    far = np.array([30.0, -20.0, 1.0])
    assert largest_gap(far, np.array([13.8, -13.8, 1.001])) == pytest.approx(0.001)
    assert largest_gap(far, np.array([-13.8, -13.8, 1.0])) == 16
    assert largest_gap(np.array([np.nan]), np.array([0.0])) == np.inf
