"""The rule of every route: the least role that it asks for, and how far streams limit it.

A house test walks all routes of the app and proves that each has its rule here. What has none is
for admins only.
"""

import re
from dataclasses import dataclass
from enum import Enum

from starlette.routing import compile_path

from stream_server.auth.roles import Role


class Reach(Enum):
    """What a route tells of streams, for callers who may see only some of them."""

    NOTHING = "nothing"
    """It tells of no stream."""
    FILTERED = "filtered"
    """Its handler tells each caller of their own streams only; `stream=` in a query is checked."""
    STREAM = "stream"
    """Its path names the stream: other streams are not there."""
    ALERT = "alert"
    """Its path names an alert of a stream."""
    PUBLISHED = "published"
    """Its path names what is published as `webrtc-NAME`."""
    ALL = "all"
    """It tells of all streams at once: only for those who may see all of them."""


@dataclass(frozen=True, slots=True)
class Rule:
    """Who may use a route."""

    methods: frozenset[str]
    path: str
    least: Role | None
    """None: anybody, signed in or not."""
    reach: Reach = Reach.NOTHING
    action: str | None = None
    """What the audit log calls it; None: not worth a line."""


def _rule(
    line: str, least: Role | None, reach: Reach = Reach.NOTHING, action: str | None = None
) -> Rule:
    methods, path = line.split()
    return Rule(frozenset(methods.split(",")), path, least, reach, action)


