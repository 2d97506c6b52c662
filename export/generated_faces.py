"""Pictures of people who do not exist, for the family of wholly generated faces.

Run: `python -m export.generated_faces data/generated --count 600`.
A detector that has only seen blended faces calls a wholly generated one more genuine than a
genuine one. The generator is MobileStyleGAN (Belousov 2021, arXiv 2104.04767), whose weights come
with the Apache-2.0 wheel `random-face`; it runs in OpenVINO. Neither is a dependency:
`pip install openvino`, `pip install --no-deps random-face`.
"""

import argparse
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

STYLE_SIZE = 512
MEAN_OF = 400
"""Styles whose mean the truncation pulls to."""
TRUNCATION = (0.45, 0.95)
SIDES_PX = (220, 361)
JPEG_QUALITY = 91
"""As the genuine portraits of the store were saved, so that no codec tells them apart."""


class FaceGenerator:
    """The two networks of the wheel, on one thread."""

    def __init__(self) -> None:
        """Load them.

        Raises:
            ModuleNotFoundError: one of the two packages is not installed.
        """
        spec = find_spec("random_face")
        if spec is None or not spec.submodule_search_locations:
            raise ModuleNotFoundError("Install the generator: pip install --no-deps random-face")
        weights = Path(spec.submodule_search_locations[0]) / "data"
        core = import_module("openvino").Core()
        core.set_property("CPU", {"INFERENCE_NUM_THREADS": 1})
        self._mapping = core.compile_model(weights / "MappingNetwork.xml", "CPU")
        self._synthesis = core.compile_model(weights / "SynthesisNetwork.xml", "CPU")
        rng = np.random.default_rng(0)
        self._mean = np.mean([self._style(rng) for _ in range(MEAN_OF)], axis=0)

    def _style(self, rng: np.random.Generator) -> NDArray[np.float32]:
        noise = rng.normal(size=(1, STYLE_SIZE)).astype(np.float32)
        return np.asarray(self._mapping([noise])[0], np.float32)

    def face(self, rng: np.random.Generator) -> NDArray[np.uint8]:
        """A face, (1024, 1024, 3) BGR."""
        style = self._mean + rng.uniform(*TRUNCATION) * (self._style(rng) - self._mean)
        picture = np.asarray(self._synthesis([style])[0])[0].transpose(1, 2, 0)[:, :, ::-1]
        return np.asarray((np.clip(picture, -1, 1) + 1) * 127.5, np.uint8)


def main() -> None:
    """Write the pictures; those that are there already are kept."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=600)
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    generator = FaceGenerator()
    for number in tqdm(range(options.count), unit="face"):
        path = options.out / f"{number:05d}.jpg"
        if path.exists():
            continue
        rng = np.random.default_rng(number)
        side_px = int(rng.integers(*SIDES_PX))
        small = cv2.resize(generator.face(rng), (side_px, side_px), interpolation=cv2.INTER_AREA)
        cv2.imwrite(str(path), small, [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])


if __name__ == "__main__":
    main()
