"""Every questionnaire of the catalogue in plain words: what it asks, what its numbers mean, where each comes from.

`python -m bothwell.instruments.handbook` writes it into `docs/`; the pages show the same words. It adds nothing that
is not in the files, and marks every number a medical director has still to confirm.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final

from bothwell.instruments.catalogue import all_instruments
from bothwell.instruments.change import threshold
from bothwell.instruments.gains import GainRow, Measured, beside, five_gains
from bothwell.instruments.instrument import (
    Asked,
    Better,
    Condition,
    Count,
    Cutoff,
    CutoffUse,
    Every,
    FlagRule,
    How,
    Instrument,
    Item,
    ItemType,
    Kind,
    LicenceClass,
    Operator,
    Reached,
    Scale,
    Some,
)

DOCS: Final = Path(__file__).parents[2] / "docs"
TO_CONFIRM: Final = "[to be confirmed]"
AREAS: Final = {
    "depression": "Depression",
    "anxiety": "Anxiety",
    "trauma": "Trauma",
    "dissociation": "Dissociation",
    "sleep": "Sleep",
    "functioning": "Everyday life and well-being",
    "resilience": "Resilience",
    "substances": "Alcohol and other substances",
    "suicide": "Thoughts of suicide",
    "violence": "Violence between partners",
    "acute_experience": "The dosing experience itself",
    "relationship_satisfaction": "Satisfaction with the relationship",
    "communication": "Communication",
    "regulation": "Emotional regulation",
    "empathy": "Empathy and understanding",
    "connection": "Connection and intimacy",
    "conflict": "Conflict",
    "attachment": "Attachment",
    "alliance": "Alliance with the therapist",
    "own": "Bothwell’s own questions",
    "": "Loaded by this clinic, no area named",
}
LICENCES: Final = {
    LicenceClass.OPEN: "free to use",
    LicenceClass.CONDITIONS: "free under conditions",
    LicenceClass.OWN: "Bothwell’s own, not validated",
    LicenceClass.LICENSED: "the clinic needs a licence",
    LicenceClass.CLINIC: "loaded by this clinic",
}
KINDS: Final = {
    Kind.INDIVIDUAL: "about oneself",
    Kind.PREDOSE: "before a dose",
    Kind.RELATIONSHIP: "about the relationship",
    Kind.SUICIDE: "screen for thoughts of suicide",
    Kind.VIOLENCE: "screen for violence, for the safety circle alone",
}
BETTER: Final = {
    Better.LOWER: "lower is better",
    Better.HIGHER: "higher is better",
    Better.NEITHER: "neither end is better",
}
SAFETY: Final = {
    "suicide": "A clinician must look: thoughts of suicide",
    "suicide.acute": "A clinician must look now: thoughts of suicide at this moment",
    "violence": "The safety circle must look: violence or fear at home",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One fact: what it is, its value in words, where it comes from, and whether it is still to be confirmed."""

    what: str
    value: str
    source: str = ""
    confirm: bool = False


def number(value: Decimal) -> str:
    """A number without idle zeros."""
    return f"{value.normalize():f}"


def area_title(area: str) -> str:
    """The words for an area; its own name where there are none."""
    return AREAS.get(area, area.replace("_", " ").capitalize())


def main_area(instrument: Instrument) -> str:
    """The area it is listed under: its first; Bothwell's own questions stand by themselves."""
    if instrument.licence_class is LicenceClass.OWN:
        return "own"
    return instrument.areas[0] if instrument.areas else ""


def full_title(instrument: Instrument) -> str:
    """Its title, with its short name unless that stands in it; Bothwell's own go by their short name."""
    short, title = instrument.short, instrument.title
    if instrument.licence_class is LicenceClass.OWN:
        return short
    return title if short in title else f"{short}: {title}"


def _begun(words: str) -> str:
    """Words at the beginning of a sentence."""
    return words[:1].upper() + words[1:]


def items_in_words(instrument: Instrument) -> str:
    """How many questions it has."""
    return "one item" if len(instrument.items) == 1 else f"{len(instrument.items)} items"


def words_state(instrument: Instrument) -> str:
    """Whether its words are there, and whether they were compared with two sources."""
    if not instrument.can_be_asked:
        return "no words: the clinic loads its own"
    if instrument.licence_class is LicenceClass.OWN:
        return "Bothwell’s own words"
    return "compared in two sources" if instrument.wording.verified else "not compared in two sources"


