"""Measures a shipped classifier by `fakewatch evaluate` and keeps what may be shown of it.

`python -m benchmarks.evaluation fakewatch-fast STORE [options of fakewatch evaluate]`. The figures
go into results/evaluation.json, the plots (no pictures) into docs/evaluation.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from benchmarks.record import record

PLOTS = Path(__file__).parent.parent / "docs" / "evaluation"
SHOWN = (
    "roc", "det", "scores", "confusion", "reliability", "risk_coverage", "robustness", "baselines",
    "methods_disturbed", "leave_one_out", "training",
)  # fmt: skip
LEFT_OUT = ("curves", "created_at", "plots")


def main() -> int:
    """Run the evaluation, keep its figures and plots."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model", help="a card's name")
    parser.add_argument("store", help="a crop store; pictures of people stay out of what is kept")
    parser.add_argument("--out", type=Path, default=Path("runs/evaluation"))
    args, further = parser.parse_known_args()
    if "--pictures" in further:
        parser.error("Pictures of people are not kept in the repository.")
    verb = [sys.executable, "-m", "stream_server.cli", "evaluate", args.model, args.store]
    started_s = time.monotonic()
    done = subprocess.run([*verb, "--out", str(args.out), *further], check=False)  # noqa: S603
    if done.returncode:
        return done.returncode
    report = json.loads((args.out / "evaluation.json").read_text(encoding="utf-8"))
    figures = {**summary(report), "took_s": round(time.monotonic() - started_s)}
    record("evaluation", _command(args.model, args.store, further), figures)
    PLOTS.mkdir(parents=True, exist_ok=True)
    for name in SHOWN:
        drawn = args.out / "plots" / f"{name}.png"
        if drawn.exists():
            shutil.copyfile(drawn, PLOTS / drawn.name)
    return 0


def summary(report: dict[str, Any]) -> dict[str, Any]:
    """The figures without the curves, which the plots show."""
    return {name: value for name, value in report.items() if name not in LEFT_OUT}


def _command(model: str, store: str, further: list[str]) -> str:
    """As it was called, without the folders of whoever called it."""
    words = [Path(word).name if Path(word).is_absolute() else word for word in further]
    return " ".join(["python -m benchmarks.evaluation", model, store, *words])


if __name__ == "__main__":
    sys.exit(main())
