"""Injects the faults of faults.toml by their tests and writes docs/faults.md: what held."""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.record import RESULTS, record

ROOT = Path(__file__).parent.parent
COMMAND = "python -m benchmarks.faults"
LIST, PAGE, RESULT = Path(__file__).with_suffix(".toml"), ROOT / "docs/faults.md", "faults"
MOST_MIB_PER_H = 1.0
HEAD = """# Faults that were injected

Written by `{command}`, never by hand: it runs the tests that carry a fault's id and notes what
came of them; `--nightly` runs the long ones (marked *). The promises are in
[faults.toml](../benchmarks/faults.toml). Latest run: {date}; {counts}.

| id | fault | promise | result | tests | figures |
|---|---|---|---|---|---|
"""


def main() -> int:
    """Run the tests of all or of the named faults, keep the other results, write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("ids", nargs="*", metavar="F00", help="only these faults")
    parser.add_argument("--nightly", action="store_true", help="the long tests, instead")
    parser.add_argument("--page", action="store_true", help="only write the page anew")
    args = parser.parse_args()
    unknown = sorted(set(args.ids) - set(promises()))
    if unknown:
        parser.error(f"There is no fault {unknown[0]}; see {LIST.name}.")
    code = 0
    if not args.page:
        code, found = run(args.ids, nightly=args.nightly)
        known = _still_true(results(), found)
        record(RESULT, COMMAND, {"tests": dict(sorted((known | found).items()))})
    PAGE.write_text(page(), encoding="utf-8")
    print(PAGE)  # noqa: T201
    return code


def promises() -> dict[str, dict[str, Any]]:
    """The faults by id: what happens, what is promised, and what is missing."""
    return tomllib.loads(LIST.read_text(encoding="utf-8"))


def results() -> dict[str, dict[str, Any]]:
    """The newest result of each test that was ever run."""
    path = RESULTS / f"{RESULT}.json"
    if not path.is_file():
        return {}
    known: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    tests: dict[str, dict[str, Any]] = known["figures"]["tests"]
    return tests


def run(ids: list[str], *, nightly: bool) -> tuple[int, dict[str, dict[str, Any]]]:
    """Run the tests; pytest's exit code and what each test gave."""
    wanted = [f'"{one}"' for one in ids] or ["mark.fault("]
    files = [
        str(path.relative_to(ROOT))
        for path in sorted(ROOT.glob("tests/*/test_*.py"))
        if any(one in (text := path.read_text(encoding="utf-8")) for one in wanted)
        and "mark.fault(" in text
        and (not nightly or "mark.nightly" in text)
    ]
    with tempfile.TemporaryDirectory() as folder:
        output = Path(folder) / "results.json"
        command = [sys.executable, "-m", "pytest", "-q", "-p", "tests.fault_results"]
        command += ["-m", "fault and nightly" if nightly else "fault", *files]
        environment = {
            **os.environ,
            "FAKEWATCH_TEST_FAULT_RESULTS": str(output),
            "FAKEWATCH_TEST_FAULTS": ",".join(ids),
        }
        done = subprocess.run(command, cwd=ROOT, env=environment, check=False)  # noqa: S603
        found = json.loads(output.read_text(encoding="utf-8")) if output.is_file() else {}
    now = datetime.now(UTC).isoformat(timespec="minutes")
    return done.returncode, {name: {**one, "at": now} for name, one in found.items()}


def _still_true(
    known: dict[str, dict[str, Any]], found: dict[str, dict[str, Any]]
) -> dict[str, dict[str, Any]]:
    """Earlier results, less those of tests that are gone or have just been run in another form."""
    anew = {(name.partition("[")[0], one["nightly"]) for name, one in found.items()}
    return {
        name: one
        for name, one in known.items()
        if _is_there(test := name.partition("[")[0]) and (test, one["nightly"]) not in anew
    }


def _is_there(test: str) -> bool:
    path, _, name = test.partition("::")
    file = ROOT / path
    return file.is_file() and f"def {name.rpartition('::')[2]}(" in file.read_text(encoding="utf-8")


def page() -> str:
    """The table, from the list and the results."""
    tests = results()
    rows, counts = [], {"held": 0, "not built": 0, "other": 0}
    for fault, facts in promises().items():
        mine = {name: one for name, one in tests.items() if fault in one["faults"]}
        result = _result(facts, mine)
        counts[result if result in counts else "other"] += 1
        promise = facts["promise"] + (f" ({facts['short']})" if "short" in facts else "")
        cells = (fault, facts["fault"], promise, result, _tests(mine), _figures(facts, mine))
        rows.append("| " + " | ".join(cells) + " |")
    date = max((one["at"] for one in tests.values()), default="never")[:10]
    summary = f"{counts['held']} held, {counts['not built']} not built, {counts['other']} else"
    head = HEAD.format(command=COMMAND, date=date, counts=summary)
    return head + "\n".join(rows) + "\n"


def _soak() -> dict[str, Any] | None:
    """The figures of the newest soak."""
    path = RESULTS / "soak.json"
    if not path.is_file():
        return None
    figures: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))["figures"]
    return figures


def _result(facts: dict[str, Any], mine: dict[str, dict[str, Any]]) -> str:
    outcomes = {one["outcome"] for one in mine.values()}
    if "soak" in facts and (soak := _soak()):
        outcomes.add("passed" if soak["own_slope_95_interval"][1] < MOST_MIB_PER_H else "failed")
    if "absent" in facts:
        return "not built"
    if "failed" in outcomes:
        return "**failed**"
    return "held" if "passed" in outcomes else "not run"


def _tests(mine: dict[str, dict[str, Any]]) -> str:
    files: dict[str, list[str]] = {}
    for name, one in mine.items():
        path, _, test = name.partition("::")
        words = test.partition("[")[0].removeprefix("test_").replace("_", " ")
        star = "\\*" if one["nightly"] else ""
        note = "" if one["outcome"] == "passed" else f" ({one['outcome']})"
        files.setdefault(path, []).append(words + star + note)
    return "; ".join(
        f"[{Path(path).stem}](../{path}): " + ", ".join(dict.fromkeys(names))
        for path, names in files.items()
    )


def _figures(facts: dict[str, Any], mine: dict[str, dict[str, Any]]) -> str:
    figures = [text for one in mine.values() for text in one["figures"]]
    if "soak" in facts and (soak := _soak()):
        low, high = soak["own_slope_95_interval"]
        figures.append(
            f"soak of {soak['hours']:.1f} h: {soak['own_slope_mib_per_h']:.1f} MiB/h ({low:.1f} to"
            f" {high:.1f}), threads {soak['threads']['min']} to {soak['threads']['max']},"
            f" descriptors {soak['fds']['min']} to {soak['fds']['max']},"
            f" {sum(one['unexplained'] for one in soak['streams'])} unexplained drops"
        )
    return "; ".join(figures) or str(facts.get("absent", ""))


if __name__ == "__main__":
    sys.exit(main())
