"""The leak audits as tests: on drawn faces always, on the real store where it is (nightly)."""

from pathlib import Path

import numpy as np
import pytest

from export.audit import audit
from export.crops import CropStore, cut
from export.faces import FaceFinder
from export.forgery import families
from export.forgery.camera import grained
from export.pairs import PairMaker
from export.probes import HIGH, LOW
from pipeline.types import Frame, StreamId
from tests.media import draw_face
from tests.unit.stores import write_store

ROOT = Path(__file__).parents[2]
REAL = ROOT / "data/crops/train"
BLIND = ("metadata", "periphery", "resolution", "shuffled")
SHARES = {
    "self_blend": 0.28, "live_swap": 0.34, "cross_swap": 0.14, "partial": 0.10, "smooth": 0.07,
    "blurred": 0.04, "upsampled": 0.03,
}  # fmt: skip


def findings(store, shares, count, seed):
    genuine = [index for index, fact in enumerate(store.facts) if fact["label"] == 0]
    maker = PairMaker(store, genuine, families(None), shares)
    rng = np.random.default_rng(seed)
    made = (maker.make(rng) for _ in range(count))
    return {finding.probe: finding for finding in audit(made, rng)}


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    finder, crops = FaceFinder(), []
    for seed in range(12):
        image = grained(draw_face(300, seed=seed), np.random.default_rng(seed))
        face = finder.largest(Frame(StreamId("drawn"), 0, 0.0, 0, np.asarray(image, np.uint8)))
        if face is not None and np.isfinite(face.landmarks).all():
            crops.append(cut(image, face, {"label": 0, "source": "drawn"}))
    assert len(crops) >= 8
    return write_store(tmp_path_factory.mktemp("drawn"), crops)


def test_pairs_of_drawn_faces_differ_nowhere_but_in_the_forged_region(drawn):
    # Of 400 pairs an AUC of chance alone has a standard deviation of .02.
    found = findings(drawn, SHARES, 400, 5)
    assert found["control"].auc.value > 0.7
    for name in BLIND:
        assert LOW <= found[name].auc.value <= HIGH, (name, str(found[name].auc))


@pytest.mark.nightly
@pytest.mark.skipif(not REAL.is_dir(), reason="the training store is not here")
def test_pairs_of_the_real_store_pass_every_audit():
    found = findings(CropStore(REAL), SHARES, 1600, 21)
    assert found["control"].auc.value > 0.7
    for name in BLIND:
        assert LOW <= found[name].auc.value <= HIGH, (name, str(found[name].auc))
