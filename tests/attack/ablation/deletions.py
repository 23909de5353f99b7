"""For each attack: its controls, and the code that deletes each from a running shop (``surgeon``).

Where two controls stand in the way of one payload, its name says so, and both are deleted.
"""

from typing import Final

from ringfence.attack.attacks import (
    ATTACKS,
    h02_host_header,
    h06_method_tampering,
    h08_resource_bombs,
    h10_artefacts,
    i01_sql_in_a_column,
    i07_path_traversal,
    i11_ambiguous_input,
    m01_secrets_in_logs,
    o02_stored_xss,
    o05_csrf,
    o06_cors,
    u01_brute_force,
    u05_session_fixation,
    u07_refresh_reuse,
    u10_token_substitution,
    u12_code_guessing,
    u13_half_signed_in,
    u17_password_reset,
    z02_bola_write,
    z06_stale_privilege,
)
from tests.attack.ablation.deletions_of_clients import SSRF, TOKENS

#: Run before the shop starts: its lists of routes may change, so that default deny stands alone.
UNSEALED: Final = """
import ringfence.authz.seal as seal
class Open(list):
    where = ""
seal.SealedRoutes = Open
"""

_CARELESS: Final = (
    "from ringfence_demo.careless import authn, authz, boundary, monitoring, output\n"
)
_SQL: Final = f"""{_CARELESS}
from ringfence.boundary.sql import sqlalchemy
seam(sqlalchemy.JUDGE, boundary._pass)
"""
#: Every failure and refusal is logged with the whole request beside it.
_WHOLE_REQUESTS: Final = f"""{_CARELESS}
from ringfence.monitoring.asgi import Monitor
log = open(layers.parts.settings.log, "ab", buffering=0)
def crashed(self, exchange, error):
    log.write(monitoring.line(exchange.event("server.error", {{}}, status=500), exchange, error))
def refused(self, exchange, why):
    exchange.refusals.clear()
    log.write(monitoring.line(exchange.event(why.code.name, why.facts), exchange))
put(Monitor, "crashed", crashed)
put(Monitor, "refused", refused)
"""
_FITS: Final = """
from ringfence.boundary.request.schema import Schema
put(Schema, "check", lambda self, body: None)
"""
_SQL_AND_ROWS: Final = f"""{_SQL}
from ringfence.network import sqlite
seam(sqlite.JUDGE, lambda *_: False)
"""
_UNCOUNTED: Final = """
from ringfence.authn.counters import Counter
from ringfence.authn.limits import Gcra, SlidingLog, stamp
put(SlidingLog, "take", lambda self, counter, now: Counter((stamp(now),), now))
put(Gcra, "take", lambda self, counter, now: Counter((stamp(now), stamp(now)), now))
"""
_UNREVOKED: Final = """
from ringfence.authn.revocation import Revocations
put(Revocations, "refuses", lambda self, principal: False)
"""
_ANYBODYS: Final = """
import ringfence.authz.decide as judge
from ringfence.core.policy import Related, Role, SelfOnly
import ringfence.authz.asgi as authorization
from ringfence.core.policy import Relation
put(judge, "_RULES", {**judge._RULES, **dict.fromkeys(
    (Related, Role, SelfOnly), lambda *_: judge.ALLOWED)})
search = authorization.search
put(authorization, "search", lambda finder, key, *_: search(
    finder, key, None, (Relation.STRANGER,)))
"""
_UNSCOPED: Final = """
from ringfence.storage.application import engines as scoping
seam(scoping.ENGINE, lambda engines, relation: engines.everybodys)
"""
_LINKS: Final = f"""{_CARELESS}
recovery = layers.authn.flows.recovery
factors = layers.parts.stores.factors
put(recovery, "links", authn.ReusableLinks(recovery.links, recovery.accounts, factors))
"""
_UNCONFIRMED: Final = """
from ringfence.authz import confirm
seam(confirm.CONFIRMATION, lambda route, scope: None)
"""
_UNDECLARED: Final = """
from contextlib import suppress
from ringfence.authz.asgi import Authz
from ringfence.core.errors import Refused
route, authorize = Authz.route, Authz.authorize
def routed(self, exchange):
    with suppress(Refused):
        route(self, exchange)
def allowed(self, exchange):
    return None if exchange.entry is None else authorize(self, exchange)
check("route", routed)
check("authorize", allowed)
"""
_FILES: Final = f"""{_CARELESS}
from ringfence.boundary.files import root
seam(root.FILES, boundary.Joined())
"""
_BELIEVED_FILES: Final = """
from ringfence.boundary.files import uploads
seam(uploads.VETTER, boundary.believe)
"""
_FROM_ANYWHERE: Final = """
from ringfence.boundary.request import csrf
put(csrf, "verdict", lambda *_: "")
"""
_BARE: Final = """
site = layers.output._site
for kind in ("api", "html", "attachment"):
    put(site, kind, ())
"""


