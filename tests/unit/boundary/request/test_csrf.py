"""What a page of another site can make a browser send, and what it cannot."""

from collections.abc import Mapping

import pytest

from ringfence.boundary.request.csrf import verdict

OWN = b"https://shop.example"
LISTED = frozenset({b"https://app.example"})
EVIL = b"https://evil.example"


def judge(method: str, **headers: bytes) -> str:
    """The verdict; ``sec_fetch_site=b"none"`` stands for the header ``sec-fetch-site``."""
    named: Mapping[bytes, bytes] = {
        name.replace("_", "-").encode(): value for name, value in headers.items()
    }
    return verdict(method, named, OWN, LISTED)


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "BREW"])
class TestARequestThatChangesState:
    def test_of_our_own_page_passes(self, method: str) -> None:
        assert not judge(method, sec_fetch_site=b"same-origin", cookie=b"s=1", origin=OWN)
        assert not judge(method, sec_fetch_site=b"same-origin", cookie=b"s=1")

    def test_of_our_own_form_under_no_referrer_passes(self, method: str) -> None:
        """Such a page sends ``Origin: null`` with its own form."""
        assert not judge(method, sec_fetch_site=b"same-origin", cookie=b"s=1", origin=b"null")

    def test_of_another_site_is_refused(self, method: str) -> None:
        cross = {"sec_fetch_site": b"cross-site", "origin": EVIL}
        assert judge(method, **cross, cookie=b"s=1") == "csrf.cross_site"
        assert judge(method, **cross) == "csrf.cross_site"

    def test_of_another_port_or_subdomain_is_refused(self, method: str) -> None:
        """Ports share cookies, Strict ones too (TRAPS)."""
        assert (
            judge(
                method, sec_fetch_site=b"same-site", origin=b"https://x.shop.example", cookie=b"s"
            )
            == "csrf.cross_site"
        )

    def test_of_a_listed_origin_passes(self, method: str) -> None:
        for site in (b"same-site", b"cross-site"):
            listed = judge(
                method, sec_fetch_site=site, origin=b"https://app.example", cookie=b"s=1"
            )
            assert not listed

    def test_that_no_page_started_is_refused(self, method: str) -> None:
        assert judge(method, sec_fetch_site=b"none", cookie=b"s=1") == "csrf.cross_site"

    def test_with_an_unknown_site_is_refused(self, method: str) -> None:
        assert judge(method, sec_fetch_site=b"friendly", cookie=b"s=1") == "csrf.cross_site"
        assert judge(method, sec_fetch_site=b"", cookie=b"s=1") == "csrf.cross_site"

    def test_that_contradicts_itself_is_refused(self, method: str) -> None:
        assert judge(method, sec_fetch_site=b"same-origin", origin=EVIL) == "csrf.cross_site"

    def test_without_metadata_is_judged_by_its_origin(self, method: str) -> None:
        """MUSTS C04."""
        assert not judge(method, origin=OWN, cookie=b"s=1")
        assert not judge(method, origin=b"https://app.example", cookie=b"s=1")
        for origin in (EVIL, b"null", b"", b"http://shop.example", OWN + b".evil.example"):
            assert judge(method, origin=origin, cookie=b"s=1") == "csrf.cross_site"
            assert judge(method, origin=origin) == "csrf.cross_site"

    def test_with_a_cookie_and_neither_header_is_refused(self, method: str) -> None:
        assert judge(method, cookie=b"s=1") == "csrf.unproven"
        assert judge(method, cookie=b"s=1", authorization=b"Bearer x") == "csrf.unproven"

    def test_with_neither_cookie_nor_header_has_no_authority_to_borrow(self, method: str) -> None:
        assert not judge(method)

    def test_with_a_bearer_token_and_no_cookie_passes(self, method: str) -> None:
        assert not judge(method, authorization=b"Bearer x")
        assert not judge(method, authorization=b"bearer x", origin=EVIL)
        assert not judge(
            method, authorization=b"Bearer x", origin=EVIL, sec_fetch_site=b"cross-site"
        )

    @pytest.mark.parametrize("value", [b"Basic dXNlcg==", b"Bearer", b"Bearer ", b"Bearerx"])
    def test_with_another_authorization_counts_as_without(self, method: str, value: bytes) -> None:
        """A browser adds Basic by itself."""
        assert judge(method, authorization=value, origin=EVIL) == "csrf.cross_site"


class TestASafeRequest:
    def test_of_our_own_page_passes(self) -> None:
        assert not judge("GET", sec_fetch_site=b"same-origin", sec_fetch_mode=b"cors", cookie=b"s")

    @pytest.mark.parametrize("site", [b"none", b"cross-site", b"same-site"])
    def test_that_takes_a_person_to_a_page_passes(self, site: bytes) -> None:
        assert not judge(
            "GET", sec_fetch_site=site, sec_fetch_mode=b"navigate", sec_fetch_dest=b"document"
        )

    @pytest.mark.parametrize("site", [b"none", b"cross-site", b"same-site"])
    @pytest.mark.parametrize("mode", [b"cors", b"no-cors", b"websocket", b""])
    def test_for_a_part_of_another_sites_page_is_refused(self, site: bytes, mode: bytes) -> None:
        refused = judge("GET", sec_fetch_site=site, sec_fetch_mode=mode, sec_fetch_dest=b"image")
        assert refused == "csrf.cross_site"

    @pytest.mark.parametrize("dest", [b"iframe", b"frame", b"object", b"embed", b"fencedframe"])
    def test_into_a_frame_of_another_site_is_refused(self, dest: bytes) -> None:
        refused = judge(
            "GET", sec_fetch_site=b"cross-site", sec_fetch_mode=b"navigate", sec_fetch_dest=dest
        )
        assert refused == "csrf.cross_site"

    def test_of_a_listed_origin_passes_with_its_preflight(self) -> None:
        for method in ("GET", "OPTIONS"):
            listed = judge(
                method,
                sec_fetch_site=b"cross-site",
                sec_fetch_mode=b"cors",
                origin=b"https://app.example",
            )
            assert not listed

    def test_without_metadata_passes(self) -> None:
        assert not judge("GET", cookie=b"s=1")
        assert not judge("HEAD", cookie=b"s=1", origin=EVIL)


class TestAWebSocket:
    def test_of_our_own_page_passes(self) -> None:
        assert not judge("WEBSOCKET", origin=OWN, cookie=b"s=1")

    def test_of_another_site_is_refused(self) -> None:
        assert judge("WEBSOCKET", origin=EVIL, cookie=b"s=1") == "csrf.cross_site"
        assert judge("WEBSOCKET", origin=EVIL) == "csrf.cross_site"

    def test_with_a_cookie_and_no_origin_is_refused(self) -> None:
        assert judge("WEBSOCKET", cookie=b"s=1") == "csrf.unproven"
        navigation = {"sec_fetch_site": b"none", "sec_fetch_mode": b"navigate"}
        assert judge("WEBSOCKET", cookie=b"s=1", **navigation) == "csrf.unproven"

    def test_of_a_program_without_a_cookie_passes(self) -> None:
        assert not judge("WEBSOCKET", authorization=b"Bearer x")
        assert not judge("WEBSOCKET")