_V, _O, _A = Role.VIEWER, Role.OPERATOR, Role.ADMIN
_STREAM, _ALERT, _ALL, _FILTERED = Reach.STREAM, Reach.ALERT, Reach.ALL, Reach.FILTERED
RULES: tuple[Rule, ...] = (
    _rule("GET /livez", None),
    _rule("GET,POST,DELETE /api/session", None),
    _rule("GET,HEAD /api/openapi.json", _V),
    _rule("GET /api/info", _V),
    _rule("GET /api/models", _V),
    _rule("GET /readyz", _V),
    _rule("GET /healthz", _V, _FILTERED),
    _rule("GET /metrics", _V, _FILTERED),
    _rule("GET /api/events", _V, _FILTERED),
    _rule("WEBSOCKET /api/live", _V, _FILTERED),
    _rule("GET /api/streams", _V, _FILTERED),
    _rule("POST /api/streams", _O, _ALL, "stream.add"),
    _rule("GET /api/streams/{stream_id}", _V, _STREAM),
    _rule("PATCH /api/streams/{stream_id}", _O, _STREAM, "stream.change"),
    _rule("DELETE /api/streams/{stream_id}", _O, _STREAM, "stream.remove"),
    _rule("GET /api/streams/{stream_id}/status", _V, _STREAM),
    _rule("GET /api/streams/{stream_id}/preview.jpg", _V, _STREAM),
    _rule("POST /api/streams/{stream_id}/suspend", _O, _STREAM, "alerts.suspend"),
    _rule("DELETE /api/streams/{stream_id}/suspend", _O, _STREAM, "alerts.resume"),
    _rule("GET /api/streams/{stream_id}/enrolment", _V, _STREAM),
    _rule("POST /api/streams/{stream_id}/enrolment", _O, _STREAM, "enrolment.begin"),
    _rule("DELETE /api/streams/{stream_id}/enrolment", _O, _STREAM, "enrolment.remove"),
    _rule("GET /api/streams/{stream_id}/challenge", _V, _STREAM),
    _rule("POST /api/streams/{stream_id}/challenge", _O, _STREAM, "challenge.begin"),
    _rule("DELETE /api/streams/{stream_id}/challenge", _O, _STREAM, "challenge.end"),
    _rule("GET /api/alerts", _V, _FILTERED),
    _rule("GET /api/alerts/{alert_id}", _V, _ALERT),
    _rule("POST /api/alerts/{alert_id}/acknowledge", _O, _ALERT, "alert.acknowledge"),
    _rule("POST /api/alerts/{alert_id}/judge", _O, _ALERT, "alert.judge"),
    _rule("GET /api/evidence", _V, _FILTERED),
    _rule("GET /api/alerts/{alert_id}/evidence", _V, _ALERT),
    _rule("GET /api/alerts/{alert_id}/evidence/bundle.zip", _V, _ALERT, "evidence.read"),
    _rule("POST /api/alerts/{alert_id}/evidence/pin", _O, _ALERT, "evidence.pin"),
    _rule("DELETE /api/alerts/{alert_id}/evidence", _O, _ALERT, "evidence.remove"),
    _rule("GET /api/sinks", _O, _ALL),
    _rule("POST /api/sinks/{name}/test", _O, _ALL, "sink.test"),
    _rule("POST /api/sinks/{name}/enable", _O, _ALL, "sink.enable"),
    _rule("POST /api/sinks/{name}/retry", _O, _ALL, "sink.retry"),
    _rule("GET /api/deliveries", _O, _ALL),
    # Files belong to no stream, and show whoever is in them.
    _rule("GET /api/uploads", _V, _ALL),
    _rule("POST /api/uploads", _O, _ALL, "report.add"),
    _rule("GET /api/uploads/{upload_id}", _V, _ALL),
    _rule("DELETE /api/uploads/{upload_id}", _O, _ALL, "report.remove"),
    _rule("PUT /api/uploads/{upload_id}/parts", _O, _ALL),
    _rule("POST /api/uploads/{upload_id}/finish", _O, _ALL),
    _rule("POST /api/uploads/{upload_id}/cancel", _O, _ALL, "report.cancel"),
    _rule("GET /api/uploads/{upload_id}/report.{kind}", _V, _ALL, "report.read"),
    _rule("GET /api/uploads/{upload_id}/compare", _V, _ALL),
    _rule("GET /api/uploads/{upload_id}/annotated", _V, _ALL, "report.watch"),
    _rule("POST /webrtc/offer", _O, Reach.NOTHING, "video.send"),
    _rule("DELETE /webrtc/{stream_id}", _O, _STREAM, "video.end"),
    _rule("POST /whip/{stream}", _O, Reach.PUBLISHED, "video.publish"),
    _rule("GET,HEAD,PUT,PATCH,DELETE,OPTIONS /whip/{stream}", _O, Reach.PUBLISHED),
    _rule("DELETE /whip/{stream}/{token}", _O, Reach.PUBLISHED, "video.end"),
    _rule("GET,HEAD,PUT,PATCH,POST /whip/{stream}/{token}", _O, Reach.PUBLISHED),
    _rule("GET /api/config/effective", _A),
    _rule("POST /api/config/reload", _A, Reach.NOTHING, "config.reload"),
    _rule("GET /api/users", _A),
    _rule("POST /api/users", _A, Reach.NOTHING, "user.add"),
    _rule("PATCH /api/users/{name}", _A, Reach.NOTHING, "user.change"),
    _rule("DELETE /api/users/{name}", _A, Reach.NOTHING, "user.remove"),
    _rule("PUT /api/users/{name}/password", _A, Reach.NOTHING, "user.password"),
    _rule("DELETE /api/users/{name}/sessions", _A, Reach.NOTHING, "user.sign_out"),
    _rule("POST /api/users/{name}/tokens", _A, Reach.NOTHING, "token.add"),
    _rule("DELETE /api/users/{name}/tokens/{token_id}", _A, Reach.NOTHING, "token.remove"),
    _rule("GET /api/audit", _A),
)
_COMPILED = tuple((compile_path(rule.path)[0], rule) for rule in RULES)
_SERVICE = re.compile(r"/(api|webrtc|whip|metrics|readyz|healthz)(/|$)")
"""Below these nothing is a file of the page."""
_PAGE = Rule(frozenset(), "/", None)
_UNKNOWN = Rule(frozenset(), "/", Role.ADMIN, Reach.ALL)


def rule_for(method: str, path: str) -> tuple[Rule, dict[str, str]]:
    """Find the rule of a request, and what its path names.

    Whatever no rule speaks of is for admins; outside the service's own paths are the files of the
    page, which anybody may load: they are what asks to sign in.
    """
    for pattern, rule in _COMPILED:
        found = pattern.fullmatch(path) if method in rule.methods else None
        if found:
            return rule, found.groupdict()
    return (_UNKNOWN if _SERVICE.match(path) else _PAGE), {}
