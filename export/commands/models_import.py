"""`fakewatch models import`, `check` and `calibrate`: a foreign detector behind our door."""

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from export.extra import require
from pipeline.errors import ModelCardError, ModelError
from pipeline.load import list_cards, models_directory
from pipeline.model_card import ModelCard

if TYPE_CHECKING:
    from export.card import CardTexts
    from export.importing.contract import Contract, Scale
    from export.importing.labelled import Labelled

_IMPORT = """\
what a file of weights does not say, and you must (the model's own code or paper does):
  --color   the channel order that it was trained with (OpenCV reads bgr, Pillow and Keras rgb)
  --scale   unit: 0..1, signed: -1..1, raw: 0..255, imagenet: ImageNet's mean and deviation
  --labels  what each output means, in order; a single output speaks for the last name:
            "fake,real" for P(real), "real,fake" for P(fake); more than two are possible

examples:
  fakewatch models import detector.keras --name mine --color rgb --scale unit --labels fake,real
  fakewatch models import Meso4_DF.h5 --architecture meso4 --name meso4-df --color rgb
      --scale unit --labels fake,real --licence Apache-2.0 --trained-on "Deepfakes (MesoNet's set)"
  fakewatch models import saved_model/ --name mine --color rgb --scale signed --labels real,fake
  fakewatch models import weights.pth --architecture timm/efficientnet_b0 --size-px 224
      --name mine --color rgb --scale imagenet --labels real,fake
  fakewatch models import detector.onnx --name mine --color bgr --scale raw --labels real,fake
      --fakes my/fakes --genuine my/genuine

Then `fakewatch models check NAME` and `calibrate NAME`. docs/import.md tells the whole story.

exit codes:
  0  imported
  1  imported, but on your pictures another reading of the model clearly fits better
  2  refused; nothing was written
"""
_CHECK = """\
Runs the model as its card says and with one thing changed at a time: colour order, labels, scale,
crop margin. A few dozen of your own pictures or clips of each kind tell whether one is wrong.

examples:
  fakewatch models check mine --fakes my/fakes --genuine my/genuine

exit codes:
  0  no other reading clearly fits better
  1  one does
  2  no such model, or too few pictures
"""
_CALIBRATE = """\
examples:
  fakewatch models calibrate mine --fakes my/fakes --genuine my/genuine

Use other files than those you will measure with. --recall 0.95 lets 95 % of genuine files stay
below the alert.
"""
SIDES = {"real": "genuine", "genuine": "genuine", "fake": "fake"}


