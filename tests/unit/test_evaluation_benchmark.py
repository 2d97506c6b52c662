"""What the benchmark keeps of an evaluation."""

from benchmarks.evaluation import _command, summary


def test_the_kept_figures_have_no_curves_and_the_command_no_folders_of_its_caller():
    kept = summary({"sets": {}, "curves": {"scores": {}}, "plots": {}, "created_at": "now"})
    assert kept == {"sets": {}}
    words = ["--logits", "runs/held.npz", "--baseline", "/somewhere/private/meso.toml"]
    command = _command("fakewatch-fast", "data/crops/dev", words)
    assert command.endswith("data/crops/dev --logits runs/held.npz --baseline meso.toml")
