"""Says in one sentence what is missing for training, before anything heavy is imported."""

from importlib.util import find_spec

from pipeline.errors import SettingsError

TRAINING = ("torch", "onnx", "scipy", "tqdm", "matplotlib")


def require(*modules: str) -> None:
    """Do nothing where all of these modules are installed.

    Raises:
        SettingsError: one is missing; the sentence says what to install.
    """
    missing = [name for name in modules if find_spec(name) is None]
    if missing:
        raise SettingsError(
            f"This verb needs {', '.join(missing)}: "
            "run make training, or pip install 'fakewatch[train]'."
        )
