"""The report is one page that runs nothing, loads nothing and escapes everything."""

import json
import math
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest

from pipeline.model_card import Thresholds
from pipeline.report import FaceReport, FileReport, ModelFacts, Timing, Verdict
from pipeline.series import Bucket, FaceRecord, FileRecord, Span
from pipeline.types import Reason, State, TrackId
from stream_server.reports.bars import waterfall
from stream_server.reports.charts import clock, timeline
from stream_server.reports.document import CardFacts, Origin, ReportDocument, to_json
from stream_server.reports.page import SHOWN_FACES, render
from stream_server.reports.strongest import Picture
from stream_server.reports.style import policy

HOSTILE = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'{{ 7*7 }}.mp4"
REASONS = (Reason("classifier", 2.5, "Looks manipulated."), Reason("blink", -0.2, "Ordinary."))
CURVE = tuple(Bucket(i / 2, 0.1, 0.9, 0.5) for i in range(20))


def record(track=1):
    return FaceRecord(
        track_id=TrackId(track),
        seen_s=10.0,
        judged_s=8.0,
        unjudged=(("small", 1.5), ("short", 0.5)),
        **dict.fromkeys(("score", "band_low", "band_high", "frames", "ear", "baseline"), CURVE),
        judged=tuple(Bucket(i / 2, 0, 1, float(i > 3)) for i in range(20)),
        blinks=(Span(2.0, 2.2),),
        blinks_left_out=0,
        alerts=(Span(5.0, 9.0),),
        peak_s=7.0,
    )


def face(track=1):
    return FaceReport(
        track_id=TrackId(track),
        first_s=0.0,
        last_s=10.0,
        fake_prob=0.91,
        state=State.ALERT,
        reasons=REASONS,
        blink=None,
        samples=30,
        low_prob=0.8,
        high_prob=0.95,
        alerts=1,
    )


def document(name="clip.mp4", faces=1, **changes):
    card = CardFacts("m", "1", "deepfake", "ab" * 32, "MIT", "<b>data</b>", "cannot <i>do</i>")
    report = FileReport(
        input=name,
        kind="video",
        duration_s=10.0,
        verdict=Verdict(State.ALERT, 0.91, REASONS, "Strong signs of manipulation.", 0.8, 0.95),
        faces=tuple(face(track) for track in range(1, faces + 1)),
        model=ModelFacts("m", "1", "ab" * 32, "MIT", 0.8, 0.55, "cpu"),
        timing=Timing(2.0, 0.2, 300, 150, 0),
    )
    origin = Origin(
        "cd" * 32, 12345, "ef" * 32, {"a": 1}, datetime.now(UTC), "fakewatch 1", (card,)
    )
    seen = FileRecord(150, 10.0, 9.0, 8.0, 2, 0, tuple(record(t) for t in range(1, faces + 1)), 0)
    return replace(ReportDocument(report, seen, origin, truncated=False), **changes)


class _Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, name, value) for name, value in attrs]


def parsed(page):
    tags = _Tags()
    tags.feed(page)
    return tags


def test_a_hostile_name_is_only_ever_text():
    page = render(document(HOSTILE))
    tags = parsed(page)
    assert "script" not in tags.tags
    assert "img" not in tags.tags
    assert [name for _, name, _ in tags.attributes if name.startswith("on")] == []
    assert "{{ 7*7 }}" in page.replace("&#39;", "'")
    assert "<b>data</b>" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page


def test_the_page_runs_nothing_and_loads_nothing():
    pictures = (Picture(TrackId(1), 3.0, 0.9, b"\xff\xd8picture"),)
    tags = parsed(render(document(pictures=pictures)))
    assert not {"script", "link", "iframe", "object", "base", "form"} & set(tags.tags)
    loads = [v for _, name, v in tags.attributes if name in ("src", "href", "srcset", "style")]
    assert len(loads) == 1
    assert loads[0].startswith("data:image/jpeg;base64,")


def test_times_lead_into_the_annotated_copy_only_where_it_lies_beside_the_page():
    def links(page):
        return [value for tag, name, value in parsed(page).attributes if name == "href"]

    assert links(render(document())) == []
    found = links(render(document(), 'my "copy"#1.mp4'))
    assert "./my%20%22copy%22%231.mp4#t=5.0" in found, "the alert"
    assert "./my%20%22copy%22%231.mp4#t=7.0" in found, "the highest score"
    assert len(found) > 60, "the whole timeline"
    assert all(link.startswith("./my%20") for link in found)
    still = replace(document(), report=replace(document().report, kind="image"))
    assert links(render(still, "copy.jpg")) == []


def test_each_person_has_a_sum_whose_lines_add_up_to_the_probability():
    page = render(document(faces=2))
    assert page.count('<tr class="sum">') == 2
    assert page.count("Log-odds +2.30, which is 91 %.") == 2


def test_a_heat_map_comes_with_its_scale_and_a_model_without_one_says_so():
    plain = Picture(TrackId(1), 3.0, 0.9, b"\xff\xd8picture")
    page = render(document(pictures=(plain,)))
    assert "this model gives no heat-map" in page
    page = render(document(pictures=(replace(plain, heat_jpeg=b"\xff\xd8heat", heat_reach=20.0),)))
    assert "raw log-odds of each region" in page
    assert "towards +20" in page
    assert "this model gives no heat-map" not in page


