"""The analyzer of one stream, inside what enrols, challenges, remembers and shows."""

import time

from pipeline.analyzer import StreamAnalyzer
from pipeline.load import Models
from pipeline.types import StreamId
from stream_server.evidence.witness import Witness, Witnessed
from stream_server.streams.challenger import Challenged, Challenger
from stream_server.streams.enroller import Enrolled, Enroller
from stream_server.streams.preview import Preview, Previewed
from stream_server.streams.recording import new_alert_id
from stream_server.streams.tuning import Tuned, Tuning


def analyzer_chain(
    stream_id: StreamId,
    models: Models,
    tuning: Tuning,
    preview: Preview,
    enroller: Enroller,
    challenger: Challenger,
    witness: Witness,
) -> Previewed:
    """Make a fresh analyzer, with all that goes on around it."""
    analyzer = StreamAnalyzer(stream_id, models, new_alert_id, tuning.settings, time.perf_counter)
    judged = Challenged(Enrolled(analyzer, enroller), analyzer, challenger)
    tuned = Tuned(judged, analyzer, tuning)
    return Previewed(Witnessed(tuned, witness), preview)
