"""HTTPS by a certificate of the operator's: found wanting before anything slow is done."""

import ssl

from pipeline.errors import SettingsError
from stream_server.settings import ServerSettings


def is_tls(settings: ServerSettings) -> bool:
    """Whether the service speaks HTTPS.

    Raises:
        SettingsError: certificate or key is missing, or they do not belong together.
    """
    if settings.tls_cert is None and settings.tls_key is None:
        return False
    if settings.tls_cert is None or settings.tls_key is None:
        raise SettingsError("server.tls_cert and server.tls_key belong together: set both or none.")
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        # str() gives the empty password: OpenSSL would ask for one on the terminal.
        context.load_cert_chain(settings.tls_cert, settings.tls_key, password=str)
    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        raise SettingsError(
            f"HTTPS is not possible with {settings.tls_cert} and {settings.tls_key}: {reason}."
        ) from error
    return True
