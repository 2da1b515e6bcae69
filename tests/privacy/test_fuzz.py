"""A life that goes on, drawn step by step: nobody is ever shown what the rule does not open to them.

`python -m benchmarks.fuzz` lives it for longer. A failing life is made as short as it can be.
"""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from benchmarks.fuzz import machine, quiet
from bothwell.models import Grant
from tests.conftest import loading
from tests.privacy.monkey import Answer, Monkey

DICE = st.integers(0, 2**32)


@pytest.fixture(autouse=True)
def _committed(django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """Streams look with a connection of their own: what they are to see is committed, and stays in this database."""
    unmasked, uncopied = quiet()
    with django_db_blocker.unblock(), unmasked, uncopied:
        yield
        connection.close()


class Life(RuleBasedStateMachine):
    """Everybody, at their browsers, while things happen."""

    def __init__(self) -> None:
        super().__init__()
        self.monkey, self.happenings = machine(seed=0)

    @rule(dice=DICE)
    def somebody_does_something(self, dice: int) -> None:
        self.monkey.rng.seed(dice)
        for _ in range(3):
            self.monkey.step()

    @rule(dice=DICE)
    def something_happens(self, dice: int) -> None:
        self.happenings.rng.seed(dice)
        self.happenings.one()
        self.monkey.look()

    @rule(dice=DICE)
    def the_two_look_at_their_own_pages(self, dice: int) -> None:
        self.monkey.rng.seed(dice)
        for viewer in ("self", "partner"):
            self.monkey.open(viewer, self.monkey.rng.choice(["/today", "/us", "/insights", "/access"]))

    @invariant()
    def nothing_leaks(self) -> None:
        assert self.monkey.found.leaks == []

    @invariant()
    def what_is_hidden_looks_like_what_never_was(self) -> None:
        assert self.monkey.found.unlike_nothing == []

    @invariant()
    def nothing_breaks(self) -> None:
        assert self.monkey.found.broken == set()


def test_whatever_happens_nobody_is_shown_what_is_not_theirs() -> None:
    run_state_machine_as_test(
        Life,
        settings=settings(
            max_examples=3,
            stateful_step_count=40,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        ),
    )


# ── or finding nothing would prove nothing ──


@pytest.fixture
def monkey(_committed: None) -> Monkey:
    return machine(seed=1)[0]


def test_a_word_shown_to_the_wrong_one_is_found(monkey: Monkey) -> None:
    own = monkey.viewers["self"].id.hex[-6:]
    alone = next(word for word in monkey.oracle.words if word == f"zqsaidalone{own}")
    page = Answer(200, f"<p>{alone}</p>".encode(), (("Content-Type", "text/html"),), frozenset(), 0.0)
    for viewer, leaks in (("safety", 0), ("self", 1), ("partner", 2), ("lead", 3)):
        monkey.judge(viewer, "a page", page)
        assert len(monkey.found.leaks) == leaks, viewer


def test_a_gift_that_the_rule_no_longer_knows_is_found_on_the_receivers_page(monkey: Monkey) -> None:
    monkey.open("partner", "/us")
    assert monkey.found.words_judged > 0
    assert monkey.found.leaks == []
    monkey.know(replace(monkey.oracle, world=replace(monkey.oracle.world, granted=())))
    monkey.open("partner", "/us")
    assert [leak for leak in monkey.found.leaks if "InsightVersion" in leak]


def test_a_page_that_differs_from_nothing_is_found(monkey: Monkey) -> None:
    """The partner's insight, which opens to them, laid beside one that never was."""
    with loading():
        given = Grant.objects.filter(item_kind="insight", audience="partner", revoked_at=None).first()
    assert given is not None
    never = uuid4()
    there = Answer(200, b"<p>words</p>", (), frozenset(), 0.0)
    not_there = Answer(404, b"<p>nothing</p>", (), frozenset(), 0.0)
    monkey._compare("partner", "GET", f"/insights/{given.item_id}", there, not_there, {given.item_id: never})
    assert monkey.found.unlike_nothing
    assert monkey.found.longer_or_shorter == 1
