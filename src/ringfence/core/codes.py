"""The one catalogue of codes: error answers, events, docs and attack results all use it.

A code is ``topic.reason``. It belongs to exactly one layer. It says what the client is told, and
under which name of the OWASP logging vocabulary the event is written.

Sources: RFC 9457 (problem details); OWASP Logging Vocabulary Cheat Sheet; DESIGN section 6.
"""

from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType


class Layer(StrEnum):
    """The seven layers, in the order in which a request meets them first."""

    NETWORK = "network"
    GATEWAY = "gateway"
    BOUNDARY = "boundary"
    AUTHN = "authn"
    AUTHZ = "authz"
    OUTPUT = "output"
    MONITORING = "monitoring"

    __hash__ = str.__hash__  # asked on every request; Enum's own is Python code


class Level(StrEnum):
    """How loud an event is; the names of the OWASP vocabulary."""

    INFO = "INFO"
    WARN = "WARN"
    CRITICAL = "CRITICAL"


@dataclass(frozen=True, slots=True)
class Code:
    """One code: what the client sees of it and what the log says."""

    name: str
    layer: Layer
    status: int  # HTTP status of the answer; 0: a trace or an event, never an answer
    title: str  # one sentence for a person; holds nothing of the request
    event: str  # OWASP logging vocabulary
    level: Level = Level.WARN
    shown_as: str | None = None  # the public code, where the reason must stay inside


