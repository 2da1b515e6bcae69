"""Whether anybody is shown, told or let guess what is not theirs, in so many requests of a life that goes on.

    python -m benchmarks.fuzz --requests 100000

Two partners, a former partner, both their therapists, prescriber, nurse, lead, coordinator, the safety circle, staff
who are partners of patients, another couple and another clinic open every address with everybody's ids, send the forms
they are shown and those others were shown, search, print and listen, while gifts are given, slept on and taken back,
releases signed and withdrawn, couples part and come together, shelters begin and end. After every change the rule
(`rule.may_see`) is asked anew; then no answer may hold a planted word that its reader may not read, and what is
hidden must look like what never was: status, bytes, headers, cookies, and time. The same seed does the same again.

Then hidden things are asked for beside what never was, over the wire, from a server as it is run, which says that nothing
is there on a beat of its own. Last, a gift is taken back twenty times from a partner and from a therapist whose page is
open, beside the same server: how soon that page was told, and how soon the next page had come without the words.
"""

import argparse
import http.client
import os
import statistics
import time
from collections import defaultdict
from random import Random
from typing import Any
from unittest import mock
from uuid import uuid4

import psycopg
from django.conf import settings
from django.core.management import call_command
from django.db import transaction

from benchmarks.stage import LOGINS
from bothwell.privacy.circles import Relation
from tests.cast import make_cast
from tests.privacy.happenings import Happenings
from tests.privacy.monkey import Found, Monkey
from tests.room import as_login
from tests.web.matrix_world import make_world
from tests.web.taking_back import served, take_back
from tests.web.test_live import cookie_of

A_CHANGE_EACH = 40
"""Requests between two happenings."""
REFUSED_EACH = 200
"""Pairs asked for over the wire, of each address."""
SLOWEST_TO_REFUSE = (
    "/people/{person}", "/people/{person}/paper/phq-9", "/couples/{couple}", "/couples/{couple}/cycle",
    "/couples/{couple}/for-both",
)  # fmt: skip
"""Where the database takes longest to refuse what is there."""
WORLD_LIVES = 8_000
"""Requests until another clinic begins anew: rows grow, and with them the pages."""


def machine(seed: int) -> tuple[Monkey, Happenings]:
    """A clinic, committed, with a browser for each viewer."""
    rng = Random(seed)
    with transaction.atomic():
        clinic = make_world()
    return Monkey(clinic.viewers, rng), Happenings(clinic, rng)


def run(seed: int, requests: int, happened: dict[str, int]) -> Found:
    """So many requests of one life; what was found."""
    monkey, happenings = machine(seed)
    next_change = 0
    while monkey.found.requests < requests:
        if monkey.found.requests >= next_change:
            happened[happenings.one()] += 1
            next_change = monkey.found.requests + A_CHANGE_EACH
            monkey.look()
        monkey.step()
    return monkey.found


def quiet() -> tuple[Any, Any]:
    """The token of a form is masked anew on every page; unmasked, two answers can be compared to the byte."""
    return (
        mock.patch("django.middleware.csrf._mask_cipher_secret", lambda secret: secret),
        mock.patch("django.test.client.store_rendered_templates"),
    )


def sign_test(pairs: list[tuple[float, float]]) -> float:
    """How many standard deviations more often than half the hidden thing took longer than the one that never was."""
    slower = sum(hidden > never for hidden, never in pairs)
    return (slower - len(pairs) / 2) / (len(pairs) / 4) ** 0.5 if pairs else 0.0


def timings(found: list[Found]) -> None:
    pairs = [pair for each in found for pair in each.pairs]
    by_name = defaultdict(list)
    for name, hidden, never in pairs:
        by_name[name].append((hidden, never))
    if not pairs:
        return
    hidden_ms = statistics.median(hidden for _, hidden, _ in pairs) * 1e3
    never_ms = statistics.median(never for _, _, never in pairs) * 1e3
    apart_ms = statistics.median(hidden - never for _, hidden, never in pairs) * 1e3
    print(f"refusals, each beside one of what never was      {len(pairs)}")
    print(
        f"  median                       {hidden_ms:.2f} ms hidden, {never_ms:.2f} ms never was; of differences {apart_ms:+.3f} ms"
    )
    print(f"  sign test over all           z = {sign_test([pair[1:] for pair in pairs]):+.2f}")
    enough = {name: each for name, each in by_name.items() if len(each) >= 30}
    worst = sorted(enough, key=lambda name: -abs(sign_test(enough[name])))[:5]
    bound = statistics.NormalDist().inv_cdf(1 - 0.025 / max(1, len(enough)))
    print(
        f"  of {len(enough)} addresses with 30 pairs or more; beyond |z| = {bound:.2f} would be 1 in 20 by chance alone:"
    )
    for name in worst:
        apart = statistics.median(hidden - never for hidden, never in enough[name]) * 1e3
        print(
            f"    {name:<40} z = {sign_test(enough[name]):+.2f}   median {apart:+.3f} ms   of {len(enough[name])}"
        )


