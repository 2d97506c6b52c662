"""What the settings say of WebRTC, in WebRTC's own words."""

from pydantic import SecretStr

from stream_server.settings import WebrtcSettings
from stream_server.webrtc.peer import PeerSettings
from stream_server.webrtc.session import SessionSettings
from stream_server.webrtc.turn import IceServer


def peer_settings_of(settings: WebrtcSettings) -> PeerSettings:
    """Say how a peer is spoken to."""
    return PeerSettings(
        ice_servers_of(settings), settings.offer_loopback, settings.start_bitrate_kbps
    )


def ice_servers_of(settings: WebrtcSettings) -> tuple[IceServer, ...]:
    """List the STUN and TURN servers, with what opens them."""
    return tuple(
        IceServer(s.url, s.username, _revealed(s.credential), _revealed(s.secret))
        for s in settings.ice_servers
    )


def _revealed(secret: SecretStr | None) -> str | None:
    return secret.get_secret_value() if secret else None


def session_settings_of(settings: WebrtcSettings) -> SessionSettings:
    """Say how many may send, and when one has left."""
    return SessionSettings(
        max_sessions=settings.max_sessions,
        max_sessions_per_address=settings.max_sessions,
        heartbeat_timeout_s=settings.gone_after_s,
        analyse_fps=settings.analyse_fps,
    )
