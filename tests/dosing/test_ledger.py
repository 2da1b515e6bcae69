"""The ledger's own rules: nothing vanishes, nothing is overdrawn, and who must sign."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bothwell.dosing import ledger
from bothwell.dosing.ledger import Account, Balance, Bottle, Entry, Kind

LUIS, HELEN, LEA = uuid4(), uuid4(), uuid4()
TODAY = date(2026, 3, 2)
BOTTLE = Bottle(ug_per_ml=50_000, expires_on=date(2027, 1, 31))
ONE = uuid4()


def entry(kind: Kind, volume_ul: int = 0, **more: object) -> Entry:
    """A line with every signature and every word it needs."""
    whole = Entry(uuid4(), kind, TODAY, LUIS, volume_ul)
    if kind in ledger.COSIGNED:
        whole = replace(whole, witness=HELEN)
    if kind is Kind.DESTROY:
        whole = replace(whole, second_witness=LEA)
    if kind in ledger.REASONED:
        whole = replace(whole, reason="Because")
    if kind in ledger.TO_SOMEBODY or kind is Kind.DESTROY:
        whole = replace(whole, counterparty="Somebody, somewhere, RA0000000")
    if kind in ledger.IN_A_SYRINGE:
        whole = replace(whole, syringe=ONE)
    if kind is Kind.COUNT:
        whole = replace(whole, observed_ul=10_000)
    return replace(whole, **more)  # type: ignore[arg-type]


RECEIVED, OPENED = entry(Kind.RECEIVE, 10_000), entry(Kind.OPEN)
STOCKED = ledger.fold([RECEIVED])
READY = ledger.fold([RECEIVED, OPENED])
DRAWN = ledger.post(READY, entry(Kind.DRAW, 700))


def test_a_whole_life_of_a_vial_in_double_entry() -> None:
    story = [
        RECEIVED,
        OPENED,
        entry(Kind.DRAW, 700),
        entry(Kind.ADMINISTER, 680),
        entry(Kind.WASTE, 20, syringe=ONE),
        entry(Kind.RETURN, 9_300),
    ]
    last = list(ledger.lines(BOTTLE, story))[-1].after
    assert {account: ul for account, ul in last.accounts.items() if ul} == {
        Account.SUPPLIER: -10_000,
        Account.GIVEN: 680,
        Account.WASTED: 20,
        Account.RETURNED: 9_300,
    }
    assert last.is_whole


def test_every_line_says_from_where_to_where_and_how_much_in_both_units() -> None:
    (line,) = list(ledger.lines(BOTTLE, [RECEIVED]))
    assert line.postings == (ledger.Posting(Account.SUPPLIER, Account.VIAL, 10_000, 500_000),)


@pytest.mark.parametrize(
    ("balance", "wrong", "words"),
    [
        (Balance(), OPENED, "begins with its receipt"),
        (STOCKED, entry(Kind.RECEIVE, 10_000), "received already"),
        (STOCKED, entry(Kind.DRAW, 700), "not open yet"),
        (READY, entry(Kind.OPEN), "open already"),
        (READY, entry(Kind.DRAW, 10_010), "Only 10.00 mL"),
        (READY, entry(Kind.DRAW, 705), "0.01 mL"),
        (READY, entry(Kind.DRAW, 0), "above nought"),
        (READY, entry(Kind.DRAW, 700, syringe=None), "which syringe"),
        (READY, entry(Kind.DRAW, 700, on=date(2027, 2, 1)), "past its date"),
        (ledger.post(READY, entry(Kind.EXPIRE)), entry(Kind.DRAW, 700), "past its date"),
        (DRAWN, entry(Kind.ADMINISTER, 710), "Only 0.70 mL"),
        (DRAWN, entry(Kind.DEAD_SPACE, 20), "dead space"),
        (DRAWN, entry(Kind.WASTE, 20, syringe=ONE, witness=None), "second person"),
        (DRAWN, entry(Kind.WASTE, 20, syringe=ONE, witness=LUIS), "somebody else"),
        (DRAWN, entry(Kind.WASTE, 20, syringe=ONE, reason=" "), "Write why"),
        (READY, entry(Kind.DESTROY, 100, second_witness=None), "two witnesses"),
        (READY, entry(Kind.DESTROY, 100, second_witness=HELEN), "somebody else"),
        (READY, entry(Kind.DESTROY, 100, counterparty=""), "where"),
        (READY, entry(Kind.TRANSFER, 100, counterparty=""), "who takes it"),
        (READY, entry(Kind.COUNT, witness=None), "second person"),
        (READY, entry(Kind.COUNT, observed_ul=None), "what was seen"),
        (READY, entry(Kind.ADJUST, 0), "of nothing"),
        (READY, entry(Kind.ADJUST, -10_010), "Only 10.00 mL"),
        (READY, entry(Kind.ADJUST, -10, reason=""), "Write why"),
        (READY, entry(Kind.ADJUST, -10, witness=None), "second person"),
        (READY, entry(Kind.CORRECT, corrects=RECEIVED.id), "cannot be taken back"),
        (READY, entry(Kind.CORRECT), "Name the entry"),
    ],
)
def test_what_is_refused_and_why(balance: Balance, wrong: Entry, words: str) -> None:
    decision = ledger.judge(BOTTLE, balance, wrong)
    assert not decision
    assert words in decision.reason


def test_a_line_is_taken_back_once_and_everything_is_as_before() -> None:
    wrong = entry(Kind.DRAW, 860)
    drawn = ledger.post(READY, wrong)
    back = entry(Kind.CORRECT, corrects=wrong.id)
    assert ledger.judge(BOTTLE, drawn, back)
    after = ledger.post(drawn, back)
    assert (after.on_hand_ul, after.held_ul) == (10_000, 0)
    again = ledger.judge(BOTTLE, after, entry(Kind.CORRECT, corrects=wrong.id))
    assert "already" in again.reason


def test_a_draw_that_was_given_is_not_taken_back_before_the_giving_is() -> None:
    wrong = entry(Kind.DRAW, 860)
    given_ = ledger.fold([RECEIVED, OPENED, wrong, entry(Kind.ADMINISTER, 860)])
    assert not ledger.judge(BOTTLE, given_, entry(Kind.CORRECT, corrects=wrong.id))


def test_dead_space_is_written_off_only_as_far_as_the_clinic_says() -> None:
    assert ledger.judge(BOTTLE, DRAWN, entry(Kind.DEAD_SPACE, 20), dead_space_ul=20)
    once = ledger.post(DRAWN, entry(Kind.DEAD_SPACE, 20))
    assert not ledger.judge(BOTTLE, once, entry(Kind.DEAD_SPACE, 10), dead_space_ul=20)


@pytest.mark.parametrize(
    ("dose_mg", "volume_ul", "working"),
    [
        ("34", 680, "34 mg ÷ 50 mg/mL = 0.68 mL"),
        ("34.2", 680, "34.2 mg ÷ 50 mg/mL ≈ 0.68 mL; 0.68 mL hold 34.00 mg"),
    ],
)
def test_the_volume_to_draw_shows_its_working(dose_mg: str, volume_ul: int, working: str) -> None:
    found = ledger.to_draw(Decimal(dose_mg), 50_000)
    assert (found.volume_ul, found.working) == (volume_ul, working)
    assert found.amount_ug == 34_000


@given(st.decimals("0.1", "500", places=1), st.integers(1, 1000).map(lambda n: n * 100))
def test_every_volume_to_draw_holds_a_whole_number_of_micrograms(dose_mg: Decimal, ug_per_ml: int) -> None:
    found = ledger.to_draw(dose_mg, ug_per_ml)
    assert found.volume_ul % ledger.STEP_UL == 0
    assert found.amount_ug * 1000 == found.volume_ul * ug_per_ml
    assert abs(found.amount_ug - dose_mg * 1000) <= ug_per_ml * Decimal("0.005")


@given(st.integers(-10_000, 10_000).map(lambda n: n * 10))
def test_millilitres_are_written_and_read_back(volume_ul: int) -> None:
    assert ledger.ul(Decimal(ledger.ml(volume_ul))) == volume_ul


def test_a_thousandth_of_a_millilitre_is_not_taken() -> None:
    with pytest.raises(ValueError, match=r"0\.01 mL"):
        ledger.ul(Decimal("0.685"))


# ── any story at all ──────────────────────────────────────────────────────────────────────────────────────


@st.composite
def stories(draw: st.DrawFn) -> list[Entry]:
    """Lines in any order; whoever judges them keeps those that fit."""
    syringes = [uuid4() for _ in range(3)]
    kept: list[Entry] = [RECEIVED]
    for _ in range(draw(st.integers(0, 25))):
        kind = draw(st.sampled_from(list(Kind)))
        size = draw(st.integers(-5, 400)) * 10
        more: dict[str, object] = {}
        if kind in ledger.IN_A_SYRINGE or (kind is Kind.WASTE and draw(st.booleans())):
            more["syringe"] = draw(st.sampled_from(syringes))
        if kind is Kind.CORRECT:
            more["corrects"] = draw(st.sampled_from(kept)).id
        moving = kind not in ledger.STILL | {Kind.CORRECT}
        kept.append(entry(kind, size if moving else 0, **more))
    return kept


@given(stories())
def test_nothing_vanishes_and_nothing_is_less_than_nothing(story: list[Entry]) -> None:
    balance, kept = Balance(), []
    for one in story:
        if ledger.judge(BOTTLE, balance, one, dead_space_ul=1_000):
            balance = ledger.post(balance, one)
            kept.append(one)
        assert balance.is_whole
        assert balance.on_hand_ul >= 0
        assert all(held >= 0 for held in balance.syringes.values())
        assert balance.held_ul == sum(balance.syringes.values())
    assert balance == ledger.fold(kept)
    received, out = (
        -balance.of(Account.SUPPLIER),
        sum(
            balance.of(account)
            for account in Account
            if account not in (Account.SUPPLIER, Account.VIAL, Account.ADJUSTED)
        ),
    )
    assert received == out + balance.on_hand_ul + balance.of(Account.ADJUSTED)
    shown = list(ledger.lines(BOTTLE, kept))
    moved = dict.fromkeys(Account, 0)
    for posting in (posting for line in shown for posting in line.postings):
        assert posting.volume_ul > 0
        assert posting.amount_ug * 1000 == posting.volume_ul * BOTTLE.ug_per_ml
        moved[posting.source] -= posting.volume_ul
        moved[posting.target] += posting.volume_ul
    assert moved == {account: balance.of(account) for account in Account}


def test_who_may_sign_beside_somebody() -> None:
    assert ledger.may_cosign(Kind.WASTE, {"nurse"})
    assert not ledger.may_cosign(Kind.WASTE, {"lead"})
    assert ledger.may_cosign(Kind.ADJUST, {"lead"})
    assert not ledger.may_cosign(Kind.ADJUST, {"nurse"})
    assert not ledger.may_cosign(Kind.COUNT, {"coordinator", "individual_therapist"})


@pytest.mark.parametrize(
    ("roles", "how", "more", "may"),
    [
        ({"nurse"}, "reported", {}, False),
        ({"lead"}, "reported", {}, True),
        ({"lead"}, "reported", {"counted_it": True}, False),
        ({"lead"}, "recounted", {}, False),
        ({"prescriber"}, "recounted", {"agrees_since": True}, True),
        ({"lead"}, "adjusted", {"agrees_since": True}, False),
        ({"lead"}, "adjusted", {"adjusted_since": True}, True),
    ],
)
def test_who_ends_a_discrepancy_and_how(roles: set[str], how: str, more: dict[str, bool], may: bool) -> None:
    known = {"counted_it": False, "agrees_since": False, "adjusted_since": False} | more
    assert ledger.may_resolve(roles, how=how, **known).allowed is may


def test_identifiers_of_a_line_are_those_it_was_given() -> None:
    assert isinstance(RECEIVED.id, UUID)
    assert READY.entries[RECEIVED.id] is RECEIVED
