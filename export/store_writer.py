"""Writes a crop store file by file, so that an interrupted run goes on where it stopped."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from export.crops import SERVE_SIZE_PX, Crop
from export.faces import POINTS
from export.splits import connected, split
from pipeline.errors import SettingsError
from pipeline.types import Image


@dataclass(frozen=True, slots=True)
class FileCrops:
    """What came out of one file."""

    crops: Sequence[tuple[Crop, Image]]
    """Stored crops, each with the crop that the service would cut, (160, 160, 3)."""
    problem: str | None
    """Why there are none, as a sentence."""


class GrowingArray:
    """A .npy file that rows are appended to; its header is put right when it is flushed."""

    def __init__(self, path: Path, row: tuple[int, ...], dtype: type, count: int) -> None:
        self._file = path.open("r+b" if path.exists() else "w+b")
        self._row, self._dtype, self._count = row, np.dtype(dtype), count
        self._write_header()
        row_bytes = int(np.prod(row)) * self._dtype.itemsize
        self._file.truncate(self._file.tell() + count * row_bytes)
        self._file.seek(0, 2)
        self._file.flush()

    def append(self, row: NDArray[Any]) -> None:
        """Add one row."""
        self._file.write(np.ascontiguousarray(row, self._dtype).tobytes())
        self._count += 1

    def flush(self) -> None:
        """Make the file whole: how many rows there are, then the rows."""
        self._write_header()
        self._file.seek(0, 2)
        self._file.flush()

    def close(self) -> None:
        """Close the file; it is whole since the last `flush`."""
        self._file.close()

    def _write_header(self) -> None:
        # NumPy leaves room in the header for the first side to grow.
        self._file.seek(0)
        shape = (self._count, *self._row)
        facts = {"descr": self._dtype.str, "fortran_order": False, "shape": shape}
        npy.write_array_header_1_0(self._file, facts)


class StoreWriter:
    """Appends files to a store; `finish` makes it readable by `CropStore`."""

    def __init__(self, folder: Path, rules: dict[str, Any]) -> None:
        """Begin or continue.

        Raises:
            SettingsError: the store was begun by other rules, or is one of before these rules.
        """
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        _same_rules(folder, rules)
        self._journal = _journal(folder / "journal.jsonl")
        faces = [face for line in self._journal for face in line["faces"]]
        self._pixels = (folder / "pixels.bin").open("ab")
        self._pixels.truncate(sum(face["side"] ** 2 * 3 for face in faces))
        serve = (SERVE_SIZE_PX, SERVE_SIZE_PX, 3)
        self._serve = GrowingArray(folder / "serve.npy", serve, np.uint8, len(faces))
        self._points = GrowingArray(folder / "landmarks.npy", (POINTS, 2), np.float32, len(faces))
        self._lines = (folder / "journal.jsonl").open("a", encoding="utf-8")
        self.done: set[str] = {line["name"] for line in self._journal}
        """Names of the files that need not be looked at again."""

    def __enter__(self) -> "StoreWriter":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._pixels.close()
        self._serve.close()
        self._points.close()
        self._lines.close()

    def add(self, name: str, keys: Sequence[str], found: FileCrops) -> None:
        """Append what came out of one file; only the journal's line makes it count."""
        faces = []
        for crop, served in found.crops:
            self._pixels.write(crop.image.tobytes())
            self._serve.append(served)
            self._points.append(crop.landmarks)
            side, box = crop.image.shape[0], [round(float(edge), 2) for edge in crop.box]
            faces.append({"side": side, "box": box, "facts": crop.facts})
        self._flush()
        line = {"name": name, "keys": list(keys), "problem": found.problem, "faces": faces}
        self._lines.write(json.dumps(line) + "\n")
        self._lines.flush()
        self._journal.append(line)
        self.done.add(name)

    def _flush(self) -> None:
        for file in (self._pixels, self._serve, self._points):
            file.flush()

    def finish(self) -> list[dict[str, Any]]:
        """Split, and write what `CropStore` reads; returns the facts of every crop."""
        lines = [line for line in self._journal if line["faces"]]
        keys = [tuple(line["keys"]) for line in lines]
        labels = [line["faces"][0]["facts"]["label"] for line in lines]
        groups, sides = connected(keys), split(keys, labels)
        facts, faces = [], []
        for line, side in zip(lines, sides, strict=True):
            tied = {
                "identity": "+".join(line["keys"]), "group": groups[line["keys"][0]],
                "split": side, "set": side,
            }  # fmt: skip
            faces += line["faces"]
            facts += [{**face["facts"], **tied} for face in line["faces"]]
        area = np.array([face["side"] for face in faces], np.int64) ** 2 * 3
        np.savez(
            self._folder / "geometry.npz",
            offsets=np.concatenate([[0], np.cumsum(area)])[: len(faces)].astype(np.int64),
            sides=np.array([face["side"] for face in faces], np.int32),
            boxes=np.array([face["box"] for face in faces], np.float32).reshape(-1, 4),
            landmarks=np.load(self._folder / "landmarks.npy"),
        )
        problems = [line for line in self._journal if line["problem"]]
        text = "".join(f"{line['name']}: {line['problem']}\n" for line in problems)
        (self._folder / "left_out.txt").write_text(text, encoding="utf-8")
        (self._folder / "facts.json").write_text(json.dumps(facts), encoding="utf-8")
        return facts


def _same_rules(folder: Path, rules: dict[str, Any]) -> None:
    path = folder / "rules.json"
    if not path.exists():
        if any(folder.iterdir()):
            raise SettingsError(f"{folder} holds other files; give an empty or a new folder.")
        path.write_text(json.dumps(rules, indent=1) + "\n", encoding="utf-8")
        return
    begun = json.loads(path.read_text(encoding="utf-8"))
    other = [name for name in rules if begun.get(name) != rules[name]]
    if other:
        raise SettingsError(
            f"{folder} was begun with another {other[0]} ({begun.get(other[0])}); "
            "give the same options or another --out."
        )


def _journal(path: Path) -> list[dict[str, Any]]:
    """The whole lines; one that was cut off by a crash is dropped from the file."""
    if not path.exists():
        return []
    text = path.read_text(encoding="utf-8")
    whole = text[: text.rfind("\n") + 1]
    if whole != text:
        path.write_text(whole, encoding="utf-8")
    return [json.loads(line) for line in whole.splitlines()]
