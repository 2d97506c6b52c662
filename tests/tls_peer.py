"""A TLS front for plain servers, with a certificate made on the spot that nobody trusts."""

import asyncio
import contextlib
import datetime
import ssl
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from ipaddress import ip_address
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

T = TypeVar("T")


def make_certificate(folder: Path) -> Path:
    """A PEM file with key and self-signed certificate for 127.0.0.1, valid for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "camera")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "camera.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    path.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    return path


@contextmanager
def tls_front(plain_port: int, certificate: Path) -> Iterator[int]:
    """Listen with TLS on a free port, passing everything to `plain_port`; yields the port."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server = _on(loop, _listen(plain_port, context))
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        _on(loop, _end(server))
        loop.call_soon_threadsafe(loop.stop)
        thread.join(5)
        loop.close()


async def _listen(plain_port: int, context: ssl.SSLContext) -> asyncio.Server:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        back_reader, back_writer = await asyncio.open_connection("127.0.0.1", plain_port)
        pipes = (_pipe(reader, back_writer), _pipe(back_reader, writer))
        try:
            await asyncio.gather(*pipes)
        finally:  # also when the test is over first: nothing may be left open
            for end in (back_writer, writer):
                end.transport.abort()

    return await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


async def _end(server: asyncio.Server) -> None:
    server.close()  # in its own loop: from another thread it would race with its connections
    others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.sleep(0.05)  # aborted transports close their sockets in the next rounds


def _on(loop: asyncio.AbstractEventLoop, coroutine: Coroutine[object, object, T]) -> T:
    return asyncio.run_coroutine_threadsafe(coroutine, loop).result(10)