def _limits(**limits: int) -> str:
    given = ", ".join(f"{name}={limit}" for name, limit in limits.items())
    return (
        "from ringfence.boundary.request.body import BodyLimits\n"
        f'put(layers.boundary, "_body_limits", BodyLimits({given}))\n'
    )


def _unrequired(check: str) -> str:
    return (
        "import ringfence.authn.tokens as tokens\n"
        "require = tokens._require\n"
        'put(tokens, "_require",'
        f" lambda holds, check: None if check == {check!r} else require(holds, check))\n"
    )


def _of(attack: str) -> str:
    return ATTACKS[attack].control


_H08 = h08_resource_bombs
_I11 = i11_ambiguous_input
_U10 = u10_token_substitution
_U17 = u17_password_reset

DELETIONS: Final = {
    "I01": dict.fromkeys((_of("I01"), i01_sql_in_a_column.CATALOGUE), _SQL_AND_ROWS),
    "I02": {_of("I02"): _SQL_AND_ROWS},
    "I03": {
        _of("I03"): f"""{_CARELESS}
from ringfence.boundary.processes import commands, denial
seam(commands.RUNNER, boundary.hand_to_a_shell)
seam(denial.JUDGE, boundary._pass)
"""
    },
    "I07": {
        _of("I07"): _FILES,
        i07_path_traversal.PATH: f"""{_FILES}
from ringfence.boundary.request import path
put(path, "check", lambda *_: None)
""",
        i07_path_traversal.NAME: _FILES + _BELIEVED_FILES,
    },
    "I08": {
        _of("I08"): """
import ringfence.output.site as site
from ringfence.boundary.asgi import Boundary
put(site, "well_formed", lambda name, value: True)
put(Boundary, "_query", lambda self, encoded: [])
"""
    },
    "I09": {
        _of("I09"): _WHOLE_REQUESTS,
    },
    "I11": {
        _I11.NAMES: """
import json
from ringfence.boundary.request import strict_json
put(strict_json, "_DECODER", json.JSONDecoder())
""",
        _I11.FIT: _FITS,
        _I11.TYPE: """
from ringfence.boundary.request import body
from ringfence.boundary.request.head import ContentType
put(body, "accepted_type", lambda *_: ContentType(media_type="application/json"))
""",
        _I11.ONCE: """
from ringfence.boundary.request import query
put(query, "refuse_repeated", lambda *_: None)
""",
    },
    "I12": {_of("I12"): _FITS + _UNSCOPED},
    "H02": {
        _of("H02"): f"{_CARELESS}from ringfence.service import call\n"
        "seam(call.SITE, authn._as_the_client_calls_it)\n",
        h02_host_header.HOST: f"{_CARELESS}from ringfence.service import call\n"
        "seam(call.SITE, authn._as_the_client_calls_it)\n"
        'check("check_head", lambda self, exchange: None)\n',
    },
    "H03": {
        _of("H03"): """
def admit(self, exchange):
    told = exchange.headers.get(b"x-forwarded-for", b"").decode("latin-1")
    exchange.client = told.split(",")[0] or exchange.scope["client"][0]
check("admit", admit)
"""
    },
    "H04": {
        _of("H04"): f"""{_CARELESS}
from ringfence.authn.asgi import Authn
from ringfence.core.principal import Principal
identify = Authn.identify
def believed(self, exchange):
    for name in authn._SAID_OF_THE_CALLER:
        if name in exchange.headers:
            exchange.principal = Principal(
                subject=exchange.headers[name].decode(), session="",
                authenticated_at=exchange.now, expires_at=exchange.now)
            return None
    return identify(self, exchange)
check("identify", believed)
"""
    },
    "H06": {
        _of("H06"): _UNCONFIRMED,
        h06_method_tampering.METHODS: _UNCONFIRMED + _UNDECLARED,
    },
    "H08": {
        _H08.HEAD: """
from ringfence.boundary.request.head import HeadLimits
put(layers.boundary, "_head_limits", HeadLimits(headers=10_000))
""",
        _H08.PARAMETERS: """
import ringfence.boundary.asgi as boundary
put(boundary, "_QUERY_PAIRS", 10_000)
""",
        _H08.BODY: _limits(body_bytes=10**8),
        _H08.PARTS: _limits(parts=10_000),
        _H08.SHAPE: f"{_FITS}from ringfence.boundary.request import strict_json\n"
        'put(strict_json, "parse", lambda document: None)\n',
        _H08.ENCODING: f"""{_FITS}
from ringfence.boundary.request import body, strict_json
from ringfence.boundary.request.head import ContentType
put(strict_json, "parse", lambda document: None)
put(body, "accepted_type", lambda *_: ContentType(media_type="application/json"))
""",
        _H08.OWN_BODY: """
import ringfence.authn.passwords as passwords
from ringfence.boundary.request.body import BodyLimits
put(layers.boundary, "_own_limits", BodyLimits(body_bytes=10**8))
put(passwords, "LONGEST_BYTES", 10**8)
""",
    },
    "H10": {
        h10_artefacts.DECLARED: _UNDECLARED,
        h10_artefacts.NAMES: """
import ringfence.authz.asgi as authorization
put(authorization, "names_a_leftover", lambda path, within, parameters: False)
""",
        h10_artefacts.LINKS: """
import gc
from starlette.staticfiles import StaticFiles
for each in gc.get_objects():
    if isinstance(each, StaticFiles):
        put(each, "follow_symlink", True)
""",
    },
    "U01": {
        _of("U01"): _UNCOUNTED,
        u01_brute_force.DAY: """
from dataclasses import replace
from datetime import timedelta
from ringfence.authn.limits import Gcra
take = Gcra.take
put(Gcra, "take", lambda self, counter, now: take(
    replace(self, every=timedelta(minutes=1)), counter, now))
""",
    },
    "U05": {
        u05_session_fixation.DRAWN: f"""{_CARELESS}
flows = layers.authn.flows
put(flows, "sessions", authn.ForgetfulSessions.of(flows.sessions))
""",
        u05_session_fixation.NAME: f"{_CARELESS}from ringfence.service import call\n"
        "seam(call.SHOWN, authn._wherever_it_is)\n",
    },
    "U07": {
        _of("U07"): """
import ringfence.authn.refresh as refresh
verdict = refresh.verdict
def forgetful(token, now, limits):
    judged = verdict(token, now, limits)
    return "repeat" if judged == "refresh.reused" else judged
put(refresh, "verdict", forgetful)
""",
        u07_refresh_reuse.GRACE: """
import ringfence.authn.refresh as refresh
from dataclasses import replace
from datetime import timedelta
verdict = refresh.verdict
put(refresh, "verdict", lambda token, now, limits: verdict(
    token, now, replace(limits, grace=timedelta(days=1))))
""",
    },
    "U08": TOKENS,
    "U10": {
        _U10.KIND: _unrequired("typ"),
        _U10.AUDIENCE: _unrequired("aud"),
        _U10.ISSUER: _unrequired("iss"),
        _U10.ISSUED: _unrequired("iat"),
        _U10.LIFETIME: _unrequired("exp"),
        _U10.EXPIRY: """
from datetime import timedelta
from ringfence.authn.tokens import AccessTokens
examine, known = AccessTokens.examine, AccessTokens.known
early = timedelta(hours=2)
put(AccessTokens, "examine", lambda self, token, now: examine(self, token, now - early))
""",
    },
    "U11": {
        _of("U11"): f"""{_CARELESS}
second = layers.authn.flows.second
put(second, "store", authn.ReusableFactors(second.store))
"""
    },
    "U12": {
        u12_code_guessing.TICKET: """
from ringfence.storage.factors import SqlFactors
async def attempt(self, digest, kind, now, most=0):
    return await self.asked(digest, kind, now)
put(SqlFactors, "attempt", attempt)
""",
        u12_code_guessing.DAY: _UNCOUNTED,
    },
    "U13": {
        u13_half_signed_in.TICKET: """
from ringfence.authn import opaque
from ringfence.authn.asgi import Authn, bearer_token
from ringfence.core.principal import Principal
identify, factors = Authn.identify, layers.parts.stores.factors
async def half(self, exchange, digest):
    found = await factors.asked(digest, "sign-in", exchange.now)
    exchange.principal = Principal(
        subject=found.account, session="", authenticated_at=exchange.now,
        expires_at=exchange.now, token_version=found.token_version, aal=2)
def identified(self, exchange):
    if b"authorization" in exchange.headers:
        token = bearer_token(exchange)
        if opaque.could_be(token, opaque.TICKET):
            return half(self, exchange, opaque.digest(token))
    return identify(self, exchange)
check("identify", identified)
""",
        u13_half_signed_in.PROOF: """
from ringfence.authn.second_factor import SecondFactor
put(SecondFactor, "require_recent", lambda *_: None)
""",
    },
    "U17": {
        _U17.FACTOR: _LINKS,
        _U17.ONCE: _LINKS,
        _U17.LATEST: _LINKS,
        _U17.CHANGED: _LINKS,
        _U17.EXPIRY: _LINKS,
        _U17.LIMIT: _UNCOUNTED,
        _U17.SESSIONS: _UNREVOKED,
    },
    "U19": {
        _of("U19"): """
import ringfence.core.settings as settings
settings.WEAK = frozenset()
settings._Reader.needed = lambda self, name: self._text(name) or ""
"""
    },
    "Z01": {_of("Z01"): _ANYBODYS},
    "Z02": {
        _of("Z02"): _ANYBODYS + _UNSCOPED,
        z02_bola_write.SESSIONS: """
from ringfence.service import sessions
seam(sessions.OWNERSHIP, lambda session, principal: None)
""",
    },
    "Z03": {_of("Z03"): _ANYBODYS},
    "Z04": {_of("Z04"): _UNDECLARED},
    "Z05": {
        _of("Z05"): """
from ringfence.output.fields import Veil
put(Veil, "cut", lambda self, exchange, headers, body, **_: (body, frozenset()))
"""
    },
    "Z06": {z06_stale_privilege.ROLES: _UNREVOKED, z06_stale_privilege.OWNER: _ANYBODYS},
    "O02": {
        _of("O02"): f"""{_BARE}{_CARELESS}
from ringfence.output import html
seam(html.SANITISER, output._as_written)
""",
        o02_stored_xss.CLEAN: f"""{_CARELESS}
from ringfence.output import html
seam(html.SANITISER, output._as_written)
""",
    },
    "O03": {
        _of("O03"): f"""{_BARE}{_CARELESS}{_BELIEVED_FILES}
from ringfence.output import page
seam(page.ATTACHER, output._shown)
"""
    },
    "O04": {_of("O04"): _BARE + _FROM_ANYWHERE},
    "O05": {
        _of("O05"): _FROM_ANYWHERE,
        o05_csrf.TYPE: """
from ringfence.boundary.request import body, csrf
from ringfence.boundary.request.head import ContentType
put(csrf, "verdict", lambda *_: "")
put(body, "accepted_type", lambda *_: ContentType(media_type="application/json"))
""",
        o05_csrf.SAME_SITE: f"{_FROM_ANYWHERE}{_CARELESS}from ringfence.service import call\n"
        "seam(call.ATTRIBUTES, authn._FOR_EVERY_SITE)\n",
    },
    "O06": {
        o06_cors.READERS: """
from ringfence.output.site import Site
put(Site, "_readers", lambda self, exchange, start, origin: (
    (b"access-control-allow-origin", origin),))
""",
        o06_cors.EMBEDDING: """
site, corp = layers.output._site, b"cross-origin-resource-policy"
for kind in ("api", "attachment"):
    put(site, kind, tuple(each for each in getattr(site, kind) if each[0] != corp))
""",
    },
    "O07": {
        _of("O07"): f"""{_CARELESS}
import ringfence.output.guard as guard
from ringfence.boundary.urls import redirect
seam(redirect.VETTER, boundary._as_it_came)
put(guard, "stays", lambda *_: True)
"""
    },
    "O08": {
        _of("O08"): f"""{_SQL}
import traceback
import ringfence.output.asgi as answers
import ringfence.output.guard as guard
async def answer_crash(self, exchange, error, send):
    text = "".join(traceback.format_exception(error)).encode()
    bare, _ = answers._bare(send)
    await bare({{"type": "http.response.start", "status": 500, "headers": []}})
    await bare({{"type": "http.response.body", "body": text}})
put(answers.Output, "answer_crash", answer_crash)
put(guard, "replacement", lambda *_, **__: None)
"""
    },
    "S01": SSRF,
    "M01": {
        _of("M01"): f"""{_WHOLE_REQUESTS}
from ringfence.monitoring import logs
seam(logs.REDACTION, monitoring._as_it_is)
""",
        m01_secrets_in_logs.SESSION: f"""{_WHOLE_REQUESTS}
from ringfence.output.asgi import Output
put(Output, "before", lambda self, exchange: None)
""",
        m01_secrets_in_logs.ACCESS: """
from ringfence.monitoring import access
put(access, "line", lambda exchange, seconds: b'{"request_id":"%s","query":"%s"}\\n' % (
    exchange.request_id.encode(), exchange.scope["query_string"]))
""",
        m01_secrets_in_logs.METRICS: """
from ringfence.monitoring.asgi import Monitor
put(Monitor, "ended", lambda self, exchange: self._metrics.request(
    exchange.scope["path"], "GET", exchange.status, 0.0))
""",
    },
    "D01": {_of("D01"): _UNREVOKED},
}