def report(found: list[Found], happened: dict[str, int], seconds: float) -> None:
    def total(what: str) -> int:
        return sum(getattr(each, what) for each in found)

    answers: dict[int, int] = defaultdict(int)
    for each in found:
        for status, count in each.answers.items():
            answers[status] += count
    leaks = sorted({leak for each in found for leak in each.leaks})
    unlike = sorted({one for each in found for one in each.unlike_nothing})
    broken = sorted({one for each in found for one in each.broken})
    print(
        f"requests made                                    {total('requests')} in {seconds:.0f} s, {len(found)} clinics"
    )
    print(
        f"  forms sent {total('sent')}, streams {total('streams')}, answers {dict(sorted(answers.items()))}"
    )
    print(
        f"  addresses and methods tried                    {len({a for each in found for a in each.addresses})}"
    )
    print(f"  what happened meanwhile                        {dict(sorted(happened.items()))}")
    print(f"planted words in answers, each judged            {total('words_judged')}")
    print(f"leaks found                                      {sum(len(each.leaks) for each in found)}")
    print(f"answers unlike nothing                           {sum(len(e.unlike_nothing) for e in found)}")
    print(f"  of another length                              {total('longer_or_shorter')}")
    for what, lines in (("LEAK", leaks), ("UNLIKE", unlike), ("BROKEN", broken)):
        for line in lines[:25]:
            print(f"  {what}: {line}")
    timings(found)
    print(f"load {os.getloadavg()[0]:.1f}")


def refused_over_the_wire() -> None:
    """Print what somebody can tell who was in a care team, knows an identifier, and has a stop-watch."""
    with transaction.atomic():
        clinic = make_world()
    cast, cookie = clinic.cast, cookie_of(clinic.viewers["past_nurse"])
    pairs: list[tuple[float, float]] = []

    def seconds(port: int, path: str) -> float:
        begun = time.perf_counter()
        call = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        call.request("GET", path, headers={"Cookie": f"{settings.SESSION_COOKIE_NAME}={cookie}"})
        answer = call.getresponse()
        answer.read()
        call.close()
        assert answer.status == 404, (path, answer.status)
        return time.perf_counter() - begun

    with served() as port:
        for number in range(REFUSED_EACH):
            for shape in SLOWEST_TO_REFUSE:
                hidden = shape.format(person=cast.a.id, couple=cast.couple.id)
                never = shape.format(person=uuid4(), couple=uuid4())
                if number % 2:
                    one, two = seconds(port, hidden), seconds(port, never)
                else:
                    two, one = seconds(port, never), seconds(port, hidden)
                pairs.append((one, two))
    apart = statistics.median(hidden - never for hidden, never in pairs) * 1e3
    hidden_ms, never_ms = (statistics.median(each) * 1e3 for each in zip(*pairs, strict=True))
    print(
        f"refused over the wire, {len(pairs)} pairs           {hidden_ms:.2f} ms hidden, {never_ms:.2f} ms never was; of"
        f" differences {apart:+.3f} ms, z = {sign_test(pairs):+.2f}"
    )


def taken_back(times: int) -> None:
    """Print the worst of so many gifts taken back, for a partner and for a therapist."""
    with transaction.atomic():
        cast = make_cast()
    couple = f"/couples/{cast.couple.id}"
    with served() as port:
        for receiver, to, path in (
            (cast.b, Relation.PARTNER, "/us"),
            (cast.couples_therapist, Relation.COUPLES_THERAPIST, couple),
        ):
            taken = take_back(port, cast.a, receiver, to, path, times)
            heard, gone = max(each.heard_s for each in taken), max(each.gone_s for each in taken)
            print(
                f"taken back {times} times from the {to.value:<20} worst {heard * 1e3:4.0f} ms until the open page was told,"
                f" {gone * 1e3:4.0f} ms until the next page had come without the words"
            )


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--takes-back", type=int, default=20)
    given = parser.parse_args()
    settings.ALLOWED_HOSTS = ["testserver"]
    call_command("migrate", verbosity=0)
    with psycopg.connect(LOGINS.admin, autocommit=True) as admin:
        admin.execute("grant bothwell_loader to bothwell_web")
    begun = time.monotonic()
    found: list[Found] = []
    happened: dict[str, int] = defaultdict(int)
    unmasked, uncopied = quiet()
    with as_login(LOGINS.web), unmasked, uncopied:
        seed = given.seed
        while (left := given.requests - sum(each.requests for each in found)) > 0:
            found.append(run(seed, min(left, WORLD_LIVES), happened))
            seed += 1
        report(found, happened, time.monotonic() - begun)
        refused_over_the_wire()
        taken_back(given.takes_back)


if __name__ == "__main__":
    main()
