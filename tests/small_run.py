"""A run's TOML that trains two steps of a small network in seconds."""

import re
from pathlib import Path

TEXT = """\
seed = 1
size_px = 48
minutes = 1.0
workers = 1
average_every = 1
fold = false
start = "scratch"
architecture = "sface"
frames = 1
steps = 2
device = "cpu"

[data]
store = "STORE"
generator = ""
exclude = ""
pairs = 2
labelled = 2
pool = 4
uses = 2.0

[data.families]
self_blend = 0.5
smooth = 0.5
blurred = 0.0

[data.weights]
SOURCE = 1.0

[optimiser]
lr = 1e-3
head_scale = 2.0
weight_decay = 1e-4
warmup_s = 1.0
smoothing = 0.02
pair_weight = 0.1
pair_margin = 2.0
ema = 0.9
"""


def write_run(path: Path, store: Path, source: str, **changes: str) -> Path:
    """Write it to `path` for a store and one of its sources; `changes` as key="TOML value"."""
    text = TEXT.replace("STORE", str(store)).replace("SOURCE", source)
    for key, value in changes.items():
        text, count = re.subn(rf"(?m)^{key} = .*$", f"{key} = {value}", text)
        assert count == 1, key
    path.write_text(text, encoding="utf-8")
    return path
