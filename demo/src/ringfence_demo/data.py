"""Where the shop keeps what it keeps: one folder, and two databases."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Everything on disk lives below ``root``, for the shop's user alone."""

    root: Path

    @property
    def keys(self) -> Path:
        """Ringfence's key files."""
        return self.root / "keys"

    @property
    def mail(self) -> Path:
        """Mail that would have been sent, as ``.eml`` files."""
        return self.root / "mail"

    @property
    def invoices(self) -> Path:
        """One folder for each order."""
        return self.root / "invoices"

    @property
    def photos(self) -> Path:
        """Pictures of the products."""
        return self.root / "photos"

    @property
    def uploads(self) -> Path:
        """What users sent."""
        return self.root / "uploads"

    @property
    def shop(self) -> Path:
        """The shop's own database, where that is SQLite."""
        return self.root / "shop.sqlite"

    @property
    def requests(self) -> Path:
        """What a hurried team logs of each request: see ``hurried``."""
        return self.root / "requests.log"

    @property
    def seeded(self) -> Path:
        """Made when everything else was: the next start has nothing to do."""
        return self.root / "seeded"

    def make(self) -> None:
        """Make the folders that the shop itself writes to.

        Raises:
            OSError: It cannot be done here.
        """
        for folder in (self.root, self.invoices, self.photos, self.uploads):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def make_database(self) -> None:
        """Make the shop's empty SQLite file, for its user alone.

        The folder may have been there before, open to others. SQLite gives what it writes beside
        the file the same mode.

        Raises:
            OSError: It cannot be done here.
        """
        self.shop.touch(mode=0o600)
        self.shop.chmod(0o600)  # also where it was there


@dataclass(frozen=True, slots=True, kw_only=True)
class Databases:
    """Addresses. The owner makes the shop's tables, the shop itself only uses them."""

    accounts: str  # of Ringfence's own tables: sqlite:/// or postgresql://
    shop: str  # SQLAlchemy's
    shop_owner: str  # SQLAlchemy's

    @classmethod
    def sqlite(cls, folder: DataFolder) -> "Databases":
        """Two files in the folder; SQLite has no roles, so the owner is the shop."""
        shop = f"sqlite+aiosqlite:///{folder.shop}"
        accounts = f"sqlite:///{folder.root / 'accounts.sqlite'}"
        return cls(accounts=accounts, shop=shop, shop_owner=shop)

    @property
    def are_sqlite(self) -> bool:
        """Whether the shop's is a file in the data folder."""
        return self.shop.startswith("sqlite")
