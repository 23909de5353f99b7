"""What people do to be known: sign up, sign in, stay signed in, recover. Put together once."""

from dataclasses import dataclass
from typing import Protocol
from urllib.parse import urlsplit

from ringfence.authn.accounts import AccountStore
from ringfence.authn.breached import Breaches, NoBreaches
from ringfence.authn.budgets import Budgets
from ringfence.authn.ceremonies import Ceremonies
from ringfence.authn.counters import CounterStore
from ringfence.authn.derivation import DerivationStore
from ringfence.authn.factors import FactorStore
from ringfence.authn.hashing import Hashing
from ringfence.authn.imported.passwords import ImportedPasswords, ImportStore
from ringfence.authn.keyring import KeyRing
from ringfence.authn.links import LinkStore
from ringfence.authn.mail import Mailer
from ringfence.authn.opaque import Random
from ringfence.authn.passkeys import Site
from ringfence.authn.passwords import Passwords, Policy, Rules
from ringfence.authn.recovery import Recovery
from ringfence.authn.refresh import RefreshLimits
from ringfence.authn.second_factor import SecondFactor, Terms
from ringfence.authn.sessions import Sessions, SessionStore
from ringfence.authn.signin import SignIn
from ringfence.authn.signup import SignUp
from ringfence.authn.tokens import LIFETIME, AccessTokens
from ringfence.core.settings import Settings


class Stores(Protocol):
    """Where the flows keep what they keep."""

    @property
    def accounts(self) -> AccountStore: ...
    @property
    def sessions(self) -> SessionStore: ...
    @property
    def links(self) -> LinkStore: ...
    @property
    def factors(self) -> FactorStore: ...
    @property
    def counters(self) -> CounterStore: ...
    @property
    def derivations(self) -> DerivationStore: ...
    @property
    def imports(self) -> ImportStore: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Flows:
    """The flows of one site, and what they have in common."""

    tokens: AccessTokens
    passwords: Passwords
    signup: SignUp
    signin: SignIn
    sessions: Sessions
    recovery: Recovery
    second: SecondFactor
    ceremonies: Ceremonies
    accounts: AccountStore
    counters: CounterStore  # behind every limit
    derivations: DerivationStore
    budgets: Budgets


def flows(
    *,
    settings: Settings,
    stores: Stores,
    keys: KeyRing,
    hashing: Hashing,
    mailer: Mailer,
    random: Random,
    budgets: Budgets | None = None,
    rules: Rules | None = None,
    breaches: Breaches | None = None,
) -> Flows:
    """Put the flows together.

    Args:
        settings: Of the site.
        stores: Started already.
        keys: Of the installation.
        hashing: Where passwords are hashed.
        mailer: How mail is sent.
        random: Random bytes.
        budgets: The limits.
        rules: What a new password must be; ``Policy`` if not given.
        breaches: Which passwords are known from breaches; none if not given.
    """
    budgets = budgets or Budgets()
    tokens = AccessTokens(keys.keys, settings, met_unknown=keys.met_unknown)
    keys.taken.append(tokens.use)
    passwords = Passwords(
        hashing=hashing,
        policy=rules or Policy.bundled(settings.origin),
        tenant=settings.tenant,
        salt_key=keys.salt,
        peppers=keys.peppers,
        derivations=stores.derivations,
        breaches=breaches or NoBreaches(),
    )
    return Flows(
        tokens=tokens,
        passwords=passwords,
        signup=SignUp(
            accounts=stores.accounts,
            links=stores.links,
            mailer=mailer,
            passwords=passwords,
            random=random,
        ),
        signin=SignIn(
            accounts=stores.accounts,
            counters=stores.counters,
            proofs=passwords,
            imported=ImportedPasswords(
                store=stores.imports,
                accounts=stores.accounts,
                derivations=stores.derivations,
                hashing=hashing,
                passwords=passwords,
                peppers=keys.peppers,
                draws=keys.log,
            ),
            budgets=budgets,
            pseudonyms=keys.log,
        ),
        sessions=Sessions(
            store=stores.sessions,
            accounts=stores.accounts,
            issuer=tokens,
            access_lifetime=LIFETIME,
            keys=keys,
            limits=RefreshLimits(idle=settings.session_idle, absolute=settings.session_absolute),
            random=random,
        ),
        recovery=Recovery(
            accounts=stores.accounts,
            links=stores.links,
            counters=stores.counters,
            mailer=mailer,
            passwords=passwords,
            budgets=budgets,
            random=random,
        ),
        second=SecondFactor(
            store=stores.factors,
            accounts=stores.accounts,
            counters=stores.counters,
            budgets=budgets,
            peppers=keys.peppers,
            issuer=urlsplit(settings.origin).netloc,
            terms=Terms(roles=settings.mfa_roles, grace=settings.mfa_grace),
            random=random,
        ),
        ceremonies=Ceremonies(
            store=stores.factors,
            accounts=stores.accounts,
            counters=stores.counters,
            budgets=budgets,
            site=Site(settings.origin),
            random=random,
        ),
        accounts=stores.accounts,
        counters=stores.counters,
        derivations=stores.derivations,
        budgets=budgets,
    )
