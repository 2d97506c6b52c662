"""The errors fakewatch raises on purpose; each message is one sentence an operator can act on.

FakewatchError
|- SettingsError                    start refused
|- ModelError                       start refused; on a reload the models before go on
|  |- ModelCardError
|  |- ModelLoadError
|  `- DeviceError                   what the model runs on fails, not the model
|- SourceError                      carries a short, stable `code`
|  |- SourceRefused                 do not retry as it stands (unknown codec, no such path)
|  `- SourceLost                    worth another try
|- MediaError                       a file that is no picture or video
|- SinkError                        counted and retried; never reaches the pipeline
`- UploadError                      becomes an HTTP 4xx answer
"""


class FakewatchError(Exception):
    """Root of every error that fakewatch raises on purpose."""


class SettingsError(FakewatchError):
    """The settings cannot be used; the service does not start."""


class ModelError(FakewatchError):
    """A model cannot be used; the service does not start, or goes on with those before."""


class ModelCardError(ModelError):
    """A model card is missing, malformed or contradicts its model."""


class ModelLoadError(ModelError):
    """A model file is missing, altered or cannot run on the asked device."""


class DeviceError(ModelError):
    """The graphics card fails under a model that ran on it: lost, or out of memory."""


class SourceError(FakewatchError):
    """Frames cannot be had from a source; `code` is stable and safe to show."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SourceRefused(SourceError):
    """Trying again as it stands is pointless (no such codec, forbidden scheme)."""


class SourceLost(SourceError):
    """The connection failed or ended; another try may succeed."""


class MediaError(FakewatchError):
    """A file is no picture or video that can be read; `code` is stable."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class SinkError(FakewatchError):
    """An alert could not be handed over; it is retried."""


class UploadError(FakewatchError):
    """An upload is refused; `status` is the HTTP answer, `code` is stable."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
