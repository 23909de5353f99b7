"""Content-Security-Policy: MUSTS C02, ASVS 3.4.3."""

import pytest

from ringfence.output import csp
from ringfence.output.csp import declaration, policy


def test_an_answer_that_is_no_page_may_load_nothing_and_be_framed_by_nobody() -> None:
    assert policy(csp.API) == b"default-src 'none'; frame-ancestors 'none'"


def test_an_attachment_is_of_no_origin_and_runs_nothing() -> None:
    assert policy(csp.ATTACHMENT) == b"default-src 'none'; frame-ancestors 'none'; sandbox"


def test_a_page_denies_everything_that_is_not_named() -> None:
    """ASVS 3.4.3: object-src and base-uri are 'none'; no inline code, Trusted Types."""
    assert policy(csp.HTML) == (
        b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
        b"font-src 'self'; connect-src 'self'; form-action 'self'; base-uri 'none'; "
        b"frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; "
        b"trusted-types ringfence"
    )


def test_a_nonce_covers_scripts_and_styles_and_adds_strict_dynamic_to_scripts_only() -> None:
    directives = dict(
        directive.split(" ", 1) for directive in policy(csp.HTML, nonce="abc").decode().split("; ")
    )
    assert directives["script-src"] == "'self' 'nonce-abc' 'strict-dynamic'"
    assert directives["style-src"] == "'self' 'nonce-abc'"


def test_a_declared_directive_takes_the_place_of_the_usual_one() -> None:
    name, sources = declaration("img_src", "'self'  https://images.example")
    value = policy(csp.HTML, {name: sources})
    assert b"img-src 'self' https://images.example;" in value
    assert value.count(b"img-src") == 1
    assert b"base-uri 'none'" in value


def test_a_worker_may_be_given_web_assembly() -> None:
    declared = dict([declaration("script_src", "'self' 'wasm-unsafe-eval'")])
    assert b"script-src 'self' 'wasm-unsafe-eval'" in policy(csp.API, declared)


@pytest.mark.parametrize("directive", ["script-src", "worker-src"])
@pytest.mark.parametrize(
    "sources",
    [
        "'unsafe-inline'",
        "'UNSAFE-INLINE'",
        "'unsafe-eval'",
        "'unsafe-hashes'",
        "*",
        "https:",
        "data:",
        "blob:",
    ],
)
def test_scripts_cannot_be_allowed_inline_or_from_anywhere(directive: str, sources: str) -> None:
    with pytest.raises(ValueError, match=f"{directive} must not hold"):
        declaration(directive.replace("-", "_"), f"'self' {sources}")


@pytest.mark.parametrize(
    "sources",
    ["", " ", "'self'; script-src *", "'self',default-src *", "https://x.example/\0", "ü"],
)
def test_a_source_cannot_end_its_directive_or_the_header(sources: str) -> None:
    with pytest.raises(ValueError, match="malformed"):
        declaration("img_src", sources)


@pytest.mark.parametrize("name", ["default_src", "base_uri", "object_src", "trusted_types", "x"])
def test_what_holds_the_policy_together_cannot_be_declared(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be declared"):
        declaration(name, "'self'")
