"""The attacks that this version has, one file each."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from ringfence.attack.attacks.d01_dead_sessions import DeadSessions
from ringfence.attack.attacks.h02_host_header import HostHeader
from ringfence.attack.attacks.h03_spoofed_address import SpoofedAddress
from ringfence.attack.attacks.h04_identity_header import IdentityHeader
from ringfence.attack.attacks.h06_method_tampering import MethodTampering
from ringfence.attack.attacks.h08_resource_bombs import ResourceBombs
from ringfence.attack.attacks.h10_artefacts import ArtefactProbes
from ringfence.attack.attacks.i01_sql_in_a_column import SqlInAColumn
from ringfence.attack.attacks.i02_sql_in_free_text import SqlInFreeText
from ringfence.attack.attacks.i03_command_injection import CommandInjection
from ringfence.attack.attacks.i07_path_traversal import PathTraversal
from ringfence.attack.attacks.i08_header_injection import HeaderInjection
from ringfence.attack.attacks.i09_log_injection import LogInjection
from ringfence.attack.attacks.i11_ambiguous_input import AmbiguousInput
from ringfence.attack.attacks.i12_mass_assignment import MassAssignment
from ringfence.attack.attacks.m01_secrets_in_logs import SecretsInLogs
from ringfence.attack.attacks.o02_stored_xss import StoredXss
from ringfence.attack.attacks.o03_active_upload import ActiveUpload
from ringfence.attack.attacks.o04_clickjacking import Clickjacking
from ringfence.attack.attacks.o05_csrf import Csrf
from ringfence.attack.attacks.o06_cors import CrossOrigin
from ringfence.attack.attacks.o07_open_redirect import OpenRedirect
from ringfence.attack.attacks.o08_verbose_errors import VerboseErrors
from ringfence.attack.attacks.s01_ssrf import Ssrf
from ringfence.attack.attacks.u01_brute_force import BruteForce
from ringfence.attack.attacks.u05_session_fixation import SessionFixation
from ringfence.attack.attacks.u07_refresh_reuse import RefreshReuse
from ringfence.attack.attacks.u08_forged_token import ForgedToken
from ringfence.attack.attacks.u10_token_substitution import TokenSubstitution
from ringfence.attack.attacks.u11_replayed_code import ReplayedCode
from ringfence.attack.attacks.u12_code_guessing import CodeGuessing
from ringfence.attack.attacks.u13_half_signed_in import HalfSignedIn
from ringfence.attack.attacks.u17_password_reset import PasswordReset
from ringfence.attack.attacks.u19_weak_credentials import WeakCredentials
from ringfence.attack.attacks.z01_bola_read import BolaRead
from ringfence.attack.attacks.z02_bola_write import BolaWrite
from ringfence.attack.attacks.z03_bfla import Bfla
from ringfence.attack.attacks.z04_forgotten_route import ForgottenRoute
from ringfence.attack.attacks.z05_excessive_data import ExcessiveData
from ringfence.attack.attacks.z06_stale_privilege import StalePrivilege
from ringfence.attack.plan import Attack

_ATTACKS: Final = (
    SqlInAColumn,
    SqlInFreeText,
    CommandInjection,
    PathTraversal,
    HeaderInjection,
    LogInjection,
    AmbiguousInput,
    MassAssignment,
    HostHeader,
    SpoofedAddress,
    IdentityHeader,
    MethodTampering,
    ResourceBombs,
    ArtefactProbes,
    BruteForce,
    SessionFixation,
    RefreshReuse,
    ForgedToken,
    TokenSubstitution,
    ReplayedCode,
    CodeGuessing,
    HalfSignedIn,
    PasswordReset,
    WeakCredentials,
    BolaRead,
    BolaWrite,
    Bfla,
    ForgottenRoute,
    ExcessiveData,
    StalePrivilege,
    StoredXss,
    ActiveUpload,
    Clickjacking,
    Csrf,
    CrossOrigin,
    OpenRedirect,
    VerboseErrors,
    Ssrf,
    SecretsInLogs,
    DeadSessions,
)

#: By id, in the order of the catalogue.
ATTACKS: Final[Mapping[str, type[Attack]]] = MappingProxyType({each.id: each for each in _ATTACKS})
