"""Default deny: every route of the app declares its least role, and no rule speaks of nothing."""

import pytest
from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, WebSocketRoute

from stream_server import app as wired
from stream_server.auth.roles import Role
from stream_server.auth.rules import RULES, Reach, rule_for


def routes() -> list[tuple[str, str]]:
    """(method, path) of all that the app answers, but for the page's files."""
    app = FastAPI(openapi_url="/api/openapi.json", docs_url=None, redoc_url=None)
    found = [("GET", "/api/openapi.json")]
    for resource in wired._RESOURCES:
        app.include_router(resource.router)
        found += [pair for route in resource.router.routes for pair in _pairs(route)]
    return found


def _pairs(route: BaseRoute) -> list[tuple[str, str]]:
    if isinstance(route, WebSocketRoute):
        return [("WEBSOCKET", route.path)]
    assert isinstance(route, APIRoute), route
    return [(method, route.path) for method in sorted(route.methods)]


@pytest.mark.parametrize(("method", "path"), routes())
def test_every_route_declares_its_least_role(method, path):
    declared = [rule for rule in RULES if rule.path == path and method in rule.methods]
    assert len(declared) == 1, f"{method} {path}: add a line to stream_server/auth/rules.py"
    rule, names = rule_for(method, path.replace("{", "").replace("}", ""))
    assert rule is declared[0], f"{method} {path} is shadowed by {rule.path}"
    assert ("stream_id" in names) == (rule.reach is Reach.STREAM), rule
    assert ("alert_id" in names) <= (rule.reach in (Reach.ALERT, Reach.ALL)), rule


def test_no_rule_speaks_of_a_route_that_is_not_there():
    there = set(routes())
    said = {(method, rule.path) for rule in RULES for method in rule.methods}
    said.discard(("HEAD", "/api/openapi.json"))
    assert said - there == set()


def test_what_anybody_may_use_is_a_short_list():
    assert {rule.path for rule in RULES if rule.least is None} == {"/livez", "/api/session"}


def test_whoever_only_looks_changes_nothing():
    unsafe = {"POST", "PUT", "PATCH", "DELETE"}
    viewers = [rule for rule in RULES if rule.least is Role.VIEWER and rule.methods & unsafe]
    assert viewers == []


@pytest.mark.parametrize("path", ["/api/new", "/webrtc", "/metrics/x", "/api/streams/a/b/c"])
def test_what_no_rule_speaks_of_is_for_admins_only(path):
    assert rule_for("GET", path)[0].least is Role.ADMIN


@pytest.mark.parametrize("path", ["/", "/js/app.js", "/apikeys.css"])
def test_the_files_of_the_page_are_for_everybody(path):
    assert rule_for("GET", path)[0].least is None
