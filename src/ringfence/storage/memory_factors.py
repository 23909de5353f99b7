"""Second factors in memory. No method awaits anything, so each is its own transaction."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from ringfence.authn.accounts import Account
from ringfence.authn.factors import MOST_PASSKEYS, TRIES, Challenge, Held, Kind, Passkey, Totp
from ringfence.storage.maintenance import Deadlines


class MemoryFactors:
    """``FactorStore`` in memory; ``accounts`` are shared with the other stores."""

    def __init__(self, accounts: dict[str, Account]) -> None:
        self._accounts = accounts
        self._totp: dict[str, Totp] = {}
        self._passkeys: dict[bytes, Passkey] = {}
        self._codes: dict[str, set[bytes]] = {}
        self._challenges: dict[bytes, tuple[Challenge, int]] = {}
        self._required: dict[str, datetime] = {}

    async def held(self, account_id: str) -> Held:
        if account_id not in self._accounts:
            return Held(passkeys=[])
        keys = [key for key in self._passkeys.values() if key.account == account_id]
        return Held(
            totp=self._totp.get(account_id),
            passkeys=sorted(keys, key=lambda key: (key.created_at, key.id)),
            recovery_codes=len(self._codes.get(account_id, ())),
        )

    async def passkey(self, credential_id: bytes) -> Passkey | None:
        found = self._passkeys.get(credential_id)
        return found if found is not None and found.account in self._accounts else None

    async def ask(self, challenge: Challenge) -> None:
        self._challenges[challenge.digest] = challenge, 0

    async def asked(self, digest: bytes, kind: Kind, now: datetime) -> Challenge | None:
        found, _ = self._challenges.get(digest, (None, 0))
        if found is None or found.kind != kind or found.expires_at <= now:
            return None
        return found if found.account is None or found.account in self._accounts else None

    async def attempt(
        self, digest: bytes, kind: Kind, now: datetime, most: int = TRIES
    ) -> Challenge | None:
        found, tries = self._challenges.get(digest, (None, 0))
        if found is None or tries >= most:
            return None
        self._challenges[digest] = found, tries + 1
        return await self.asked(digest, kind, now)

    async def add_totp(self, challenge: bytes, totp: Totp, *, first: bool = False) -> bool:
        account = self._accounts[totp.account]
        if first and (account.has_totp or account.has_passkey):
            return False
        if self._challenges.pop(challenge, None) is None:
            return False
        self._totp[totp.account] = totp
        self._note(totp.account)
        return True

    async def add_passkey(
        self, challenge: bytes, passkey: Passkey, *, most: int = MOST_PASSKEYS
    ) -> bool:
        held = await self.held(passkey.account)
        if passkey.id in self._passkeys or len(held.passkeys) >= most:
            return False
        if self._challenges.pop(challenge, None) is None:
            return False
        self._passkeys[passkey.id] = passkey
        self._note(passkey.account)
        return True

    async def spend_step(self, account_id: str, step: int, challenge: bytes | None) -> bool:
        app = self._totp.get(account_id)
        if app is None or app.step >= step or not self._is_asked(challenge):
            return False
        self._answer(challenge)
        self._totp[account_id] = replace(app, step=step)
        return True

    async def spend_code(self, account_id: str, digest: bytes, challenge: bytes | None) -> bool:
        codes = self._codes.get(account_id, set())
        if digest not in codes or not self._is_asked(challenge):
            return False
        self._answer(challenge)
        codes.remove(digest)
        return True

    async def use_passkey(
        self, used: Passkey, seen: Passkey, challenge: bytes, ticket: bytes | None = None
    ) -> bool:
        known = self._passkeys.get(used.id)
        if known is None or known.sign_count != seen.sign_count or known.account != used.account:
            return False
        if not self._is_asked(challenge) or not self._is_asked(ticket):
            return False
        self._answer(challenge)
        self._answer(ticket)
        self._passkeys[used.id] = used
        return True

    async def put_codes(self, account_id: str, digests: Sequence[bytes]) -> None:
        self._codes[account_id] = set(digests)

    async def remove_totp(self, account_id: str, *, keep_last: bool = False) -> bool:
        if keep_last and await self._count(account_id) <= 1:
            return False
        removed = self._totp.pop(account_id, None) is not None
        self._note(account_id)
        return removed

    async def remove_passkey(
        self, account_id: str, credential_id: bytes, *, keep_last: bool = False
    ) -> bool:
        known = self._passkeys.get(credential_id)
        if known is None or known.account != account_id:
            return False
        if keep_last and await self._count(account_id) <= 1:
            return False
        del self._passkeys[credential_id]
        self._note(account_id)
        return True

    async def rename_passkey(self, account_id: str, credential_id: bytes, name: str) -> bool:
        known = self._passkeys.get(credential_id)
        if known is None or known.account != account_id:
            return False
        self._passkeys[credential_id] = replace(known, name=name)
        return True

    async def require(self, account_id: str, since: datetime) -> datetime:
        return self._required.setdefault(account_id, since)

    async def schedule_reset(self, account_id: str, at: datetime | None) -> bool:
        account = self._accounts[account_id]
        if at is None and account.factor_reset_at is None:
            return False
        if at is not None and not (account.has_totp or account.has_passkey):
            return False
        self._accounts[account_id] = replace(account, factor_reset_at=at)
        return True

    async def reset(self, account_id: str, now: datetime) -> bool:
        account = self._accounts[account_id]
        if account.factor_reset_at is None or account.factor_reset_at > now:
            return False
        self._totp.pop(account_id, None)
        mine = [key for key, each in self._passkeys.items() if each.account == account_id]
        for key in mine:
            del self._passkeys[key]
        self._accounts[account_id] = replace(account, factor_reset_at=None)
        self._note(account_id)
        return True

    def purge(self, now: datetime, deadlines: Deadlines) -> int:
        """Remove challenges that expired, and those of a clock that was ahead."""
        dead = [
            digest
            for digest, (challenge, _) in self._challenges.items()
            if not now < challenge.expires_at <= deadlines.challenges
        ]
        for digest in dead:
            del self._challenges[digest]
        return len(dead)

    async def _count(self, account_id: str) -> int:
        held = await self.held(account_id)
        return (held.totp is not None) + len(held.passkeys)

    def _is_asked(self, challenge: bytes | None) -> bool:
        return challenge is None or challenge in self._challenges

    def _answer(self, challenge: bytes | None) -> None:
        if challenge is not None:
            del self._challenges[challenge]

    def _note(self, account_id: str) -> None:
        """The account says which factors it has; without any, its recovery codes are gone."""
        has_totp = account_id in self._totp
        has_passkey = any(key.account == account_id for key in self._passkeys.values())
        account = self._accounts[account_id]
        self._accounts[account_id] = replace(account, has_totp=has_totp, has_passkey=has_passkey)
        if not has_totp and not has_passkey:
            self._codes.pop(account_id, None)
