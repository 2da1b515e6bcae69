"""The rules a phone goes by without a network are the server's own: both are asked, and must say the same."""

import json
import random
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

import bothwell
from bothwell.instruments.catalogue import all_instruments
from bothwell.instruments.instrument import Condition, Every, Instrument, ItemType, Reached, Some
from bothwell.instruments.scoring import Answers, items_asked, score
from bothwell.web.checkin_form import rules

SCRIPT = Path(bothwell.__file__).parent / "web" / "static" / "bothwell" / "js" / "checkin-rules.js"
TIMES = 40
ASK = """
const { asked, needsSomeone } = await import(process.argv[1]);
let text = "";
for await (const part of process.stdin) text += part;
console.log(JSON.stringify(JSON.parse(text).map(({ rules, answers }) => [
  asked(rules.items, answers).map((item) => item.id), needsSomeone(rules.items, rules.flags, answers),
])));
"""


def hangs_on_a_total(condition: Condition) -> bool:
    match condition:
        case Reached():
            return True
        case Every(of=parts) | Some(of=parts):
            return any(hangs_on_a_total(each) for each in parts)
    return False


def answered(instrument: Instrument, chance: random.Random) -> Answers:
    """Some answers: most items answered, some declined, some left open."""
    answers: dict[str, str | None] = {}
    for item in instrument.items:
        drawn = chance.random()
        if drawn < 0.2:
            continue
        if drawn < 0.35:
            answers[item.link_id] = None
        elif item.options:
            answers[item.link_id] = chance.choice(item.options).code
        elif item.type in (ItemType.INTEGER, ItemType.DECIMAL):
            answers[item.link_id] = str(chance.randint(int(item.lowest or 0), int(item.highest or 10)))
        elif item.type is ItemType.TEXT:
            answers[item.link_id] = "words"
    return answers


def test_phone_and_server_ask_the_same_and_see_the_same_need() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("no Node: `make` needs it to build the pages")
    chance, cases, expected = random.Random(11), [], []
    for instrument in all_instruments():
        for _ in range(TIMES):
            answers = answered(instrument, chance)
            given: dict[str, Any] = {"rules": rules(instrument), "answers": answers}
            needs = bool(score(instrument, answers).flags)
            if any(hangs_on_a_total(rule.when) for rule in instrument.flags):  # the server's answer tells
                given["rules"]["flags"], needs = [], False
            cases.append(given)
            expected.append([[item.link_id for item in items_asked(instrument, answers)], needs])
    said = subprocess.run(
        [node, "--input-type=module", "-e", ASK, str(SCRIPT)],
        input=json.dumps(cases), capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert json.loads(said.stdout) == expected
    assert {needs for _, needs in expected} == {True, False}