def add_parser(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """Declare the three verbs below `fakewatch models`."""
    _add_import(subparsers)
    for name, run, words in (
        ("check", run_check, _CHECK),
        ("calibrate", run_calibrate, _CALIBRATE),
    ):
        what = {
            "check": "is its colour order, label order, scale or crop wrong?",
            "calibrate": "set temperature and thresholds by your own pictures",
        }[name]
        parser = _parser(subparsers, name, what, words)
        parser.add_argument("name", help="the model's")
        _add_places(parser, required=True)
        if name == "calibrate":
            parser.add_argument(
                "--recall",
                type=float,
                default=0.95,
                help="share of genuine files to stay below the alert (default: 0.95)",
            )
        parser.set_defaults(run=run)


def _parser(
    subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    what: str,
    words: str,
) -> argparse.ArgumentParser:
    return subparsers.add_parser(
        name,
        help=what,
        description=what[0].upper() + what[1:] + ("" if what.endswith("?") else "."),
        epilog=words,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def _add_import(subparsers: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    parser = _parser(
        subparsers, "import", "make a Keras, PyTorch or ONNX detector a model here", _IMPORT
    )
    add = parser.add_argument
    add("source", type=Path, help=".h5, .keras, SavedModel folder, .pt, .pth, .pt2 or .onnx")
    add("--name", required=True, help="what it shall be called here")
    add("--color", required=True, choices=("rgb", "bgr"), help="channel order it was trained with")
    scale = parser.add_mutually_exclusive_group(required=True)
    scale.add_argument("--scale", choices=("unit", "signed", "raw", "imagenet"))
    scale.add_argument(
        "--mean-std",
        metavar="M,M,M,S,S,S",
        help="own numbers for values of 0..1, in the order of --color",
    )
    add("--labels", required=True, metavar="A,B", help="real and fake, in the outputs' order")
    add(
        "--output",
        choices=("auto", "logit", "probability"),
        default="auto",
        help="what the outputs are (default: probabilities if a sigmoid or softmax makes them)",
    )
    add("--architecture", metavar="NAME", help="of weights alone: meso4, timm/NAME, ...")
    add("--size-px", type=int, metavar="PX", help="side of its pictures, where it does not say")
    add(
        "--margin",
        type=float,
        default=1.3,
        help="side of its crop over the longer side of the face box (default: 1.3, a guess)",
    )
    add("--licence", default="unknown", help="of the weights")
    add("--trained-on", default="unknown", metavar="TEXT", help="which data")
    add("--force", action="store_true", help="replace a model of that name")
    _add_places(parser, required=False)
    parser.set_defaults(run=run_import)


def _add_places(parser: argparse.ArgumentParser, *, required: bool) -> None:
    add = parser.add_argument
    add("--fakes", type=Path, required=required, metavar="DIR", help="your manipulated pictures")
    add("--genuine", type=Path, required=required, metavar="DIR", help="your genuine pictures")
    # SUPPRESS: a default here would overwrite what stands before the verb.
    add(
        "--directory",
        type=Path,
        metavar="DIR",
        default=argparse.SUPPRESS,
        help="where the models are (default: those of the installation)",
    )


def run_import(args: argparse.Namespace) -> int:
    """Import, prove, and check where pictures are given."""
    require("torch", "onnx", "scipy")
    if (args.fakes is None) != (args.genuine is None):
        raise ModelError("Give both --fakes and --genuine, or neither.")
    folder = args.directory or models_directory()
    _require_free(folder, args.name, replace=args.force)
    pictures = _labelled(args) if args.fakes else None
    from export.importing.foreign import form_of
    from export.importing.importer import guess_probability, import_model
    from export.importing.readers import read_foreign

    foreign = read_foreign(args.source, args.size_px, args.architecture)
    form = form_of(foreign.model, args.size_px)
    guess = args.output == "auto" and guess_probability(foreign, form)
    contract = _contract(args, probability=guess or args.output == "probability")
    done = import_model(foreign, contract, _texts(args), form, args.margin, folder)
    from export.importing.words import imported

    imported(done, checked=pictures is not None)
    return 0 if pictures is None else _check(done.card, pictures)


def run_check(args: argparse.Namespace) -> int:
    """Print how other readings of a model would do."""
    require("torch", "onnx", "scipy")
    return _check(_card(args), _labelled(args))


def run_calibrate(args: argparse.Namespace) -> int:
    """Rewrite a card by labelled pictures."""
    require("torch", "onnx", "scipy")
    if not 0.5 <= args.recall < 1:
        raise ModelError("--recall is a share from 0.5 to below 1, such as 0.95.")
    card, pictures = _card(args), _labelled(args)
    from export.importing.calibration import calibrate
    from export.importing.words import calibrated

    calibrated(calibrate(card, pictures, args.recall))
    return 0


def _check(card: ModelCard, pictures: "Labelled") -> int:
    from export.importing.variants import readings
    from export.importing.words import checked

    found = readings(card, pictures)
    checked(found, pictures)
    return 1 if any(reading.suspicious for reading in found) else 0


def _labelled(args: argparse.Namespace) -> "Labelled":
    from export.importing.labelled import labelled

    return labelled(args.fakes, args.genuine)


def _card(args: argparse.Namespace) -> ModelCard:
    cards = list_cards(args.directory or models_directory())
    for card in cards:
        if card.name == args.name and card.task == "deepfake":
            return card
    known = ", ".join(card.name for card in cards if card.task == "deepfake")
    raise ModelCardError(f"There is no classifier {args.name!r}; there are {known or 'none'}.")


def _require_free(folder: Path, name: str, *, replace: bool) -> None:
    if Path(name).name != name or name.startswith(".") or not name:
        raise ModelError(f"{name!r} cannot be a model's name: it becomes a file's.")
    taken = [path for path in (folder / f"{name}.toml", folder / f"{name}.onnx") if path.exists()]
    if taken and not replace:
        raise ModelError(f"{taken[0]} exists already: choose another --name, or add --force.")


def _contract(args: argparse.Namespace, *, probability: bool) -> "Contract":
    from export.importing.contract import Contract

    names = [name.strip().lower() for name in args.labels.split(",")]
    unknown = [name for name in names if name not in SIDES]
    if unknown:
        raise ModelError(
            f"--labels knows real and fake, not {unknown[0]!r}: say fake for every kind of fake."
        )
    labels = tuple(SIDES[name] for name in names)
    return Contract(args.color, _scale(args), labels, probability)


def _scale(args: argparse.Namespace) -> "Scale":
    from export.importing.contract import SCALES, Scale

    if args.scale == "imagenet" and args.color == "bgr":
        named = SCALES["imagenet"]
        return Scale(named.mean[::-1], named.std[::-1])
    if args.scale is not None:
        return SCALES[args.scale]
    try:
        mean_and_std = [255 * float(number) for number in args.mean_std.split(",")]
        red, green, blue, *std = mean_and_std
        return Scale((red, green, blue), (std[0], std[1], std[2]))
    except (ValueError, IndexError) as error:
        raise ModelError(
            "--mean-std needs six numbers, such as 0.5,0.5,0.5,0.5,0.5,0.5."
        ) from error


def _texts(args: argparse.Namespace) -> "CardTexts":
    from export.card import CardTexts
    from export.importing.importer import PLACEHOLDER_LIMIT

    return CardTexts(
        name=args.name,
        version="1",
        licence=args.licence,
        source=f"imported from {args.source.name} by fakewatch models import",
        trained_on=args.trained_on,
        limits=f"Not measured by fakewatch: nobody here knows what it misses. {PLACEHOLDER_LIMIT}",
    )
