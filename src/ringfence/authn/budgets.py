"""How often anybody may try something: every limit of the auth service in one table.

What a limit promises (and SECURITY.md repeats): against one account, strangers get at most
``burst + 24 h / every`` = 50 verifications in any 24 hours, from however many addresses. The owner
is not locked out by them: a network from which the account has signed in, or proven its mailbox,
within ``known_for`` has a budget of its own (``signin``).

Sources: NIST SP 800-63B-4 section 3.2.2; OWASP ASVS 5.0 requirement 6.3.1; ATTACKS U01, U02, U18.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from ringfence.authn.limits import Gcra, Limit, SlidingLog

#: For guesses at one password: 50 in any 24 hours.
GUESSES: Final = Gcra(burst=10, every=timedelta(minutes=36))
#: For sign-ins from one address, exact; a right one gives its own unit back once it is done.
SIGN_INS: Final = SlidingLog(10, timedelta(minutes=15))
#: For right sign-ins of one account, which give back what they took: each leaves a session that is
#: kept for a week, and whoever has an account could fill the disk. Nobody meets it by signing in.
SUCCESSES: Final = Gcra(burst=3000, every=timedelta(seconds=10))
#: For changes of one password, right or wrong: each costs two Argon2id in workers that strangers
#: never take, and a mail.
CHANGES: Final = Gcra(burst=20, every=timedelta(minutes=5))
#: For mails that strangers make us send to one mailbox: 51 in any 24 hours.
MAILS: Final = Gcra(burst=3, every=timedelta(minutes=30))
ASKING: Final = Gcra(burst=20, every=timedelta(minutes=1))
#: For uses of links, whose tokens nobody can guess: each valid one may cost an Argon2id.
LINK_USES: Final = Gcra(burst=20, every=timedelta(seconds=30))
#: For uses of one link that works: each costs an Argon2id, and the link is not spent by a password
#: that is refused, or by a login that has an account already.
LINK_TRIES: Final = Gcra(burst=10, every=timedelta(minutes=5))
#: For refreshes; users may share an address. Nobody can guess a token: this protects the store.
REFRESHES: Final = Gcra(burst=300, every=timedelta(milliseconds=200))

#: For codes of one account, exact and of whatever kind; a right one gives its own unit back.
CODES: Final = SlidingLog(20, timedelta(hours=24))
#: For codes shown in one session.
SESSION_CODES: Final = SlidingLog(5, timedelta(minutes=10))
#: For challenges of one account or session, each of which is a row.
CHALLENGES: Final = Gcra(burst=60, every=timedelta(seconds=10))

#: For looking at one's own sessions, of which each page is a query.
LISTS: Final = Gcra(burst=60, every=timedelta(seconds=1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Budgets:
    """The limits, each with what it is counted by."""

    signin_address: Limit = SIGN_INS
    signin_account: Limit = GUESSES  # strangers together, by login, whether it exists or not
    signin_known: Gcra = GUESSES  # one login from one network that it is known to use
    signin_success: Limit = SUCCESSES  # one account, from wherever
    known_for: timedelta = timedelta(days=30)  # since the last success from there
    change_account: Limit = GUESSES  # guesses at the current password with a stolen token
    changes: Limit = CHANGES  # of one account; a success gives nothing back here
    mails_login: Limit = MAILS
    mails_address: Limit = ASKING
    links_address: Limit = LINK_USES
    links_token: Limit = LINK_TRIES  # one link, from however many addresses
    refresh_address: Limit = REFRESHES
    sessions_account: Limit = LISTS
    factor_account: Limit = CODES  # second factors, across challenges (ATTACKS U12)
    factor_session: Limit = SESSION_CODES
    challenges: Limit = CHALLENGES
