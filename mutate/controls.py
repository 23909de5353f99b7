"""What the rules of ``operators`` do not say: areas and their sources, the wiring, equivalents.

All of it is data. An area, a piece of wiring or an equivalent that fits nothing in the source any
more is an error (``problems``), so that this list cannot rot while code moves.
"""

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from mutate.source import Mutant, Source


@dataclass(frozen=True, slots=True)
class Area:
    """Modules that share a purpose: where the table has a row, and which attacks may notice."""

    name: str
    modules: tuple[str, ...]  # the beginnings of their names; the longest that fits decides
    sources: str  # requirements of ASVS 5.0 and other lists
    attacks: tuple[str, ...] = ()  # of the catalogue, whose control stands here


AREAS: Final = (
    Area("access tokens", ("authn/tokens.py",), "ASVS 9.1, 9.2", ("U08", "U10", "D01")),
    Area("keys", ("authn/keys.py", "authn/keyring.py", "authn/sealing.py",
                  "authn/opaque.py"), "ASVS 11.2, 13.3"),
    Area("limits of tries", ("authn/limits.py", "authn/budgets.py"), "ASVS 6.3.1", ("U01",)),
    Area("limits of routes", ("authn/route_limits.py", "core/limit.py",
                              "boundary/handlers.py"), "ASVS 2.4.1, 15.2.2"),
    Area("sessions", ("authn/sessions.py", "authn/refresh.py", "authn/revocation.py"),
         "ASVS 7.2 to 7.4", ("U05", "U07", "D01")),
    Area("passwords", ("authn/blocklist.py", "authn/passwords.py", "authn/verifier.py",
                       "authn/hashing.py", "authn/derivation.py", "service/hashing.py"),
         "ASVS 6.2", ("U01",)),
    Area("second factors", ("authn/totp.py", "authn/factors.py", "authn/second_factor.py",
                            "authn/recovery_codes.py", "authn/passkeys.py",
                            "authn/ceremonies.py", "service/factors.py",
                            "service/passkeys.py", "service/browser.py"),
         "ASVS 6.5 to 6.7", ("U11", "U12", "U13", "U17")),
    Area("signing in, accounts, mail", ("authn/", "service/"),
         "ASVS 6.3, 6.4", ("U01", "U17", "D01")),
    Area("policies and ownership", ("authz/", "core/policy.py"),
         "ASVS 8.2, 8.3", ("Z01", "Z02", "Z03", "Z06", "H10")),
    Area("sealed routes", ("authz/seal.py", "authz/starlette.py", "core/route.py"),
         "ASVS 8.1, 8.2", ("Z04", "H06")),
    Area("request heads and paths", ("boundary/request/head.py", "boundary/request/path.py",
                                     "boundary/asgi.py"), "ASVS 4.2, 1.1", ("H02", "H06", "H08")),
    Area("cross-site requests", ("boundary/request/csrf.py",), "ASVS 3.5", ("O05",)),
    Area("bodies and queries", ("boundary/request/",), "ASVS 1.5, 2.2, 4.1", ("H08", "I11", "I12")),
    Area("SQL", ("boundary/sql/", "boundary/request/inputs.py"), "ASVS 1.2.4", ("I01", "I02")),
    Area("programs", ("boundary/processes/",), "ASVS 1.2.5", ("I03",)),
    Area("files and uploads", ("boundary/files/",), "ASVS 5.2 to 5.4", ("I07", "O03")),
    Area("other servers, redirects", ("boundary/urls/", "output/location.py"),
         "ASVS 1.3.6, 15.3.2", ("S01", "O07")),
    Area("fields of answers", ("output/fields.py",), "ASVS 15.3.1", ("Z05",)),
    Area("browser headers, cookies", ("output/",), "ASVS 3.3, 3.4",
         ("I08", "O02", "O03", "O04", "O05", "O06")),
    Area("errors", ("output/scrub.py", "output/problem.py"), "ASVS 16.5.1", ("O08",)),
    Area("log", ("monitoring/",), "ASVS 16.2 to 16.4", ("M01", "I09")),
    Area("addresses, the database's limits", ("network/",), "ASVS 4.1.3, 13.2", ("H03", "I02")),
    Area("rows and their owners", ("storage/application/", "network/doors.py"),
         "ASVS 8.2.2", ("Z01", "Z02", "I01", "I12")),
    Area("settings, secrets", ("core/",), "ASVS 13.1, 13.3", ("U19",)),
    Area("wiring", ("stack/", "fastapi.py"), "STYLE, Tests", ("Z04", "I02", "I03")),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Named:
    """Wiring that once survived everything: some mutant must be of this kind."""

    note: str
    module: str
    pattern: str  # searched for in what the mutant says


NAMED: Final = (
    Named("the process hook acts only once it is frozen", "boundary/", r"no denial\.freeze\(\)"),
    Named("the database's authorizer acts only once it is frozen", "network/",
          r"no sqlite\.freeze\(\)"),
    Named("the layers' hooks are called at all", "stack/", r"no each\.start\(\)"),
    Named("layers are switched off in demo and test only", "stack/",
          r"no raise ConfigurationError\(.layers= is for"),
    Named("the configured times of sessions arrive", "authn/", "RefreshLimits without idle"),
    Named("workers' sources are as strict as scripts'", "output/csp.py", "worker-src"),
    Named("the refusals of one request are bounded", "core/", "_MOST_REFUSALS"),
    Named("the limit of a body", "boundary/request/body.py", "body_bytes"),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Change:
    """A mistake that no rule makes: ``find``, once in this function, becomes ``text``."""

    module: str
    where: str
    what: str
    find: str
    text: str


CHANGES: Final = (
    Change("output/asgi.py", "Output.answer_crash", "an exception's text in a header",
           "(problem.CONTENT_TYPE,)",
           '(problem.CONTENT_TYPE, (b"x-error", str(error).encode("latin-1", "replace")))'),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Equivalent:
    """A mutant after which the program does the same, and why; ``pattern`` fits its whole name."""

    pattern: str
    reason: str


EQUIVALENTS: Final = (
    Equivalent(
        r"authn/passwords\.py encode: no raise Refused\('password\.too_long'\)",
        "the check of the bytes refuses the same; this one spares the time of a normal form",
    ),
    Equivalent(
        r"authn/passwords\.py Passwords\.matches_key: pepper is not None is not asked .*",
        "without a pepper the key is compared with zeros, which no HMAC is but by chance",
    ),
    Equivalent(
        r"authn/passwords\.py Passwords\.matches_key: len\(client_key\) == KEY_BYTES is not .*",
        "what is stored is the HMAC of a key of that length, and of no other key",
    ),
    Equivalent(
        r"boundary/files/root\.py components: '\\x00' in name is not asked .*",
        "a NUL is a control character, and those are refused in every part",
    ),
    Equivalent(
        r"boundary/urls/outbound\.py _is_host: _parse_address\(host\) is not None is not asked .*",
        "httpx2 refuses a host with a colon that is no IPv6 address before it is asked",
    ),
    Equivalent(
        r"boundary/urls/outbound\.py Outbound\._vet: not found is not asked .*",
        "without an address ``_get`` refuses as well",
    ),
    Equivalent(
        r"boundary/urls/outbound\.py Outbound\._get: no raise _refused\('address'\)",
        "``_vet`` has refused a target without an address",
    ),
    Equivalent(
        r"boundary/urls/outbound\.py Outbound\._get: no await response\.aclose\(\)",
        "the client that is closed right behind it closes every answer",
    ),
)


def area(module: str) -> Area | None:
    """The area of a module: of all that fit, the one that says most."""
    fitting = [
        (len(beginning), each)
        for each in AREAS
        for beginning in each.modules
        if module.startswith(beginning)
    ]
    return max(fitting, key=lambda one: one[0])[1] if fitting else None


def changes(source: Source) -> Iterator[Mutant]:
    """The mutants of ``CHANGES`` in this module; a change that fits nowhere is a problem."""
    for change in CHANGES:
        if change.module != source.module:
            continue
        for where, statement in source.scopes():
            begin, end = source.span(statement)
            at = source.text.find(change.find.encode(), begin, end)
            if (
                where != change.where
                or at < 0
                or isinstance(statement, ast.If | ast.Try | ast.With)
            ):
                continue
            first, last = statement.lineno, statement.end_lineno or statement.lineno
            after = at + len(change.find.encode())
            text = change.text.encode()
            yield Mutant(source.module, where, change.what, first, last, at, after, text)
            break


def equivalent(name: str) -> Equivalent | None:
    """Why nobody can notice this mutant, or None."""
    return next((each for each in EQUIVALENTS if re.fullmatch(each.pattern, name)), None)


def problems(found: Iterable[Mutant]) -> list[str]:
    """What of this list fits nothing in the source any more."""
    mutants = list(found)
    modules = {mutant.module for mutant in mutants}
    said = [
        f"area {each.name!r}: no control in {beginning}"
        for each in AREAS
        for beginning in each.modules
        if not any(module.startswith(beginning) for module in modules)
    ]
    said += [f"{module}: of no area" for module in sorted(modules) if area(module) is None]
    said += [
        f"named control {each.note!r}: nothing in {each.module} fits {each.pattern!r}"
        for each in NAMED
        if not any(m.module.startswith(each.module) and re.search(each.pattern, m.what)
                   for m in mutants)
    ]  # fmt: skip
    names = [mutant.name for mutant in mutants]
    said += [
        f"change {each.what!r}: {each.find!r} does not stand in {each.module} {each.where}"
        for each in CHANGES
        if f"{each.module} {each.where}: {each.what}" not in names
    ]
    said += [
        f"equivalent {each.pattern!r}: there is no such control"
        for each in EQUIVALENTS
        if not any(re.fullmatch(each.pattern, name) for name in names)
    ]
    return said