# ------------------------------------------------------------------------------------------------------- a scale


def scale_lines(instrument: Instrument, scale: Scale) -> tuple[Line, ...]:
    """Everything known of one scale, a line each, in the order a clinician asks for it."""
    return tuple(_scale_lines(instrument, scale))


def _scale_lines(instrument: Instrument, scale: Scale) -> Iterator[Line]:
    yield Line(
        "Score",
        f"{_how(instrument, scale)}, {number(scale.least)} to {number(scale.most)}; {BETTER[scale.better]}",
    )
    reversed_ = [item for item in instrument.items if item.link_id in scale.items and item.reverse]
    if reversed_:
        yield Line("Turned round", f"items {_numbers(instrument, [item.link_id for item in reversed_])}")
    yield Line("Missing answers", _missing(scale), scale.missing.source, scale.missing.confirm)
    if scale.when_not_asked is not None:
        yield Line("When none of it was asked", f"the score is {number(scale.when_not_asked)}")
    if scale.bands:
        yield Line("Bands", " · ".join(f"{_range(b.from_total, b.to_total)} {b.name}" for b in scale.bands))
    yield from (_cutoff(each) for each in scale.cutoffs)
    if scale.reliability is not None:
        known = scale.reliability
        deviation = known.standard_deviation
        spread = f", standard deviation {number(deviation)}" if deviation is not None else ""
        value = f"{number(known.coefficient)} ({known.what}){spread}"
        yield Line("Reliability", value, known.source, known.confirm)
    yield reliable_change_line(scale)
    if scale.gain is not None:
        yield Line("Gain", area_title(scale.gain.value))
    if scale.code is not None:
        yield Line("Code of the score", f"{scale.code[1]} ({scale.code[0]})")
    if scale.note:
        yield Line("Note", scale.note)


def reliable_change_line(scale: Scale) -> Line:
    """How many points are more than chance: published, computed, or not known."""
    if scale.better is Better.NEITHER:
        return Line("Reliable change", "not judged: neither end is better")
    try:
        needed = threshold(scale)
    except ValueError:
        return Line(
            "Reliable change", "not known: nothing published, and no standard deviation to compute it from"
        )
    if needed.published:
        return Line(
            "Reliable change",
            f"{number(needed.points)} points or more (published)",
            needed.source,
            needed.confirm,
        )
    value = (
        f"more than {needed.points:.2f} points (computed: 1.96 × SD × √2 × √(1 − r), Jacobson & Truax 1991)"
    )
    return Line("Reliable change", value, needed.source, needed.confirm)


def _how(instrument: Instrument, scale: Scale) -> str:
    which = _numbers(instrument, scale.items)
    if len(scale.items) == 1 and scale.times == 1:
        return f"item {which}"
    times = "" if scale.times == 1 else f", times {number(scale.times)}"
    match scale.how:
        case How.SUM:
            return f"sum of items {which}{times}"
        case How.MEAN:
            return f"mean of items {which}{times}"
        case How.SUM_OF_HIGHEST:
            groups = "; ".join(_numbers(instrument, group) for group in scale.groups)
            return f"the highest of each group, added ({groups}){times}"


def _numbers(instrument: Instrument, link_ids: Iterable[str]) -> str:
    """The places of items on the form, as `1–4, 7`."""
    wanted = set(link_ids)
    places = [place for place, item in enumerate(instrument.items, 1) if item.link_id in wanted]
    runs: list[list[int]] = []
    for place in places:
        if runs and runs[-1][-1] == place - 1:
            runs[-1].append(place)
        else:
            runs.append([place])
    return ", ".join(f"{run[0]}–{run[-1]}" if len(run) > 1 else f"{run[0]}" for run in runs)


def _range(least: Decimal, most: Decimal) -> str:
    return number(least) if least == most else f"{number(least)}–{number(most)}"


def _missing(scale: Scale) -> str:
    if not scale.missing.at_most:
        return "no score unless every item is answered"
    items = "item" if scale.missing.at_most == 1 else "items"
    return f"up to {scale.missing.at_most} unanswered {items} filled in with the mean of the others"


