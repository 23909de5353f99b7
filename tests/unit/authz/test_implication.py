"""Whether one policy is weaker than another, decided exactly."""

import pytest

from ringfence.authz.implication import weaker

WEAKER = [
    ("public", "signed_in"),
    ("signed_in", 'role("admin")'),
    ("signed_in", "owner(Order)"),
    ('owner(Order) | role("admin")', "owner(Order)"),
    ("owner(Order)", "owner(Order) & aal(2)"),
    ("aal(1)", "aal(2)"),
    ("aal(2)", 'aal(2, max_age="10m")'),
    ('aal(2, max_age="1h")', 'aal(2, max_age="10m")'),
    ('aal(1, max_age="1h")', 'aal(2, max_age="10m")'),
    ("viewer(Order)", "editor(Order)"),
    ("editor(Order)", "owner(Order)"),
    ("viewer(Order)", "viewer(Invoice)"),
    ('role("user")', 'role("admin")'),
    ("owner(Order, by='id')", "owner(Order)"),
    ('role("a") & role("b") | self_only', 'role("a") & (role("b") | self_only)'),
]


@pytest.mark.parametrize(("new", "old"), WEAKER)
def test_a_policy_that_lets_in_somebody_new_is_weaker(new: str, old: str) -> None:
    assert weaker(new, old)


@pytest.mark.parametrize(
    ("new", "old"),
    [
        ("signed_in", "public"),
        ("signed_in", "signed_in"),
        ("owner(Order)", "signed_in"),
        ("aal(3)", "aal(2)"),
        ("owner(Order)", "viewer(Order)"),
        ("owner(Order) | editor(Order)", "editor(Order)"),
        ("aal(1)", "signed_in"),
        ('role("b") & role("a")', 'role("a") & role("b")'),
        ('role("a") | role("a") & signed_in', 'role("a")'),
        ('(role("a") | role("b")) & aal(2)', 'role("a") & aal(2) | role("b") & aal(2)'),
    ],
)
def test_a_policy_that_lets_in_nobody_new_is_not(new: str, old: str) -> None:
    assert not weaker(new, old)


@pytest.mark.parametrize("text", ["", "public or signed_in", "1", "__import__('os').system", "a.b"])
def test_what_is_not_a_policy_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a policy"):
        weaker("public", text)


def test_a_policy_too_large_to_compare_is_refused() -> None:
    with pytest.raises(ValueError, match="16 atoms"):
        weaker(" | ".join(f'role("{n}")' for n in range(17)), "public")
