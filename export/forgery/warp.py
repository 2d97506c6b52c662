"""Moves pixels: aligned patches, and a donor's face pulled onto a target's points."""

import cv2
import numpy as np
from numpy.typing import NDArray

from export.forgery.face import FaceCrop
from export.forgery.masks import BROWS, EYES, LIPS, NOSE, OVAL

ANCHORS = tuple(dict.fromkeys(OVAL + LIPS + EYES + BROWS + NOSE + (50, 280, 205, 425, 151, 9, 200)))
GRID = 40
COVER = 1.45
"""How much more than the five points' square an aligned face shows."""

# Where right eye, left eye, nose and mouth corners fall in a unit square, as face swappers align.
ALIGNED = np.array(
    [[0.34, 0.46], [0.66, 0.46], [0.5, 0.64], [0.37, 0.82], [0.63, 0.82]], dtype=np.float32
)
FIVE = ((33, 133), (362, 263), (4, 4), (61, 61), (291, 291))


def five_points(face: FaceCrop) -> NDArray[np.float32]:
    """(5, 2): eye middles, nose tip, mouth corners."""
    return np.array([(face.points[a] + face.points[b]) / 2 for a, b in FIVE], dtype=np.float32)


def alignment(face: FaceCrop, size_px: int, cover: float) -> NDArray[np.float64]:
    """(2, 3) similarity from the picture to an aligned square; a larger `cover` shows more."""
    goal = ((ALIGNED - 0.5) / cover + 0.5) * size_px
    matrix, _ = cv2.estimateAffinePartial2D(five_points(face), goal, method=cv2.LMEDS)
    if matrix is None:
        raise ValueError("The five points of a face lie on top of each other.")
    return np.asarray(matrix, np.float64)


def aligned_face(face: FaceCrop, size_px: int, cover: float = COVER) -> NDArray[np.uint8]:
    """The face in an aligned square, (size_px, size_px, 3)."""
    matrix = alignment(face, size_px, cover)
    warped = cv2.warpAffine(
        face.image, matrix, (size_px, size_px), flags=cv2.INTER_AREA, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(warped, np.uint8)


def onto(donor: FaceCrop, target: FaceCrop) -> NDArray[np.float32]:
    """The donor's face in the target's shape and place, (height, width, 3).

    A similarity brings the faces together; what is left of each of about 130 points' displacement
    is spread by inverse distance (Shepard 1968) over a coarse grid. Unlike a Delaunay mesh this
    costs the same for every pair of faces, and profile views have no degenerate triangles.
    """
    rows, columns = target.image.shape[:2]
    anchors = list(ANCHORS)
    to, source = target.points[anchors], donor.points[anchors]
    matrix = alignment(target, 1, 1.0)
    back = cv2.invertAffineTransform(alignment(donor, 1, 1.0))

    def carried(points: NDArray[np.float32]) -> NDArray[np.float32]:
        unit = points @ matrix[:, :2].T + matrix[:, 2]
        return np.asarray(unit @ back[:, :2].T + back[:, 2], np.float32)

    grid_x, grid_y = np.meshgrid(np.linspace(0, columns - 1, GRID), np.linspace(0, rows - 1, GRID))
    places = np.stack([grid_x.ravel(), grid_y.ravel()], axis=1).astype(np.float32)
    squared = np.square(places[:, None, :] - to[None, :, :]).sum(2)
    weights = 1 / np.square(squared + np.float32((0.02 * target.side_px) ** 2))
    spread = (weights @ (source - carried(to))) / weights.sum(1, keepdims=True)
    # Far from the face the displacement fades, so that hair and background are not torn.
    far = np.exp(-squared.min(1, keepdims=True) / np.float32((0.35 * target.side_px) ** 2))
    coarse = (carried(places) + spread * far).reshape(GRID, GRID, 2).astype(np.float32)
    fine = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_LINEAR)
    warped = cv2.remap(
        donor.image, fine[:, :, 0], fine[:, :, 1], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT
    )
    return np.asarray(warped, np.float32)


def jitter(face: FaceCrop, rng: np.random.Generator, strength: float) -> NDArray[np.float64]:
    """A small random affine about the middle of the face: shift, scale, slight turn, (2, 3)."""
    middle = (face.box[:2] + face.box[2:]) / 2
    scale = rng.uniform(1 - 0.05 * strength, 1 + 0.05 * strength)
    matrix = cv2.getRotationMatrix2D(
        (float(middle[0]), float(middle[1])), rng.normal(0, 1.0 * strength), scale
    )
    turn = np.asarray(matrix, np.float64)
    turn[:, 2] += rng.uniform(-1, 1, 2) * np.array([0.03, 0.02]) * (face.side_px * strength)
    return turn


def moved(
    image: NDArray[np.float32], matrix: NDArray[np.float64], border: int = cv2.BORDER_REFLECT
) -> NDArray[np.float32]:
    """`image` under an affine map, same size, bilinear."""
    size = (image.shape[1], image.shape[0])
    return np.asarray(cv2.warpAffine(image, matrix, size, borderMode=border), np.float32)