def _cutoff(cutoff: Cutoff) -> Line:
    sign = "≥" if cutoff.case_when == ">=" else "<"
    whom = f" ({cutoff.group})" if cutoff.group else ""
    uses = {CutoffUse.SCREEN: "screening", CutoffUse.CHANGE: "change", CutoffUse.BOTH: "screening and change"}
    what = f"Cut-off for {uses[cutoff.use]}"
    return Line(what, f"{sign} {number(cutoff.value)}{whom}: {cutoff.meaning}", cutoff.source, cutoff.confirm)


# ---------------------------------------------------------------------------------------------- rules and questions


def rule_lines(instrument: Instrument) -> tuple[Line, ...]:
    """The published patterns and the safety flags, each with what meets it."""
    return (
        *(Line(rule.title, rule.meaning, rule.source, rule.confirm) for rule in instrument.rules),
        *(_flag_line(instrument, flag) for flag in instrument.flags),
    )


def _flag_line(instrument: Instrument, flag: FlagRule) -> Line:
    declined = "; declining to answer counts" if flag.declined_counts else ""
    return Line(SAFETY.get(flag.flag, flag.flag), f"{pattern(instrument, flag.when)}{declined}", flag.source)


def pattern(instrument: Instrument, when: Condition) -> str:
    """A pattern of answers in words."""
    match when:
        case Count(times=times, of=of):
            tests = [f"item {_numbers(instrument, [item])} at {number(least)} or more" for item, least in of]
            return tests[0] if len(tests) == 1 else f"at least {times} of: {', '.join(tests)}"
        case Reached(scale=scale, at_least=at_least, below=below):
            limit = (
                f"at least {number(at_least)}"
                if at_least is not None
                else f"below {number(below or Decimal(0))}"
            )
            return f"{instrument.by_scale[scale].title} {limit}"
        case Every(of=of):
            return " and ".join(f"({pattern(instrument, each)})" for each in of)
        case Some(of=of):
            return " or ".join(f"({pattern(instrument, each)})" for each in of)


def asked_when(instrument: Instrument, item: Item) -> str:
    """When an item is asked, in words; empty for one that always is."""
    tests = [_test(instrument, each) for each in item.asked_when]
    return f"Asked when {(' and ' if item.asked_when_all else ' or ').join(tests)}." if tests else ""


def _test(instrument: Instrument, test: Asked) -> str:
    place, known = _numbers(instrument, [test.item]), instrument.item(test.item)
    if test.operator is Operator.EXISTS:
        return f"item {place} {'has' if test.answer == 'true' else 'has no'} answer"
    option = known.option(test.answer) if known else None
    answer = (
        f"“{option.text}”" if option and option.text else number(option.points) if option else test.answer
    )
    return f"item {place} {_SIGNS[test.operator]} {answer}"


_SIGNS: Final = {
    Operator.EQUAL: "is",
    Operator.NOT_EQUAL: "is not",
    Operator.MORE: "is more than",
    Operator.LESS: "is less than",
    Operator.AT_LEAST: "is at least",
    Operator.AT_MOST: "is at most",
}


def answers_in_numbers(item: Item) -> str:
    """The answers of an item by their points alone, for a questionnaire without words."""
    match item.type:
        case ItemType.CHOICE | ItemType.BOOLEAN:
            return " · ".join(number(option.points) for option in item.options)
        case ItemType.INTEGER | ItemType.DECIMAL if item.lowest is not None and item.highest is not None:
            return f"a number from {number(item.lowest)} to {number(item.highest)}"
        case ItemType.INTEGER | ItemType.DECIMAL:
            return "a number"
        case ItemType.DATE:
            return "a date"
        case ItemType.TEXT:
            return "words"


# ------------------------------------------------------------------------------------------------------ in Markdown

GENERATED: Final = (
    "*This page is written by `python -m bothwell.instruments.handbook` from the files in "
    "`bothwell/instruments/catalogue/`; change those, not this page.*"
)


def instruments_page() -> str:
    """docs/instruments.md."""
    every = all_instruments()
    parts = [
        "# Questionnaires",
        GENERATED,
        "What the catalogue holds, and where every number comes from. Three things to know first:",
        f"- **{TO_CONFIRM}** marks a number that was not read in its published source. It is a default the clinic’s "
        "medical director confirms or replaces before anybody relies on it.\n"
        "- **No words** means that only the structure and the scoring are here, because the owner licenses the words. "
        "A clinic that holds the licence loads its own (Questionnaires → the questionnaire → *Load your words*).\n"
        "- **Not compared** means that the words were not found alike in two independent public sources. Compare them "
        "with the owner’s form before use.",
        "## All of them",
        _overview(every),
        *(_chapter(each) for each in every),
    ]
    return "\n\n".join(parts) + "\n"


