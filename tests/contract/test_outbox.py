"""The outbox: a mail is kept with what caused it, and taken by one worker at a time."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from ringfence.authn.outbox import LEASE, NEVER, SEVERAL, Backlog, Errand, Kind, most, wait
from ringfence.storage.maintenance import FAILED_MAIL_KEPT
from tests.contract.stores import NOW, SECOND, Rig, account, digest, link, opened, verifier

#: Those that outlive a process, and are shared by several.
KEPT = pytest.mark.parametrize(
    "address", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def errand(name: str = "one", kind: Kind = "reset", login: str = "alice@example.com") -> Errand:
    return Errand(
        id=name,
        kind=kind,
        login=login,
        site="https://shop.example",
        name="Alice Ünicode",
        request_id="r1",
        created_at=NOW,
        due_at=NOW,
    )


def named(taken: object) -> set[str]:
    assert isinstance(taken, list)
    return {each.id for each in taken}


async def test_what_is_put_is_taken_as_it_was(rig: Rig) -> None:
    assert await rig.stores.outbox.put(errand())
    (taken,) = await rig.stores.outbox.take(NOW, 10)
    assert taken == replace(errand(), due_at=NOW + LEASE, attempts=1)


async def test_whoever_takes_it_has_it_alone_until_the_lease_is_over(rig: Rig) -> None:
    await rig.stores.outbox.put(errand())
    assert len(await rig.stores.outbox.take(NOW, 10)) == 1
    assert await rig.stores.outbox.take(NOW + LEASE - SECOND, 10) == []
    (again,) = await rig.stores.outbox.take(NOW + LEASE, 10)
    assert again.attempts == 2


async def test_workers_that_take_at_once_take_different_ones(rig: Rig) -> None:
    for number in range(40):
        await rig.stores.outbox.put(errand(f"{number}", login=f"{number}@example.com"))
    taken = await asyncio.gather(*(rig.stores.outbox.take(NOW, 5) for _ in range(12)))
    found = [each.id for part in taken for each in part]
    assert len(found) == len(set(found)) == 40


@KEPT
async def test_another_process_skips_what_is_being_taken(rig: Rig) -> None:
    for number in range(8):
        await rig.stores.outbox.put(errand(f"{number}", login=f"{number}@example.com"))
    async with opened(rig.url) as other:
        one, two = await asyncio.gather(rig.stores.outbox.take(NOW, 8), other.outbox.take(NOW, 8))
    assert len(one) + len(two) == 8
    assert not named(list(one)) & named(list(two))


async def test_what_was_sent_is_gone(rig: Rig) -> None:
    await rig.stores.outbox.put(errand())
    (taken,) = await rig.stores.outbox.take(NOW, 10)
    await rig.stores.outbox.done(taken)
    assert await rig.stores.outbox.backlog() == Backlog()


async def test_what_is_asked_for_again_while_it_is_sent_is_sent_again(rig: Rig) -> None:
    await rig.stores.outbox.put(errand())
    (taken,) = await rig.stores.outbox.take(NOW, 10)
    await rig.stores.outbox.put(errand("two"))
    await rig.stores.outbox.done(taken)
    await rig.stores.outbox.postpone(taken, NOW + LEASE)
    (again,) = await rig.stores.outbox.take(NOW, 10)
    assert (again.id, again.attempts) == ("one", 3)


async def test_of_one_kind_and_login_one_waits(rig: Rig) -> None:
    for number, kind in enumerate(("reset", "reset", "changed", "sign-up")):
        await rig.stores.outbox.put(errand(f"{number}", kind))
    assert (await rig.stores.outbox.backlog()).count == 3


async def test_what_failed_is_due_when_it_was_put_off_to(rig: Rig) -> None:
    await rig.stores.outbox.put(errand())
    (taken,) = await rig.stores.outbox.take(NOW, 10)
    await rig.stores.outbox.postpone(taken, NOW + 10 * SECOND)
    assert await rig.stores.outbox.take(NOW + 9 * SECOND, 10) == []
    assert len(await rig.stores.outbox.take(NOW + 10 * SECOND, 10)) == 1


async def test_what_a_clock_that_was_ahead_has_put_is_due_now(rig: Rig) -> None:
    await rig.stores.outbox.put(replace(errand(), due_at=NOW + timedelta(days=365)))
    assert len(await rig.stores.outbox.take(NOW, 10)) == 1


async def test_beyond_the_most_nothing_is_put(rig: Rig) -> None:
    assert await rig.stores.outbox.put(errand("one"), most=1)
    assert not await rig.stores.outbox.put(errand("two", login="bob@example.com"), most=1)
    assert await rig.stores.outbox.backlog() == Backlog(count=1, oldest=NOW)


async def test_what_has_failed_is_kept_and_neither_waits_nor_is_taken(rig: Rig) -> None:
    """Issue 9, B8: a mail that was refused for good was tried for four days."""
    outbox = rig.stores.outbox
    await outbox.put(errand())
    (taken,) = await outbox.take(NOW, 10)
    await outbox.postpone(taken, NEVER)
    assert await outbox.backlog() == Backlog()
    assert await outbox.take(NOW + timedelta(days=365), 10) == []
    (kept,) = await outbox.list()
    assert (kept.failed, kept.created_at) == (True, NOW)
    assert await outbox.put(errand("two", login="bob@example.com"), most=1)
    assert await outbox.retry("one", NOW + SECOND)
    assert named(list(await outbox.take(NOW + SECOND, 10))) == {"one", "two"}


async def test_what_has_failed_is_gone_after_a_month(rig: Rig) -> None:
    outbox = rig.stores.outbox
    await outbox.put(replace(errand(), due_at=NEVER))
    await outbox.put(errand("waits", login="bob@example.com"))
    assert await rig.stores.purge(NOW + FAILED_MAIL_KEPT) == 0
    assert await rig.stores.purge(NOW + FAILED_MAIL_KEPT + SECOND) == 1
    assert [each.id for each in await outbox.list()] == ["waits"]


async def test_asking_again_does_not_let_a_mail_wait_anew(rig: Rig) -> None:
    """Else one that is asked for each day would be tried for ever, and never be the oldest."""
    outbox = rig.stores.outbox
    await outbox.put(errand())
    later = NOW + timedelta(days=1)
    await outbox.put(replace(errand("two"), created_at=later, due_at=later))
    assert (await outbox.backlog()).oldest == NOW
    (taken,) = await outbox.take(later, 10)
    await outbox.postpone(taken, NEVER)
    await outbox.put(replace(errand("three"), created_at=later, due_at=later))
    assert await outbox.backlog() == Backlog(count=1, oldest=later)


async def test_of_two_things_that_were_changed_one_letter_tells(rig: Rig) -> None:
    """While the relay is down, a notice about factors took the place of one about the password."""
    outbox = rig.stores.outbox
    for what, told in (("", ""), ("", ""), ("factors", SEVERAL), ("factors", SEVERAL)):
        await outbox.put(replace(errand(kind="changed"), name=what))
        (found,) = await outbox.list()
        assert found.name == told
    await outbox.put(replace(errand("other", kind="reset"), name="once"))
    await outbox.put(replace(errand("other", kind="reset"), name="again"))
    assert {each.kind: each.name for each in await outbox.list()}["reset"] == "again"


async def test_sign_ups_leave_room_for_who_has_an_account() -> None:
    """Issue 9, B8: 10,000 sign-ups closed resets as well."""
    assert most("sign-up") < most("reset") == most("changed")


async def test_an_operator_lists_retries_and_drops(rig: Rig) -> None:
    outbox = rig.stores.outbox
    for name in ("a", "b", "c"):
        await outbox.put(replace(errand(name, login=f"{name}@example.com"), due_at=NOW + SECOND))
    assert [each.id for each in await outbox.list(limit=2)] == ["a", "b"]
    assert [each.id for each in await outbox.list(after="b")] == ["c"]
    assert await outbox.retry("b", NOW)
    assert named(list(await outbox.take(NOW, 10))) == {"b"}
    assert await outbox.drop("a")
    assert not await outbox.drop("a")
    assert not await outbox.retry("a", NOW)
    assert [each.id for each in await outbox.list()] == ["b", "c"]


# ------------------------------------------------------------ in the transaction of what caused it


async def test_a_new_password_and_the_mail_about_it_are_there_together(rig: Rig) -> None:
    stores = rig.stores
    await stores.accounts.create(account())
    told = errand(kind="changed")
    assert (
        await stores.accounts.set_verifier("id-alice", verifier("new"), 7, NOW, tell=told) is None
    )
    assert await stores.outbox.backlog() == Backlog()
    assert await stores.accounts.set_verifier("id-alice", verifier("new"), 0, NOW, tell=told)
    (taken,) = await stores.outbox.take(NOW, 10)
    assert (taken.kind, taken.login) == ("changed", "alice@example.com")


async def test_a_reset_and_the_mail_about_it_are_there_together(rig: Rig) -> None:
    stores = rig.stores
    await stores.accounts.create(account())
    await stores.links.add(link("re"))

    async def redeem() -> bool:
        done = await stores.links.redeem_reset(
            digest("re"),
            verifier("new"),
            NOW,
            tell=lambda login: errand(kind="changed", login=login),
        )
        return done is not None

    assert sorted(await asyncio.gather(redeem(), redeem())) == [False, True]
    (taken,) = await stores.outbox.take(NOW, 10)
    assert (taken.kind, taken.login) == ("changed", "alice@example.com")
    assert await stores.outbox.backlog() == Backlog(count=1, oldest=NOW)


@KEPT
async def test_what_waits_survives_the_process(rig: Rig) -> None:
    await rig.stores.outbox.put(errand())
    await rig.stores.close()
    async with opened(rig.url) as again:
        assert len(await again.outbox.take(NOW, 10)) == 1


def test_waits_grow_to_a_quarter_of_an_hour() -> None:
    waits = [wait(attempts).total_seconds() for attempts in (1, 2, 3, 7, 8, 10_000)]
    assert waits == [10, 20, 40, 640, 900, 900]
