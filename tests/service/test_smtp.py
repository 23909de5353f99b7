"""Mail goes to a relay under TLS with a verified certificate, or not at all (RFC 8314)."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from smtplib import SMTPException, SMTPNotSupportedError

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from ringfence.authn.mail import UndeliverableError
from ringfence.cli.check.finding import Finding
from ringfence.cli.check.mail import mail as check_mail
from ringfence.core.secret import Secret
from ringfence.core.settings import Settings
from ringfence.service.mailers import SmtpMailer

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Relay:
    """A mail relay that knows as much SMTP as it is spoken to."""

    certificate: ssl.SSLContext
    offers_tls: bool = True
    refuses: bool = False
    refusal: bytes = b""  # of a recipient
    port: int = 0
    heard: list[str] = field(default_factory=list)
    encrypted: bool = False

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(ssl.SSLError):  # the client did not like the certificate
            await self._talk(reader, writer)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 relay\r\n")
        body = False
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.heard.append(line)
            verb = line.split(" ")[0].upper()
            if body:
                body = await self._body(reader)
                writer.write(b"250 taken\r\n")
            elif verb == "EHLO":
                tls = "250-STARTTLS\r\n" if self.offers_tls and not self.encrypted else ""
                writer.write(f"250-relay\r\n{tls}250 AUTH PLAIN\r\n".encode())
            elif verb == "STARTTLS":
                writer.write(b"220 go on\r\n")
                await writer.start_tls(self.certificate)
                self.encrypted = True
            elif verb == "AUTH":
                welcome = b"535 no\r\n" if self.refuses else b"235 welcome\r\n"
                writer.write(welcome)
            elif verb == "RCPT" and self.refusal:
                writer.write(self.refusal + b"\r\n")
            elif verb == "DATA":
                writer.write(b"354 go on\r\n")
                body = True
            elif verb == "QUIT":
                writer.write(b"221 bye\r\n")
                break
            else:
                writer.write(b"250 ok\r\n")
        writer.close()

    async def _body(self, reader: asyncio.StreamReader) -> bool:
        while (line := (await reader.readline()).decode().rstrip("\r\n")) != ".":
            self.heard.append(line)
        return False


def certificate(folder: Path) -> Path:
    """A certificate for 127.0.0.1, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "relay")])
    now = datetime.now(UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    path = folder / "relay.pem"
    private = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    path.write_bytes(signed.public_bytes(Encoding.PEM) + private)
    return path


@pytest.fixture
def pem(tmp_path: Path) -> Path:
    return certificate(tmp_path)


@asynccontextmanager
async def running(
    pem: Path, *, implicit_tls: bool = False, offers_tls: bool = True, refuses: bool = False
) -> AsyncGenerator[Relay]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(pem)
    relay = Relay(context, offers_tls, refuses, encrypted=implicit_tls)
    tls = context if implicit_tls else None
    server = await asyncio.start_server(relay.serve, "127.0.0.1", 0, ssl=tls)
    relay.port = server.sockets[0].getsockname()[1]
    try:
        yield relay
    finally:
        server.close()
        await server.wait_closed()


def mailer(relay: Relay, *, trusts: Path | None, implicit_tls: bool = False) -> SmtpMailer:
    context = ssl.create_default_context(cafile=trusts) if trusts else None
    return SmtpMailer(
        "127.0.0.1",
        relay.port,
        sender="noreply@shop.example",
        clock=lambda: NOW,
        user="shop",
        password=Secret("relay's password"),
        implicit_tls=implicit_tls,
        context=context,
    )


@pytest.mark.parametrize("implicit_tls", [False, True])
async def test_a_mail_arrives_under_tls(pem: Path, *, implicit_tls: bool) -> None:
    async with running(pem, implicit_tls=implicit_tls) as relay:
        sender = mailer(relay, trusts=pem, implicit_tls=implicit_tls)
        await sender.send("alice@example.com", "Hello", "Hello Alice\n")
    assert relay.encrypted
    assert "rcpt TO:<alice@example.com>" in relay.heard
    assert "Subject: Hello" in relay.heard
    assert "Hello Alice" in relay.heard


async def test_a_relay_that_nobody_vouches_for_hears_neither_password_nor_mail(pem: Path) -> None:
    async with running(pem) as relay:
        with pytest.raises(ssl.SSLCertVerificationError):
            await mailer(relay, trusts=None).send("alice@example.com", "Hello", "Hello\n")
    assert [line.split(" ")[0].upper() for line in relay.heard] == ["EHLO", "STARTTLS"]


async def test_a_relay_that_hides_starttls_hears_neither_password_nor_mail(pem: Path) -> None:
    """STARTTLS stripping by somebody on the way."""
    async with running(pem, offers_tls=False) as relay:
        with pytest.raises(SMTPNotSupportedError):
            await mailer(relay, trusts=pem).send("alice@example.com", "Hello", "Hello\n")
    assert {line.split(" ")[0].upper() for line in relay.heard} <= {"EHLO", "QUIT"}


async def test_a_refusal_of_the_relay_is_not_taken_for_success(pem: Path) -> None:
    async with running(pem, refuses=True) as relay:
        with pytest.raises(SMTPException):
            await mailer(relay, trusts=pem).send("alice@example.com", "Hello", "Hello\n")


async def test_a_refusal_for_good_is_told_from_one_for_now(pem: Path) -> None:
    """RFC 5321 4.2.1: 550 for the mailbox is for good, 451 is not."""
    async with running(pem) as relay:
        relay.refusal = b"550 no such mailbox"
        with pytest.raises(UndeliverableError, match="refused with 550"):
            await mailer(relay, trusts=pem).send("alice@example.com", "Hello", "Hello\n")
    async with running(pem) as relay:
        relay.refusal = b"451 come back later"
        with pytest.raises(SMTPException):
            await mailer(relay, trusts=pem).send("alice@example.com", "Hello", "Hello\n")


# --------------------------------------------------------------------------- ``ringfence check``


async def checked(relay: Relay, *, trusts: Path | None, scheme: str = "smtp") -> Finding:
    settings = Settings(
        mail=f"{scheme}://shop:relay%27s@127.0.0.1:{relay.port}", mail_from="a@shop.example"
    )
    context = ssl.create_default_context(cafile=trusts) if trusts else None
    return await asyncio.to_thread(check_mail, settings, context)


@pytest.mark.parametrize(("scheme", "implicit_tls"), [("smtp", False), ("smtps", True)])
async def test_the_check_signs_in_to_the_relay_and_sends_nothing(
    pem: Path, scheme: str, *, implicit_tls: bool
) -> None:
    async with running(pem, implicit_tls=implicit_tls) as relay:
        finding = await checked(relay, trusts=pem, scheme=scheme)
    assert (finding.ok, finding.note) == (True, "the relay lets us in")
    assert relay.encrypted
    verbs = [line.split(" ")[0].upper() for line in relay.heard]
    assert "AUTH" in verbs
    assert not {"MAIL", "RCPT", "DATA"} & set(verbs)


async def test_the_check_says_why_the_relay_is_of_no_use(pem: Path) -> None:
    async with running(pem, refuses=True) as relay:
        refused = await checked(relay, trusts=pem)
    async with running(pem) as relay:
        unknown = await checked(relay, trusts=None)
    async with running(pem, offers_tls=False) as relay:
        plain = await checked(relay, trusts=pem)
    gone = await checked(relay, trusts=pem)
    assert [each.problems[0].text for each in (refused, unknown, plain, gone)] == [
        "the relay refuses the user or the password",
        "the certificate of the relay is not trusted here, or of another host",
        "the relay offers no TLS, or no sign-in",
        "the relay does not answer: ConnectionRefusedError",
    ]
    assert not any("AUTH" in line for line in relay.heard)