def _overview(every: Iterable[Instrument]) -> str:
    rows = [
        [
            f"[{_cell(each.short)}](#{each.id})",
            area_title(main_area(each)),
            KINDS[each.kind],
            LICENCES[each.licence_class],
            words_state(each),
            f"{len(each.items)}",
            f"{each.minutes}",
            ", ".join(area_title(gain.value) for gain in each.gains) or "–",
        ]
        for each in every
    ]
    return table(["", "area", "kind", "licence", "words", "items", "minutes", "gains"], rows)


def _chapter(each: Instrument) -> str:
    parts = [
        f'<a id="{each.id}"></a>\n\n## {full_title(each)}',
        *([f"{each.title}."] if each.title not in full_title(each) else []),
        f"*For the person: “{each.plain_title}”. {items_in_words(each)}, about {each.minutes} min, "
        f"{each.recall}. {KINDS[each.kind].capitalize()}.*",
        "\n".join(f"- **{line.what}:** {line.value}" for line in licence_lines(each)),
        *(f"### {scale.title}\n\n{_line_table(scale_lines(each, scale))}" for scale in each.scales),
    ]
    if not each.scales:
        parts.append("It gives no score: the answers themselves are read.")
    if rules := rule_lines(each):
        parts.append(f"### Patterns and flags\n\n{_line_table(rules)}")
    return "\n\n".join(parts)


def licence_lines(each: Instrument) -> tuple[Line, ...]:
    """On what terms it may be used, whose it is, and where the numbers and the words come from."""
    checked, is_own = "; ".join(each.wording.checked_against), each.licence_class is LicenceClass.OWN
    return (
        Line("Licence", f"{_begun(LICENCES[each.licence_class])}. {each.licence}"),
        *((Line("Conditions", each.conditions),) if each.conditions else ()),
        Line("Owner", each.owner),
        Line("Citation", each.citation),
        Line("Sources of the scoring", each.source),
        Line("Words", each.wording.note if is_own else f"{_begun(words_state(each))}. {each.wording.note}"),
        *((Line("Words compared with", checked),) if checked else ()),
    )


def _line_table(lines: Iterable[Line]) -> str:
    rows = [
        [
            _cell(line.what),
            _cell(line.value) + (f" **{TO_CONFIRM}**" if line.confirm else ""),
            _cell(line.source),
        ]
        for line in lines
    ]
    return table(["what", "value", "source"], rows)


def table(head: list[str], rows: Iterable[list[str]]) -> str:
    """A Markdown table."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")


def gains_page() -> str:
    """docs/gains.md."""
    parts = [
        "# The five gains",
        GENERATED,
        "What a couple hopes for, what Bothwell means by it, and what follows it. A weekly question of Bothwell’s own "
        "is not a validated scale and is never added to one: its line is drawn beside the measure, not into it.",
        table(
            [
                "gain",
                "what is meant",
                "validated measures",
                "nearest measures",
                "needs the clinic’s licence",
                "every week",
            ],
            [_gain_cells(row) for row in five_gains()],
        ),
        "*Nearest* measures stand for a gain though they were made to measure something beside it.",
        "## Followed beside the gains",
        table(
            ["area", "measures"],
            [[row.title, "; ".join(measured(each) for each in row.measures) or "–"] for row in beside()],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def _gain_cells(row: GainRow) -> list[str]:
    short = {each.id: each.short for each in all_instruments()}
    cells = [
        f"**{row.title}**",
        row.definition,
        "; ".join(measured(each) for each in row.measures) or "none",
        "; ".join(measured(each) for each in row.nearest) or "–",
        ", ".join(short[each] for each in row.skeletons) or "–",
        measured(row.pulse),
    ]
    return [_cell(each) for each in cells]


def measured(each: Measured) -> str:
    """One score and which way is better."""
    words = "" if each.has_words else "; without words"
    return f"{each.title} ({BETTER[each.better]}{words})"


def write(folder: Path = DOCS) -> None:
    """Write both pages."""
    (folder / "instruments.md").write_text(instruments_page(), encoding="utf-8")
    (folder / "gains.md").write_text(gains_page(), encoding="utf-8")


if __name__ == "__main__":
    write()
