"""Every setting is documented, and nothing is documented that is no setting."""

import re

from ringfence.core.settings import PREFIX, REFERENCE
from tests.architecture.tree import PACKAGE, ROOT, sources

READ = re.compile(r'reader\.(?:one|many)\("([A-Z_]+)"')
NAMED = re.compile(r"\bRINGFENCE_[A-Z_]+[A-Z]\b")


def _settings() -> set[str]:
    names = READ.findall((PACKAGE / "core/settings.py").read_text())
    return {f"RINGFENCE_{name}" for name in names}


def _documented() -> set[str]:
    return {name for file in sources(ROOT, ".md") for name in NAMED.findall(file.read_text())}


def test_every_setting_is_documented() -> None:
    assert not _settings() - _documented()


def test_no_page_names_a_setting_that_does_not_exist() -> None:
    assert not {name.removesuffix("_FILE") for name in _documented()} - _settings()


def test_the_reference_has_every_setting_and_no_other() -> None:
    assert {f"{PREFIX}{name}" for name in REFERENCE} == _settings()
