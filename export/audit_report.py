"""`fakewatch data audit`: runs the audits of a store or a run, and says what they mean."""

import argparse
import dataclasses
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from tqdm import tqdm

from export.audit import audit
from export.audit_store import audit_store
from export.crops import CropStore
from export.forgery import families
from export.pairs import Pair, PairMaker
from export.probes import HIGH, LOW, Finding
from export.run_config import RunConfig, read_run
from pipeline.errors import SettingsError

SEES = {
    "metadata": "size and kind of the file, the face hidden",
    "periphery": "pixels outside the face or the forged region",
    "resolution": "numbers of pixels",
    "control": "the face or the forged region itself (should be seen)",
    "shuffled": "the same with labels shuffled",
}
LEAK_FOUND = 1


def run_audit(args: argparse.Namespace) -> int:
    """Audit as the command line asks; 1 when something leaks.

    Raises:
        SettingsError: the target is neither a store nor a run, or has too little to audit.
    """
    tables = tables_of(args.target, args.pairs, args.seed)
    if args.json:
        write_json(args.json, tables, args.pairs)
    for name, found in tables.items():
        sys.stdout.write(f"{name}\n" + "".join(_line(finding) for finding in found))
    leaks = any(_counts(finding) for found in tables.values() for finding in found)
    sys.stdout.write(
        "A leak: a network could learn it instead of the forgery.\n"
        if leaks
        else "No leak was found.\n"
    )
    return LEAK_FOUND if leaks else 0


def tables_of(target: Path, pairs: int, seed: int) -> dict[str, list[Finding]]:
    """The findings of a store, by source, or of a run's pairs."""
    if (target / "facts.json").is_file():
        tables = audit_store(CropStore(target))
        if not tables:
            raise SettingsError("No source of this store has five genuine and five fake files.")
        return tables
    run = target / "run.toml" if target.is_dir() else target
    if not run.is_file():
        raise SettingsError(f"{target} is neither a crop store nor a run.")
    cv2.setNumThreads(1)
    rng = np.random.default_rng(seed)
    return {f"pairs of {target}": audit(_made(read_run(run), pairs, rng), rng)}


def _made(config: RunConfig, count: int, rng: np.random.Generator) -> Iterator[Pair]:
    store = CropStore(config.data.store)
    genuine = [index for index in store.rows("train") if store.facts[index]["label"] == 0]
    table = families(config.data.generator)
    maker = PairMaker(store, genuine, table, config.data.families)
    for _ in tqdm(range(count), unit="pair"):
        yield maker.make(rng)


def write_json(path: Path, tables: dict[str, list[Finding]], pairs: int) -> None:
    """Write the figures: AUC and 95 % interval by probe."""
    rows: dict[str, Any] = {}
    for name, found in tables.items():
        rows[name] = {
            finding.probe: {
                **{k: round(v, 4) for k, v in dataclasses.asdict(finding.auc).items()},
                "groups": finding.groups,
            }
            for finding in found
        }
    facts = {"belongs_in": [LOW, HIGH], "pairs": pairs, "auc": rows}
    path.write_text(json.dumps(facts, indent=1) + "\n", encoding="utf-8")


def _counts(finding: Finding) -> bool:
    return finding.leaks and finding.probe != "control"


def _line(finding: Finding) -> str:
    word = "" if finding.probe == "control" else "too few to say" if not finding.settled else "ok"
    word = "LEAK" if _counts(finding) else word
    return f"  {finding.probe:10}  {finding.auc}  {word:14}  {SEES[finding.probe]}\n"
