"""Why a row of another program is not taken."""

from enum import StrEnum

from ringfence.core.errors import RingfenceError


class Reason(StrEnum):
    """What is wrong with a row; each stands in the report of an import."""

    HASH_UNKNOWN = "hash.unknown"
    HASH_MALFORMED = "hash.malformed"
    HASH_COSTLY = "hash.costly"
    ROW_MALFORMED = "row.malformed"
    LOGIN_MALFORMED = "login.malformed"
    LOGIN_UNPROVEN = "login.unproven"
    LOGIN_TAKEN = "login.taken"
    ID_MALFORMED = "id.malformed"
    ID_TAKEN = "id.taken"
    NAME_MALFORMED = "name.malformed"
    ROLES_MALFORMED = "roles.malformed"
    TIME_MALFORMED = "time.malformed"

    @property
    def sentence(self) -> str:
        """What it means, for a person."""
        return _SENTENCES[self]


class Unusable(RingfenceError):
    """A row, or a hash in it, cannot be taken. It holds no value of the row."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.sentence = f"{reason.sentence}: {detail}" if detail else reason.sentence


_SENTENCES = {
    Reason.HASH_UNKNOWN: "no method that is known made this hash",
    Reason.HASH_MALFORMED: "the hash is cut off or damaged",
    Reason.HASH_COSTLY: "to verify the hash costs more than is allowed",
    Reason.ROW_MALFORMED: "the row cannot be read",
    Reason.LOGIN_MALFORMED: "the login is no e-mail address",
    Reason.LOGIN_UNPROVEN: "nobody has proven to own the mailbox",
    Reason.LOGIN_TAKEN: "another account, or an earlier row, has this login",
    Reason.ID_MALFORMED: "the id is none: 1 to 64 letters, digits, - and _",
    Reason.ID_TAKEN: "another account, or an earlier row, has this id",
    Reason.NAME_MALFORMED: "the name is longer than 100 characters, or not printable",
    Reason.ROLES_MALFORMED: "these are no names of roles",
    Reason.TIME_MALFORMED: "the time is neither ISO 8601 nor a Unix time",
}
