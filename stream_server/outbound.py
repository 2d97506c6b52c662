"""Posts to addresses from the settings, and connects only where a request may go."""

import asyncio
import socket
from collections.abc import Mapping
from ipaddress import ip_address
from typing import Annotated
from urllib.parse import urlsplit

import httpx
from pydantic import AfterValidator

from pipeline.errors import SinkError
from stream_server.redact import SecretUrl, redact


def _http(url: SecretUrl) -> SecretUrl:
    parts = urlsplit(url.get_secret_value())
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("an http or https address is needed")
    return url


HttpAddress = Annotated[SecretUrl, AfterValidator(_http)]
"""An address of the settings that `Outbound` can post to."""


class Outbound:
    """A client that looks a host up once, checks what it found, and connects to just that.

    Looking the name up again for the connection would let a name server answer differently the
    second time (DNS rebinding). Redirects are not followed, and no proxy of the environment is
    asked: both could lead anywhere.
    """

    def __init__(self, who: str, timeout_s: float, private: str) -> None:
        """`who` begins the sentences of errors; `private` is "allowed" or "refused"."""
        self._who = who
        self._private_refused = private == "refused"
        self._client = httpx.AsyncClient(timeout=timeout_s, follow_redirects=False, trust_env=False)

    async def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        """POST the body and return the answer, whatever its status.

        Raises:
            SinkError: the address may not be called, no connection, or no answer in time.
        """
        whole = httpx.URL(url)
        ip = await self._address(whole)
        target = whole.copy_with(host=ip)
        named = {**headers, "host": whole.netloc.decode("ascii")}
        try:
            return await self._client.post(
                target, content=body, headers=named, extensions={"sni_hostname": whole.host}
            )
        except httpx.HTTPError as error:
            reason = redact(str(error)) or type(error).__name__
            raise SinkError(f"{self._who} cannot be reached: {reason}.") from None

    async def aclose(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _address(self, url: httpx.URL) -> str:
        """The host's first IP; every one that it has must be allowed."""
        port = url.port or (443 if url.scheme == "https" else 80)
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
        except OSError as error:
            raise SinkError(f"{self._who}'s host name cannot be resolved.") from error
        addresses = [str(address[0]).partition("%")[0] for *_, address in found]
        for text in addresses:
            ip = ip_address(text)
            mapped = getattr(ip, "ipv4_mapped", None) or ip
            if mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified:
                raise SinkError(f"{self._who}'s address is link-local: that is never allowed.")
            if mapped.is_private and self._private_refused:
                raise SinkError(f"{self._who}'s address is private, which allow_private forbids.")
        return addresses[0]