_CODES = (
    # network
    Code("database.denied", Layer.NETWORK, 500, "Something went wrong.", "authz_fail", Level.CRITICAL, "server.error"),
    # boundary: the head
    Code("path.malformed", Layer.BOUNDARY, 400, "The path is not in canonical form.", "input_validation_fail"),
    Code("head.too_large", Layer.BOUNDARY, 431, "The request head is too large.", "input_validation_fail"),
    Code("head.malformed", Layer.BOUNDARY, 400, "The request head is malformed.", "input_validation_fail"),
    Code("head.too_slow", Layer.BOUNDARY, 408, "The request head took too long.", "input_validation_fail"),
    Code("query.malformed", Layer.BOUNDARY, 400, "The query is malformed.", "input_validation_fail"),
    Code("query.invalid", Layer.BOUNDARY, 422, "The query does not fit.", "input_validation_fail"),
    Code("host.unknown", Layer.BOUNDARY, 421, "This host is not served here.", "input_validation_fail"),
    Code("csrf.cross_site", Layer.BOUNDARY, 403, "Requests from other sites are refused.", "malicious_csrf"),
    Code("csrf.unproven", Layer.BOUNDARY, 403, "The origin of the request is not shown.", "malicious_csrf"),
    # boundary: the body
    Code("body.too_large", Layer.BOUNDARY, 413, "The body is too large.", "input_validation_fail"),
    Code("body.malformed", Layer.BOUNDARY, 400, "The body is malformed.", "input_validation_fail"),
    Code("body.invalid", Layer.BOUNDARY, 422, "The body does not fit.", "input_validation_fail"),
    Code("body.type", Layer.BOUNDARY, 415, "This content type is not accepted.", "input_validation_fail"),
    Code("body.too_slow", Layer.BOUNDARY, 408, "The body took too long.", "input_validation_fail"),
    Code("body.crowded", Layer.BOUNDARY, 503, "Busy. Try again in a moment.", "sys_overload"),
    # boundary: handlers under way
    Code("handler.crowded", Layer.BOUNDARY, 503, "Busy. Try again in a moment.", "sys_overload"),
    Code("handler.too_slow", Layer.BOUNDARY, 503, "This took too long. Try again in a moment.", "sys_overload"),
    # boundary: what handlers reach for
    Code("sql.injected", Layer.BOUNDARY, 400, "The request was refused.", "malicious_sqli", Level.CRITICAL, "request.refused"),
    Code("command.refused", Layer.BOUNDARY, 400, "The request was refused.", "malicious_command", Level.CRITICAL, "request.refused"),
    Code("command.failed", Layer.BOUNDARY, 500, "Something went wrong.", "sys_command_fail", Level.WARN, "server.error"),
    Code("process.denied", Layer.BOUNDARY, 500, "Something went wrong.", "malicious_command", Level.CRITICAL, "server.error"),
    Code("file.outside", Layer.BOUNDARY, 404, "There is nothing here.", "malicious_direct_reference", Level.CRITICAL, "resource.missing"),
    Code("file.missing", Layer.BOUNDARY, 404, "There is nothing here.", "input_validation_fail", Level.INFO, "resource.missing"),
    Code("outbound.refused", Layer.BOUNDARY, 400, "The request was refused.", "malicious_ssrf", Level.CRITICAL, "request.refused"),
    Code("outbound.failed", Layer.BOUNDARY, 502, "The other server did not answer.", "sys_outbound_fail"),
    Code("upload.refused", Layer.BOUNDARY, 415, "This kind of file is not accepted.", "upload_validation"),
    Code("redirect.refused", Layer.BOUNDARY, 400, "The request was refused.", "malicious_redirect", Level.WARN, "request.refused"),
    # boundary: traces of controls that work by construction
    Code("command.run", Layer.BOUNDARY, 0, "A command ran from an argument list.", "sys_command", Level.INFO),
    Code("file.resolved", Layer.BOUNDARY, 0, "A file name was resolved below its root.", "file_access", Level.INFO),
    Code("outbound.allowed", Layer.BOUNDARY, 0, "An outbound address was vetted.", "sys_outbound", Level.INFO),
    Code("upload.vetted", Layer.BOUNDARY, 0, "An upload was recognised by its content.", "upload_validation", Level.INFO),
    Code("redirect.vetted", Layer.BOUNDARY, 0, "A redirect stayed on this site.", "sys_redirect", Level.INFO),
    # authn
    Code("token.missing", Layer.AUTHN, 401, "Sign in first.", "authn_token_missing", Level.INFO),
    Code("token.malformed", Layer.AUTHN, 401, "The token is not valid.", "authn_token_invalid", Level.WARN, "token.invalid"),
    Code("token.invalid", Layer.AUTHN, 401, "The token is not valid.", "authn_token_invalid"),
    Code("token.expired", Layer.AUTHN, 401, "The token has expired.", "authn_token_expired", Level.INFO),
    Code("token.revoked", Layer.AUTHN, 401, "The token is not valid.", "authn_token_revoked", Level.WARN, "token.invalid"),
    Code("credentials.invalid", Layer.AUTHN, 401, "Login or password is wrong.", "authn_login_fail"),
    Code("signin.limited", Layer.AUTHN, 429, "Too many attempts. Try again later.", "excess_rate_limit_exceeded"),
    Code("signup.limited", Layer.AUTHN, 429, "Too many attempts. Try again later.", "excess_rate_limit_exceeded"),
    Code("recovery.limited", Layer.AUTHN, 429, "Too many attempts. Try again later.", "excess_rate_limit_exceeded"),
    Code("refresh.limited", Layer.AUTHN, 429, "Too many attempts. Try again later.", "excess_rate_limit_exceeded"),
    Code("sessions.limited", Layer.AUTHN, 429, "Too many attempts. Try again later.", "excess_rate_limit_exceeded"),
    Code("request.limited", Layer.AUTHN, 429, "Too many requests. Try again later.", "excess_rate_limit_exceeded"),
    Code("hashing.busy", Layer.AUTHN, 503, "Busy. Try again in a moment.", "sys_overload"),
    Code("refresh.missing", Layer.AUTHN, 401, "There is no session.", "authn_token_missing", Level.INFO),
    Code("refresh.unknown", Layer.AUTHN, 401, "The session is not known.", "authn_token_invalid"),
    Code("refresh.expired", Layer.AUTHN, 401, "The session has expired.", "session_expired", Level.INFO),
    Code("refresh.revoked", Layer.AUTHN, 401, "The session has ended.", "session_use_after_expire"),
    Code("refresh.reused", Layer.AUTHN, 401, "The session has ended.", "authn_token_reuse", Level.CRITICAL),
    Code("login.malformed", Layer.AUTHN, 422, "This is not an e-mail address.", "input_validation_fail", Level.INFO),
    Code("password.too_short", Layer.AUTHN, 422, "The password is too short: it takes 15 characters.", "input_validation_fail", Level.INFO),
    Code("password.too_long", Layer.AUTHN, 422, "The password is too long.", "input_validation_fail", Level.INFO),
    Code("password.malformed", Layer.AUTHN, 422, "The password holds something that is no character.", "input_validation_fail", Level.INFO),
    Code("password.common", Layer.AUTHN, 422, "The password is too easy to guess.", "input_validation_fail", Level.INFO),
    Code("password.breached", Layer.AUTHN, 422, "The password is known from a data breach.", "input_validation_fail", Level.INFO),
    Code("password.unjudged", Layer.AUTHN, 0, "A password was taken, and nobody said whether a breach has it.", "sys_outbound_fail", Level.WARN),
    Code("link.invalid", Layer.AUTHN, 400, "The link is not valid any more.", "authn_link_invalid"),
    Code("link.built", Layer.AUTHN, 0, "A mailed link was built from the configured origin.", "sys_link", Level.INFO),
    Code("mail.busy", Layer.AUTHN, 503, "Busy. Try again in a moment.", "sys_overload"),
    Code("mail.failed", Layer.AUTHN, 0, "A mail was not delivered.", "sys_mail_fail", Level.CRITICAL),
    Code("mail.delayed", Layer.AUTHN, 0, "A mail is tried again later.", "sys_mail_fail"),
    Code("mail.waiting", Layer.AUTHN, 0, "Mail waits for too long.", "sys_mail_fail", Level.CRITICAL),
    Code("mail.dropped", Layer.AUTHN, 0, "A mail was dropped by an operator.", "sys_mail_fail"),
    Code("ticket.invalid", Layer.AUTHN, 401, "This took too long. Sign in again.", "authn_login_fail"),
    Code("factor.invalid", Layer.AUTHN, 401, "The code is wrong, or was used before.", "authn_login_fail"),
    Code("factor.limited", Layer.AUTHN, 429, "Too many attempts. Try again later.", "excess_rate_limit_exceeded"),
    Code("factor.required", Layer.AUTHN, 409, "This account needs a second factor.", "authz_fail", Level.INFO),
    Code("factor.asked", Layer.AUTHN, 0, "The password was right; a second factor is asked for.", "authn_login_successafterfail", Level.INFO),
    Code("factor.proven", Layer.AUTHN, 0, "A second factor was shown.", "authn_login_success", Level.INFO),
    Code("factor.added", Layer.AUTHN, 0, "A second factor was added.", "authn_factor_added", Level.WARN),
    Code("factor.removed", Layer.AUTHN, 0, "A second factor was removed.", "authn_factor_removed", Level.WARN),
    Code("factor.codes", Layer.AUTHN, 0, "New recovery codes were made.", "authn_factor_added", Level.WARN),
    Code("factor.reset_asked", Layer.AUTHN, 0, "The second factors of an account will be removed.", "authn_factor_removed", Level.CRITICAL),
    Code("factor.reset_off", Layer.AUTHN, 0, "The second factors of an account stay.", "authn_factor_removed", Level.WARN),
    Code("factor.reset", Layer.AUTHN, 0, "The second factors of an account were removed.", "authn_factor_removed", Level.CRITICAL),
    Code("signin.done", Layer.AUTHN, 0, "Signed in.", "authn_login_success", Level.INFO),
    Code("refresh.rotated", Layer.AUTHN, 0, "A session was renewed.", "session_renewed", Level.INFO),
    Code("signout.done", Layer.AUTHN, 0, "Signed out.", "session_destroyed", Level.INFO),
    Code("signout.everywhere", Layer.AUTHN, 0, "Signed out everywhere.", "session_destroyed", Level.INFO),
    Code("session.revoked", Layer.AUTHN, 0, "A session was ended by its user.", "session_destroyed", Level.INFO),
    Code("session.ended", Layer.AUTHN, 0, "A session was ended by a newer sign-in.", "session_destroyed", Level.INFO),
    Code("signup.asked", Layer.AUTHN, 0, "A sign-up was asked for.", "user_signup_requested", Level.INFO),
    Code("account.created", Layer.AUTHN, 0, "An account was created.", "user_created", Level.INFO),
    Code("accounts.imported", Layer.AUTHN, 0, "Accounts were imported.", "user_created", Level.WARN),
    Code("accounts.exported", Layer.AUTHN, 0, "All accounts were written to a file.", "sensitive_read", Level.WARN),
    Code("account.disabled", Layer.AUTHN, 0, "An account was disabled.", "user_disabled", Level.WARN),
    Code("account.roles", Layer.AUTHN, 0, "The roles of an account changed.", "privilege_permissions_changed", Level.WARN),
    Code("database.saved", Layer.NETWORK, 0, "The database was backed up.", "sys_backup", Level.INFO),
    Code("database.restored", Layer.NETWORK, 0, "The database was restored from a backup.", "sys_restore", Level.WARN),
    Code("sessions.ended", Layer.AUTHN, 0, "The sessions of an account were ended.", "session_destroyed", Level.WARN),
    Code("account.enabled", Layer.AUTHN, 0, "An account was enabled again.", "user_enabled", Level.WARN),
    Code("account.deleted", Layer.AUTHN, 0, "An account was deleted.", "user_deleted", Level.WARN),
    Code("account.login", Layer.AUTHN, 0, "The login of an account changed.", "user_updated", Level.WARN),
    Code("limits.cleared", Layer.AUTHN, 0, "Limits were cleared.", "sys_limits_cleared", Level.WARN),
    Code("keys.rotated", Layer.AUTHN, 0, "A key was added.", "sys_key_rotated", Level.WARN),
    Code("keys.read", Layer.AUTHN, 0, "Keys that came or went are in force.", "sys_key_rotated", Level.INFO),
    Code("keys.unreadable", Layer.AUTHN, 0, "The keys cannot be read again; those before stay in force.", "sys_key_fail", Level.CRITICAL),
    Code("derivation.raised", Layer.AUTHN, 0, "A raise of what deriving a key costs has begun.", "sys_config_change", Level.WARN),
    Code("derivation.finished", Layer.AUTHN, 0, "A raise of what deriving a key costs is over.", "sys_config_change", Level.WARN),
    Code("import.begun", Layer.AUTHN, 0, "Clients may send passwords at sign-in: accounts are imported.", "sys_config_change", Level.WARN),
    Code("import.ended", Layer.AUTHN, 0, "Clients send no password at sign-in any more.", "sys_config_change", Level.INFO),
    Code("password.changed", Layer.AUTHN, 0, "A password was changed.", "authn_password_change", Level.INFO),
    Code("password.reset_asked", Layer.AUTHN, 0, "A password reset was asked for.", "authn_password_reset_requested", Level.INFO),
    Code("password.reset", Layer.AUTHN, 0, "A password was reset.", "authn_password_change", Level.INFO),
    # authz
    Code("route.unknown", Layer.AUTHZ, 404, "There is nothing here.", "authz_fail", Level.INFO, "resource.missing"),
    Code("route.leftover", Layer.AUTHZ, 404, "There is nothing here.", "authz_fail", Level.WARN, "resource.missing"),
    Code("route.unsealed", Layer.AUTHZ, 404, "There is nothing here.", "authz_fail", Level.CRITICAL, "resource.missing"),
    Code("policy.missing", Layer.AUTHZ, 404, "There is nothing here.", "authz_fail", Level.CRITICAL, "resource.missing"),
    Code("method.unknown", Layer.AUTHZ, 405, "This method is not allowed here.", "authz_fail", Level.INFO),
    Code("method.foreign", Layer.AUTHZ, 404, "There is nothing here.", "authz_fail", Level.WARN, "resource.missing"),
    Code("resource.missing", Layer.AUTHZ, 404, "There is nothing here.", "authz_fail", Level.INFO),
    Code("ownership.foreign", Layer.AUTHZ, 404, "There is nothing here.", "authz_fail", Level.WARN, "resource.missing"),
    Code("ownership.given", Layer.AUTHZ, 400, "The request was refused.", "authz_fail", Level.CRITICAL, "request.refused"),
    Code("field.unwritable", Layer.AUTHZ, 422, "A field of the request cannot be set.", "authz_fail", Level.WARN),
    Code("ownership.unjudged", Layer.AUTHZ, 500, "Something went wrong.", "authz_fail", Level.CRITICAL, "server.error"),
    Code("ownership.unscoped", Layer.AUTHZ, 0, "Everybody's rows were asked for.", "authz_allowed", Level.WARN),
    Code("role.missing", Layer.AUTHZ, 404, "There is nothing here.", "authz_fail", Level.WARN, "resource.missing"),
    Code("self.foreign", Layer.AUTHZ, 404, "There is nothing here.", "authz_fail", Level.WARN, "resource.missing"),
    Code("aal.insufficient", Layer.AUTHZ, 403, "A stronger sign-in is needed.", "authz_fail"),
    Code("aal.stale", Layer.AUTHZ, 403, "Show again who you are.", "authz_fail", Level.INFO),
    Code("policy.unreachable", Layer.AUTHZ, 0, "A policy asks for more than any sign-in proves: nobody gets in.", "sys_config_warning", Level.WARN),
    Code("policy.allowed", Layer.AUTHZ, 0, "The policy allows it.", "authz_allowed", Level.INFO),
    # output
    Code("server.error", Layer.OUTPUT, 500, "Something went wrong.", "sys_crash", Level.CRITICAL),
    Code("html.sanitised", Layer.OUTPUT, 0, "Rich text was sanitised.", "output_sanitised", Level.INFO),
    Code("file.attached", Layer.OUTPUT, 0, "A file is saved by browsers, and never run.", "output_policed", Level.INFO),
    Code("header.policed", Layer.OUTPUT, 0, "A response header was removed or corrected.", "output_policed"),
    Code("cookie.policed", Layer.OUTPUT, 0, "A cookie was removed or corrected.", "output_policed"),
    Code("location.policed", Layer.OUTPUT, 0, "A redirect off this site was removed.", "output_policed"),
    Code("field.hidden", Layer.OUTPUT, 0, "Fields that are not declared stayed inside.", "output_scrubbed", Level.WARN),
    Code("error.scrubbed", Layer.OUTPUT, 0, "The details of an error stayed inside.", "output_scrubbed", Level.INFO),
    # monitoring
    Code("events.summarised", Layer.MONITORING, 0, "Events above the rate were counted, not written.", "sys_monitor_summary"),
    Code("events.lost", Layer.MONITORING, 0, "Events were lost: the log took no lines.", "sys_monitor_disabled", Level.CRITICAL),
    Code("log.redacted", Layer.MONITORING, 0, "A secret was kept out of the log.", "sys_monitor_redacted", Level.INFO),
    # monitoring: what many events together show
    Code("anomaly.unauthenticated", Layer.MONITORING, 0, "One network was answered 401 many times.", "authn_login_fail_max"),
    Code("anomaly.guessing", Layer.MONITORING, 0, "Most sign-ins of the site fail.", "authn_login_fail_max"),
    Code("anomaly.injection", Layer.MONITORING, 0, "One network sends injections.", "malicious_attack_tool", Level.CRITICAL),
    Code("anomaly.probing", Layer.MONITORING, 0, "One network looks for what might be there.", "malicious_excess_404"),
    Code("anomaly.enumeration", Layer.MONITORING, 0, "One account tries what belongs to others.", "malicious_direct_reference"),
    Code("anomaly.theft", Layer.MONITORING, 0, "Stolen sessions are used again and again.", "authn_token_reuse", Level.CRITICAL),
    Code("anomaly.crashes", Layer.MONITORING, 0, "The application crashes again and again.", "sys_crash", Level.CRITICAL),
    # every layer
    Code("request.refused", Layer.BOUNDARY, 400, "The request was refused.", "input_validation_fail"),
    Code("store.unavailable", Layer.NETWORK, 503, "The service is not available at the moment.", "sys_store_unavailable", Level.CRITICAL),
    Code("service.stopping", Layer.AUTHZ, 503, "The service is starting anew. Try again in a moment.", "sys_shutdown", Level.INFO),
    Code("service.reloaded", Layer.MONITORING, 0, "The service was told to read its keys and its log again.", "sys_reload", Level.INFO),
    Code("service.starting", Layer.AUTHZ, 503, "The service is starting.", "sys_starting", Level.INFO),
)  # fmt: skip

CODES = MappingProxyType({code.name: code for code in _CODES})


def public(code: Code) -> Code:
    """The code that an answer may show in place of ``code``."""
    return CODES[code.shown_as] if code.shown_as else code
