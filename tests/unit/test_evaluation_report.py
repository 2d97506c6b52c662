"""The evaluation report of a tiny store of drawn faces: what it holds, and what it must not."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from export.commands import evaluate as command
from export.crops import SERVE_SIZE_PX, CropStore
from export.evaluation.measured_part import MeasuredPart
from export.evaluation.rows import frames
from export.evaluation.run import Asked, evaluate, read_logits
from export.evaluation.scorer import find_card, open_scorer, score_store
from export.evaluation.tables import parts_of
from pipeline.errors import ModelError, SettingsError
from tests.drawn_store import CROPS, write_store
from tests.toy_models import write_classifier

VOID = {"meta", "img", "link", "br", "input", "hr"}
KEYS = {
    "schema", "created_at", "model", "data", "origin", "method", "sets", "methods", "confusion",
    "calibration", "abstention", "baselines", "fairness", "robustness", "leave_one_out",
    "training", "curves", "summary", "plots",
}  # fmt: skip
FIGURES = {
    "rows", "genuine", "manipulated", "groups", "prevalence", "auc", "ap", "eer", "tpr_at_1",
    "tpr_at_5", "genuine_recall", "fake_recall", "balanced_accuracy", "mcc", "brier", "nll", "ece",
    "aurc",
}  # fmt: skip
KINDS = {
    "saturation", "contrast", "blocks", "noise", "blur", "pixelate", "h264", "face_size",
    "corrupted", "fps", "frozen",
}  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("evaluation")


@pytest.fixture(scope="module")
def toy(folder):
    """A model that sees brightness, and one that always says the same."""
    return write_classifier(folder, "toy", size_px=SERVE_SIZE_PX, temperature=0.5, cells=5)


@pytest.fixture(scope="module")
def store(folder):
    return write_store(folder / "store")


@pytest.fixture(scope="module")
def held_out(folder, toy, store):
    """Logits as a cross-validation writes them, with two folds."""
    opened = CropStore(store)
    logits = score_store(open_scorer(toy), opened, 1)
    folds = np.array([int(facts["group"][-1]) % 2 for facts in opened.facts])
    np.savez(folder / "heldout.npz", logits=logits, folds=folds)
    return folder / "heldout.npz"


@pytest.fixture(scope="module")
def report(folder, toy, store, held_out):
    run = folder / "run1"
    run.mkdir()
    rows = [{"step": n, "images": n * 100, "loss": 1 / n, "right": 0.5} for n in range(1, 5)]
    (run / "curve.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    families = {
        "run": "toy", "minutes": 2.0, "pairs": 9,
        "families": {"blend": {"trained": [0.9, 0.8, 1.0], "left_out": [0.7, 0.6, 0.8]}},
        "video_auc": {"all": [0.75, 0.5, 0.9], "blend": [0.64, 0.4, 0.8]},
    }  # fmt: skip
    (folder / "families.json").write_text(json.dumps(families))
    asked = Asked(
        str(toy.path), store, folder / "out", (str(toy.path.with_suffix(".toml")),), held_out,
        (toy.path, toy.path), (run,), folder / "families.json", draws=60, sweep_frames=1, jobs=2,
    )  # fmt: skip
    evaluate(asked, "2026-01-01T00:00:00+00:00")
    return folder / "out"


@pytest.fixture(scope="module")
def figures(report):
    return json.loads((report / "evaluation.json").read_text())


@pytest.fixture(scope="module")
def page(report):
    return (report / "evaluation.html").read_text()


def test_the_json_keeps_its_keys(figures):
    assert set(figures) == KEYS
    assert figures["schema"] == 1
    assert set(figures["sets"]) == {"tool_a", "tool_b", "paired sets together", "everything"}
    for name in figures["sets"]:
        assert set(figures["sets"][name]["videos"]) == FIGURES
        assert set(figures["sets"][name]["frames"]) == FIGURES
    assert set(figures["robustness"]["kinds"]) == KINDS
    assert [len(kind["levels"]) for kind in figures["robustness"]["kinds"].values()].count(5) == 10


def test_a_model_that_sees_the_difference_is_said_to(figures):
    auc = figures["sets"]["paired sets together"]["videos"]["auc"]
    assert auc[0] > 0.8
    assert figures["data"]["rows"] == 10
    assert figures["data"]["crops"] == 10 * CROPS
    majority = next(row for row in figures["baselines"] if row["name"] == "majority")
    assert majority["video_auc"][0] == 0.5
    assert majority["gain"][0] > 0.3
    itself = next(row for row in figures["baselines"] if row["name"] == "toy")
    assert itself["gain"] == [0, 0, 0]


def test_held_out_logits_are_called_so_and_the_sweep_is_of_the_folds_models(figures, page):
    assert figures["origin"]["state"] == "held_out"
    assert "held it out" in figures["robustness"]["scored_by"]
    assert len(figures["calibration"]["cross_fitted_temperatures"]) == 2
    assert "Held out" in page
    assert 'class="origin warning"' not in page


def test_the_document_names_nobody_and_no_file(report, figures, page):
    text = (report / "evaluation.json").read_text() + page
    assert "Somebody" not in text
    assert "person1" not in text
    assert ".mp4" not in text
    assert "tool_a swap, model 1" in figures["methods"]


def test_the_page_is_whole_and_asks_nothing_of_elsewhere(page):
    class Checker(HTMLParser):
        open_tags: list[str]

        def handle_starttag(self, tag, attrs):
            given = dict(attrs)
            assert tag not in {"script", "link", "iframe", "object"}
            assert given.get("src", "data:").startswith("data:")
            assert given.get("href", "#").startswith("#")
            assert tag != "img" or given["alt"]
            assert "style" not in given
            if tag not in VOID:
                self.open_tags.append(tag)

        def handle_endtag(self, tag):
            assert self.open_tags.pop() == tag

    checker = Checker()
    checker.open_tags = []
    checker.feed(page)
    assert checker.open_tags == []
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    assert "url(" not in page


def test_every_plot_is_a_file_and_in_the_page_with_its_words(report, figures, page):
    files = {path.stem for path in (report / "plots").glob("*.png")}
    assert files == set(figures["plots"])
    assert {"roc", "det", "robustness", "leave_one_out", "training", "skin_tone"} <= files
    assert page.count("<img") == len(files)
    assert all(len(plot["alt"]) > 20 for plot in figures["plots"].values())


def test_a_family_left_out_is_shown_with_what_it_was_worth_on_these_videos(page):
    (table,) = re.findall(r"<caption>The run toy.*?</table>", page, re.DOTALL)
    rows = re.findall(r'<th scope="row">(.*?)</th>', table)
    assert rows == ["none left out", "blend"]
    assert all(figure in table for figure in ("0.75 [", "0.90 [", "0.70 [", "0.64 ["))


def test_the_first_page_says_in_words_what_the_figures_mean(figures):
    first, second = figures["summary"][:2]
    assert "of 100 genuine videos are left alone" in first
    assert "times in 100; by chance it would be 50" in second
    assert "never a proof" in figures["summary"][-1]


def test_a_model_run_on_clips_that_it_may_know_is_warned_about_in_red(folder, toy, store, capsys):
    out = folder / "seen"
    arguments = ["evaluate", str(toy.path), str(store), "--out", str(out), "--quick", "--pictures"]
    assert _main([*arguments, "--draws", "20", "--sweep-frames", "0"]) == 0
    assert "may have been trained" in capsys.readouterr().err
    page = (out / "evaluation.html").read_text()
    assert 'class="origin warning" role="alert"' in page
    assert "Strongest genuine crops" in page
    assert not list((out / "plots").glob("heat*"))
    assert json.loads((out / "evaluation.json").read_text())["robustness"] is None


def test_of_a_split_store_only_the_test_part_is_measured(folder):
    place = write_store(folder / "split", split=("train", "train", "train", "test"))
    part = MeasuredPart(place)
    assert {facts["group"] for facts in part.facts} == {"person3"}
    assert len(part) == len(part.serve) == 2 * CROPS
    assert part[0].image.shape == (112, 112, 3)
    facts = json.loads((place / "facts.json").read_text())
    assert MeasuredPart(place, whole=True).facts == facts


def test_people_are_dealt_so_that_every_rest_holds_both_labels():
    groups = np.array([name for name in "abcdefg" for _ in range(2)])
    labels = np.array([0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0])
    rows = frames(
        [{"path": f"{g}{i}", "label": int(y), "group": g, "source": "s", "method": "m"}
         for i, (g, y) in enumerate(zip(groups, labels, strict=True))],
        np.zeros(len(groups)),
    )  # fmt: skip
    for seed in range(40):
        parts = parts_of(rows, seed)
        assert all(len(set(parts[groups == name])) == 1 for name in "abcdefg")
        for part in set(parts.tolist()):
            assert set(labels[parts != part].tolist()) == {0, 1}


def test_one_person_is_refused_in_a_sentence(folder, toy):
    store = write_store(folder / "one", split=("test", "train", "train"))
    facts = json.loads((store / "facts.json").read_text())
    for fact in facts:
        fact["group"] = "one"
    (store / "facts.json").write_text(json.dumps(facts))
    with pytest.raises(SettingsError, match="all of one person or source"):
        evaluate(Asked(str(toy.path), store, folder / "nothing"), "now")


def test_logits_that_do_not_fit_the_store_are_refused(folder, held_out):
    with pytest.raises(SettingsError, match="the store 7 crops"):
        read_logits(held_out, 7)
    with pytest.raises(SettingsError, match="no held-out logits"):
        read_logits(folder / "families.json", 7)


def test_models_of_folds_that_did_not_give_the_logits_are_refused(folder, toy, store, held_out):
    other = write_classifier(folder, "other", size_px=SERVE_SIZE_PX, weights=(1, 1, 1))
    models = (toy.path, other.path)
    asked = Asked(str(toy.path), store, folder / "no", (), held_out, models, draws=2)
    with pytest.raises(SettingsError, match="did not give the logits of its fold"):
        evaluate(asked, "now")


def test_a_model_without_a_card_gets_a_plain_one_and_a_missing_one_is_named(folder, toy):
    bare = folder / "bare.onnx"
    bare.write_bytes(toy.path.read_bytes())
    assert find_card(str(bare)).version == "no card"
    with pytest.raises(ModelError, match=r"missing\.onnx"):
        find_card(str(folder / "missing.onnx"))


def _main(arguments):
    import argparse

    parser = argparse.ArgumentParser()
    command.add_parser(parser.add_subparsers())
    args = parser.parse_args(arguments)
    return args.run(args)
