"""`fakewatch models`: which models there are, whether they are whole, and what they can do."""

import argparse
import os
from importlib import import_module
from pathlib import Path

from rich.console import Console
from rich.table import Table

from pipeline.errors import ModelCardError
from pipeline.load import list_cards, models_directory
from pipeline.model_card import ModelCard, sha256_of

_EPILOG = """\
examples:
  fakewatch models                        all models of the installation
  fakewatch models --directory my_models  of another folder
  fakewatch models show fakewatch-fast    everything that is known of one
  fakewatch models import detector.keras --name mine --color rgb --scale unit --labels fake,real

exit codes:
  0  every model file is the one its card speaks of
  1  at least one is missing or altered
  2  there is no such model, or a card cannot be read
"""
_FOREIGN = "export.commands.models_import"
"""Named, not imported: the service never sees what it takes to convert a model."""
_TASKS = {
    "face_detection": "finds faces",
    "face_landmarks": "follows eyes and mouth",
    "deepfake": "judges faces",
}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the verb and its options."""
    parser = subparsers.add_parser(
        "models",
        help="list the models and their cards",
        description="List the models, show the card of one, or take in a foreign one.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument(
        "--directory",
        type=Path,
        metavar="DIR",
        default=os.environ.get("FAKEWATCH_MODELS__DIRECTORY"),
        help="where the models are (default: the service's by its environment, else those that "
        "come along)",
    )
    parser.set_defaults(run=run, name=None)
    parts = parser.add_subparsers(metavar="PART")
    show = parts.add_parser("show", help="everything that is known of one")
    show.add_argument("name", help="the model's")
    # SUPPRESS: a default here would overwrite what stands before `show`.
    show.add_argument("--directory", type=Path, metavar="DIR", default=argparse.SUPPRESS)
    import_module(_FOREIGN).add_parser(parts)


def run(args: argparse.Namespace) -> int:
    """Print a table, or one card."""
    cards = list_cards(args.directory or models_directory())
    console = Console(highlight=False, soft_wrap=args.name is not None)
    if args.name is None:
        console.print(_table(cards))
    else:
        cards = [card for card in cards if card.name == args.name] or _missing(args.name, cards)
        console.print(_details(cards[0]), markup=False)
    return 0 if all(is_whole(card) for card in cards) else 1


def is_whole(card: ModelCard) -> bool:
    """Whether the model file is there and is the one that the card speaks of."""
    if card.path is None:
        return True
    return card.path.is_file() and sha256_of(card.path) == card.sha256


def _missing(name: str, cards: list[ModelCard]) -> list[ModelCard]:
    known = ", ".join(card.name for card in cards)
    raise ModelCardError(f"There is no model {name!r}; there are {known}.")


def _table(cards: list[ModelCard]) -> Table:
    table = Table("name", "version", "what it does", "licence", "measured", "file")
    for card in cards:
        name = f"{card.name} (opt-in)" if card.opt_in else card.name
        measured = "\n".join(f"{key} {_short(value)}" for key, value in card.metrics[:4])
        table.add_row(
            name, card.version, _TASKS[card.task], card.licence, measured, _file_state(card)
        )
    return table


def _file_state(card: ModelCard) -> str:
    if card.path is None:
        return "comes with a package"
    if not card.path.is_file():
        return "[red]missing[/red]"
    return "[green]whole[/green]" if is_whole(card) else "[red]altered[/red]"


def _details(card: ModelCard) -> str:
    facts: list[tuple[str, object]] = [
        ("name", card.name),
        ("version", card.version),
        ("task", _TASKS[card.task]),
        ("fingerprint", card.fingerprint),
        ("file", card.path or "comes with a package"),
        ("whole", "yes" if is_whole(card) else "NO: the file is missing or altered"),
        ("licence", card.licence),
        ("source", card.source),
        ("trained on", card.trained_on),
        ("cannot", card.limits),
    ]
    if card.thresholds is not None:
        limits = card.thresholds
        facts.append(("alert", f"raised at {limits.raise_at:g}, cleared at {limits.clear_at:g}"))
    facts += [(f"measured {key}", _short(value)) for key, value in card.metrics]
    width = max(len(name) for name, _ in facts)
    return "\n".join(f"{name:<{width}}  {value}" for name, value in facts)


def _short(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
