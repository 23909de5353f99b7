"""A mail relay for the application in production mode, which sends by SMTP under TLS or not at all.

The certificate is made for this run, by an authority that the application's process alone trusts.
"""

import asyncio
import contextlib
import ipaddress
import secrets
import ssl
from collections.abc import AsyncGenerator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

_HOST: Final = "127.0.0.1"
_LIFETIME: Final = timedelta(hours=1)
_REPLIES: Final = {
    b"EHLO": b"250-relay\r\n250 AUTH PLAIN LOGIN\r\n",
    b"AUTH": b"235 Welcome\r\n",
    b"DATA": b"354 Go ahead\r\n",
    b"QUIT": b"221 Bye\r\n",
}
_OK: Final = b"250 OK\r\n"


@contextlib.asynccontextmanager
async def relay(folder: Path) -> AsyncGenerator[dict[str, str]]:
    """Take mail into ``folder``, as ``.eml`` files; gives the settings of who sends it."""
    folder.mkdir()  # noqa: ASYNC240  # before anything else runs
    certificate = folder / "certificate.pem"
    key = _make(certificate)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    key.unlink()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await _talk(reader, writer, folder)
        writer.close()

    server = await asyncio.start_server(talk, _HOST, 0, ssl=context)
    port: int = server.sockets[0].getsockname()[1]
    async with server:
        yield {
            "RINGFENCE_ENV": "production",
            "RINGFENCE_MAIL": f"smtps://attacked:{secrets.token_hex(16)}@{_HOST}:{port}",
            "RINGFENCE_MAIL_FROM": "attacked@example.com",
            "SSL_CERT_FILE": str(certificate),
        }


async def _talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, folder: Path) -> None:
    """One connection (RFC 5321), as far as a client that means well needs it."""
    writer.write(b"220 relay\r\n")
    while line := await reader.readline():
        verb = line[:4].upper()
        writer.write(_REPLIES.get(verb, _OK))
        await writer.drain()
        if verb == b"QUIT":
            return
        if verb == b"DATA":
            mail = await reader.readuntil(b"\r\n.\r\n")
            unfinished = folder / f".{secrets.token_hex(8)}"
            unfinished.write_bytes(mail[:-3].replace(b"\r\n..", b"\r\n."))
            unfinished.rename(folder / f"{secrets.token_hex(8)}.eml")
            writer.write(_OK)
            await writer.drain()


def _make(certificate: Path) -> Path:
    """A certificate for this host, its own authority; returns where its key is."""
    from cryptography import x509  # noqa: PLC0415  # 0.1 s that only this configuration pays
    from cryptography.hazmat.primitives import hashes, serialization  # noqa: PLC0415  # as above
    from cryptography.hazmat.primitives.asymmetric import ec  # noqa: PLC0415  # as above

    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "relay of ringfence attack")])
    now = datetime.now(UTC)
    host = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(_HOST))])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + _LIFETIME)
        .add_extension(host, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(private, hashes.SHA256())
    )
    certificate.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    key = certificate.with_suffix(".key")
    key.touch(mode=0o600)
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return key