def test_its_policy_allows_its_own_style_and_nothing_else():
    page = render(document())
    (style,) = re.findall("<style>(.*?)</style>", page, re.DOTALL)
    assert "url(" not in style
    assert "@import" not in style
    told = dict(part.split(" ", 1) for part in policy().split("; "))
    assert told["default-src"] == "'none'"
    assert told["img-src"] == "data:"
    assert "script-src" not in told
    metas = [value for tag, name, value in parsed(page).attributes if value == policy()]
    assert len(metas) == 1


def test_it_says_what_was_seen_what_was_not_and_with_what():
    page = re.sub(r"\s+", " ", render(document(truncated=True)))
    for sentence in (
        "Strong signs of manipulation",
        "91 %",
        "90 % band 80 % to 95 %",
        "Judged for 8.0 s of the 0:10",
        "1.5 s because the face was too small",
        "The file ends early",
        "The sound was not examined",
        "Alert from 5.0 s to 9.0 s",
        "cd" * 32,
        "ef" * 32,
        "Looks manipulated.",
        "No signs is not proof",
    ):
        assert sentence in page, sentence


def test_a_known_systems_figure_is_not_called_calibrated():
    one = document()
    rule = (Reason("preset", 2.3, "By the rule of frame-mean, not fakewatch's own."),)
    verdict = Verdict(State.CLEAR, 0.11, rule, "Judged by the rule of frame-mean.")
    page = render(replace(one, report=replace(one.report, verdict=verdict, preset="frame-mean")))
    header = page[page.index("<header") : page.index("</header>")]
    assert "not calibrated" in header
    assert "calibrated probability" not in header
    assert '<svg class="gauge"' not in header
    assert "By the rule of frame-mean: no signs stand out" in header
    assert "By fakewatch&#39;s own rule: strong signs of manipulation" in header


def test_it_never_calls_anything_fake_or_real():
    text = re.sub("<style>.*?</style>|<[^>]+>", " ", render(document()), flags=re.DOTALL)
    words = set(re.findall(r"[a-z]+", text.lower().replace("fakewatch", "")))
    assert not words & {"fake", "deepfake", "real", "authentic"}


def test_no_picture_of_anybody_is_in_it_unless_asked_for():
    assert "data:image" not in render(document())


def test_a_picture_has_no_timeline():
    one = document()
    still = replace(one, report=replace(one.report, kind="image", duration_s=0.0))
    assert "timeline" not in parsed(render(still)).attributes
    assert '<svg class="timeline"' not in render(still)


def test_without_a_face_it_says_so():
    one = document(faces=0)
    verdict = Verdict(State.INSUFFICIENT, None, (), "No face was found, so nothing is said.")
    page = render(replace(one, report=replace(one.report, verdict=verdict)))
    assert "Not enough seen to say" in page
    assert "No face was found" in page


def test_many_faces_are_a_list_not_a_wall_of_drawings():
    page = render(document(faces=SHOWN_FACES + 5))
    assert page.count('<svg class="timeline"') == SHOWN_FACES
    assert "5 less suspicious faces" in page


def test_the_twin_holds_the_same_facts_without_pictures():
    pictures = (Picture(TrackId(1), 3.0, 0.9, b"\xff\xd8picture"),)
    twin = json.loads(to_json(document(HOSTILE, pictures=pictures)))
    assert twin["input"] == HOSTILE
    assert twin["verdict"]["state"] == "alert"
    assert twin["origin"]["input_sha256"] == "cd" * 32
    assert twin["observed"]["faces"][0]["score"][1] == [0.5, 0.1, 0.9, 0.5]
    assert "picture" not in json.dumps(twin)


@pytest.mark.parametrize("duration_s", [0.0, 0.04, 1.0, 59.0, 3600.0, 14400.0, 1e7])
def test_every_length_has_a_readable_axis(duration_s):
    drawn = timeline(record(), duration_s, thresholds())
    assert 1 <= len(drawn.times) <= 11
    assert all(math.isfinite(tick.at) for tick in drawn.times)
    numbers = [float(n) for n in re.findall(r"-?\d+\.?\d*", drawn.score + drawn.band)]
    assert all(-1 <= n <= 1000 for n in numbers)


def test_a_gap_in_what_was_seen_is_a_gap_in_the_line():
    buckets = (*CURVE[:5], *(replace(b, start_s=b.start_s + 10) for b in CURVE[5:]))
    drawn = timeline(replace(record(), score=buckets), 20.0, thresholds())
    assert drawn.score.count("M") == 2


def test_the_bars_of_the_reasons_end_where_the_sum_ends():
    drawn = waterfall(REASONS)
    assert drawn.total.llr == pytest.approx(2.3)
    assert drawn.steps[0].raises
    assert not drawn.steps[1].raises
    end = drawn.steps[1].x
    assert end == pytest.approx(drawn.total.x + drawn.total.width, abs=0.2)


@pytest.mark.parametrize(
    ("time_s", "text"), [(3.21, "3.2 s"), (65.4, "1:05"), (3725, "1:02:05"), (0, "0.0 s")]
)
def test_times_read_like_times(time_s, text):
    assert clock(time_s) == text


def thresholds():
    return Thresholds(0.8, 0.55)
