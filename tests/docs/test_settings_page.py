"""docs/settings.md says what the code says."""

import importlib.util

from ringfence.core.settings import REFERENCE, Settings
from tests.docs.pages import ROOT


def test_the_page_is_what_the_code_says() -> None:
    spec = importlib.util.spec_from_file_location("page", ROOT / "tools/settings_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    page = module.page()
    assert (ROOT / "docs/settings.md").read_text() == page
    assert all(f"`RINGFENCE_{name}`" in page for name in REFERENCE)


def test_what_is_said_of_an_unset_setting_is_the_default() -> None:
    unset = {name: each.unset for name, each in REFERENCE.items()}
    known = Settings()
    switch = {True: "on", False: "off"}
    assert {
        "ENV": known.environment,
        "DATABASE": known.database,
        "KEYS": str(known.keys),
        "MAIL_FROM": known.mail_from,
        "LOG": known.log,
        "TENANT": known.tenant,
        "SQL_GUARD": known.sql_guard,
        "BODY_LIMIT_BYTES": str(known.body_limit_bytes),
        "SIGN_UP": switch[known.sign_up],
        "SESSION_IDLE_DAYS": str(known.session_idle.days),
        "SESSION_ABSOLUTE_DAYS": str(known.session_absolute.days),
        "HSTS_DAYS": str(known.hsts_max_age.days),
        "HSTS_SUBDOMAINS": switch[known.hsts_subdomains],
        "TOKEN_CACHE_BYTES": str(known.token_cache_bytes),
    }.items() <= unset.items()
