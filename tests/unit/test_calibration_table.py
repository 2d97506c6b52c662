"""The settings' calibration table: written beside what is there, read back, and void elsewhere."""

from dataclasses import replace
from datetime import date

import pytest

from pipeline.errors import SettingsError
from pipeline.model_card import Cusum
from stream_server.calibration.table import CalibrationTable, ReferenceTable, write_into
from stream_server.settings_file import load_settings
from tests.unit.test_analyzer import CARD

EDGES = (1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
TABLE = CalibrationTable(
    model=CARD.fingerprint,
    made_on=date(2026, 11, 20),
    false_alarms_every_h=8,
    raise_at=0.9,
    clear_at=0.7,
    cusum_allowance=-0.2,
    cusum_limit=12.0,
    hours=30,
    streams=12,
    alarms=0,
    upper_per_h=0.1,
    reference=ReferenceTable(samples=300, logit=EDGES, side_px=EDGES, blur=EDGES, exposure=EDGES),
)


def test_what_is_written_is_read_back_by_the_settings(tmp_path):
    file = tmp_path / "fakewatch.toml"
    write_into(file, TABLE)
    assert load_settings(file).calibration == TABLE


def test_the_rest_of_the_file_stays_and_an_older_table_goes(tmp_path):
    file = tmp_path / "fakewatch.toml"
    file.write_text("# mine\n[server]\nport = 8099 # why\n")
    write_into(file, TABLE)
    middle = file.read_text() + '\n[models]\nclassifier = "own"\n'
    file.write_text(middle)
    write_into(file, TABLE.model_copy(update={"raise_at": 0.95}))
    text = file.read_text()
    assert text.startswith("# mine\n[server]\nport = 8099 # why\n")
    assert text.count("[calibration]") == text.count("[calibration.reference]") == 1
    settings = load_settings(file)
    assert settings.calibration is not None
    assert (settings.calibration.raise_at, settings.models.classifier) == (0.95, "own")


def test_a_file_that_is_no_settings_file_is_left_alone(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("dear diary = \n")
    with pytest.raises(SettingsError, match="not valid TOML, so nothing was written"):
        write_into(file, TABLE)
    assert file.read_text() == "dear diary = \n"
    with pytest.raises(SettingsError, match="cannot be written"):
        write_into(tmp_path / "none" / "fakewatch.toml", TABLE)


def test_it_brings_its_thresholds_to_its_own_model_only():
    assert TABLE.void(CARD) is None
    thresholds = TABLE.applied(CARD).thresholds
    assert thresholds is not None
    assert (thresholds.raise_at, thresholds.cusum) == (0.9, Cusum(-0.2, 12.0))
    other = replace(CARD, version="2")
    assert TABLE.applied(other) is other
    assert CARD.fingerprint in str(TABLE.void(other))


@pytest.mark.parametrize(
    "change",
    [{"clear_at": 0.9}, {"cusum_limit": None}, {"hours": float("nan")}, {"streams": 0}],
)
def test_a_table_that_contradicts_itself_is_refused(change):
    with pytest.raises(ValueError, match=r"calibration|Input"):
        CalibrationTable.model_validate(TABLE.model_dump() | change)
