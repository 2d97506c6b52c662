"""Every operation of the API against what its own description allows, and against what it forbids.

More than CI: FAKEWATCH_TEST_FUZZ_EXAMPLES=200 make test ARGS=tests/integration/test_api_fuzz.py
"""

import os
from collections import Counter
from pathlib import Path
from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.core.failures import FailureGroup
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from stream_server.settings import UploadsSettings
from tests.served import served

EXAMPLES = int(os.environ.get("FAKEWATCH_TEST_FUZZ_EXAMPLES", "5"))
ENDLESS = {"/api/events"}
"""Never ends by itself: its only parameter has a test of its own."""
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
]
OUR_OWN_REFUSALS = {503, 507}
"""All places taken, no disk: a server error by number only, with a problem document."""


@schemathesis.serializer("application/sdp")
def _as_text(_context: object, value: object) -> bytes:
    return str(value).encode("utf-8", "replace")


def test_no_operation_fails_or_answers_what_it_does_not_document(tmp_path: Path) -> None:
    few = {"uploads": UploadsSettings(max_waiting=1, max_bytes=100_000)}
    faults: Counter[str] = Counter()
    with served(tmp_path, **few) as service:
        schema = schemathesis.openapi.from_url(f"{service.address}/api/openapi.json")
        for found in schema.get_all_operations():
            operation = found.ok()
            if operation.path not in ENDLESS:
                for mode in GenerationMode:
                    faults.update(probe(operation, mode))
                forget_streams(service.address)
    assert not faults, "\n".join(f"{count} x {text}" for text, count in faults.most_common())


def probe(operation: Any, mode: GenerationMode) -> list[str]:
    """What the operation did wrong, a sentence each."""
    faults: list[str] = []

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        response = case.call(timeout=60)
        checks = CHECKS[response.status_code in OUR_OWN_REFUSALS :]
        try:
            case.validate_response(response, checks=checks)
        except FailureGroup as group:
            where = f"{case.method} {case.path} {response.status_code}"
            faults.extend(f"{where}: {one.title}: {one.message}" for one in group.exceptions)

    try:
        ask()
    except Exception as error:  # noqa: BLE001 - told with all others
        # A parameter that takes any text cannot be given a wrong one.
        if "Unsatisfiable" not in type(error).__name__:
            faults.append(f"{operation.label}: {type(error).__name__}: {str(error)[:200]}")
    return faults


def forget_streams(address: str) -> None:
    """Streams that were added cost time; a fuzzed few are enough."""
    with httpx.Client(base_url=address, trust_env=False, timeout=60) as client:
        for view in client.get("/api/streams").json():
            client.delete(f"/api/streams/{view['id']}")
