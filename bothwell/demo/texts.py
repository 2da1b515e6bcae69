"""What the people of the demonstration wrote: insights, notes, summaries, and the texts they signed.

All of it is invented for this purpose. None of it is advice, and the texts to sign are examples, not legal texts.
"""

# ruff: noqa: E501  prose: a sentence stays on its line, so that a change to it is one line

from __future__ import annotations

from typing import Final, NamedTuple

from bothwell.privacy.to_sign import all_texts


class Written(NamedTuple):
    """One insight: the words, and what stands beside them for oneself."""

    text: str
    feeling: str = ""
    to_say: str = ""
    to_ask: str = ""


class Kept(NamedTuple):
    """An insight of the two whose story is told in full: when (days ago, hour) and whom it was opened to."""

    days: float
    words: Written
    audiences: tuple[str, ...] = ()
    opened_days: float | None = None
    taken_back_days: float | None = None
    discussed: bool = False


AMARA: Final = (
    Kept(50.6, Written("I saw the whole house I carry on my back. I can put it down for an evening.", "light, a little scared"), ("individual_therapist",), 48),
    Kept(46.5, Written("I hide when I think I have failed you.", "ashamed, then relieved", to_say="It is not that I do not want to talk."), ("partner", "couples_therapist"), 44, discussed=True),
    Kept(39.4, Written("When the music slowed I thought of my mother's kitchen and how nobody there ever asked for help."), ("couples_therapist",), 37, 33),
    Kept(29.5, Written("I would like to ask for help before I am angry.", "steady", to_ask="Will you tell me when you are tired too?"), ("partner", "couples_therapist"), 6),
    Kept(1.3, Written("I keep the list of what went wrong so that nobody can surprise me with it.", "tired of it")),
)  # fmt: skip

BEN: Final = (
    Kept(22.5, Written("My silence is fear, not anger.", "soft, shaky", to_say="I am still here when I am quiet."), ("partner", "couples_therapist"), 20, discussed=True),
    Kept(15.4, Written("There was a boy in the back of a car who decided not to be any trouble.", "sad for him"), ("individual_therapist",), 14),
    Kept(8.6, Written("On the drive home I saw I go quiet so that I can’t say the wrong thing."), ("partner", "couples_therapist"), 4),
    Kept(0.55, Written("I think I have been waiting for permission to be glad. I do not have to wait.", "warm", to_say="I was glad on Sunday and I did not say so.", to_ask="What made you glad this week?")),
)  # fmt: skip
"""The last one is ready to be shared; nobody but Ben knows of it."""

INTENTIONS: Final = (
    Written("To be curious about what comes, and not to hurry it."),
    Written("To meet the part of me that is always on guard, and thank it."),
    Written("To find out what I miss when we fight."),
    Written("To let myself be looked after for an afternoon."),
    Written("To remember why I chose this."),
)

INSIGHTS: Final = (
    Written("The tightness in my chest has been with me so long that I took it for myself.", "surprised"),
    Written(
        "I answer before the question is finished. I want to leave a space.",
        to_say="I am practising waiting.",
    ),
    Written("I saw us from far away, two people pulling the same blanket.", "amused, then moved"),
    Written("It is easier for me to give than to be given something. I noticed how I look away."),
    Written("I do not have to be right in order to be loved.", "quiet"),
    Written("There is a door I keep closing when the talk is about money. I know who taught me that."),
    Written("I was grieving something, and I had not noticed.", "heavy, then clear"),
    Written("The garden we planned is still possible. I felt the earth on my hands."),
    Written("When I joke I am often asking: are we all right?", to_ask="Are we all right?"),
    Written("I could feel my grandmother's patience. I would like some of it for us."),
    Written("My body says no a good while before I do. I want to hear it sooner."),
    Written("I am not as alone with this as I made it."),
    Written("The anger was standing in front of the fear like a big dog.", "tender"),
    Written("I want to say thank you without explaining it."),
    Written("I saw how tired we both are, and that neither of us is the enemy.", "kind"),
    Written("Something let go when I stopped trying to make it mean anything."),
    Written("I keep score. I do not know what I would win.", "embarrassed"),
    Written("I miss dancing in the kitchen. It would cost us nothing.", to_say="Friday, after the dishes?"),
    Written("I was afraid to be boring. It was the best hour of the week."),
    Written("What I call calm is sometimes only leaving. I would like to stay in the room."),
)

SESSION_SUMMARIES: Final = (
    "Slept little, came in calm. Eyes closed for most of it, spoke a few words at the height. Back to full conversation before going home. No nausea.",
    "A quiet session. Some floating, described as pleasant. Cried for a few minutes and wanted a hand to hold. Ate a little before leaving.",
    "Blood pressure rose as expected and came back by itself. Mild nausea towards the end, gone after the antiemetic. Went home with the escort.",
    "Asked for softer music early on. Strong images, not frightening. Tired afterwards, steady on the feet.",
    "More restless than last time in the first ten minutes, then settled. Said the preparation talk had helped. Left in good spirits.",
    "Came in worried about work. Afterwards described it as far away. No unwanted effects that lasted.",
)  # fmt: skip

TURNED_BACK: Final = "Resting pressure above the hold limit on two readings. Felt well. No dose today; seen by the prescriber, comes back after a check."
MEDICAL_HOLD: Final = (
    "Resting pressure above the hold limit on two visits. Paused until home readings are in."
)
SUICIDE_HOLD: Final = "Answer about thoughts of not living in the weekly questions. Called the same day, safety plan gone through together, seen tomorrow."
GLASS: Final = "Two held visits in a row: checked with the prescriber that the pause is right."
FLAG_CLOSED: Final = "Spoke by telephone and in person the next day. Passing thoughts, no plan, no wish to act. Safety plan reviewed; asked again at the next visit."
STOPPED_PARTED: Final = "Asked to stop; individual therapy goes on."
STOPPED_EARLY: Final = "Did not like the feeling of being far away and does not want another session."
DECLINED: Final = "Ketamine is not the right help now: the racing heart needs an answer from cardiology first, and the wish for it came mostly from outside. Couples therapy goes on, and the door stays open."
DEFERRED: Final = (
    "Not yet. A new medicine was begun two weeks ago; we decide again when its effect can be told."
)

DECISION_SUMMARIES: Final = (
    "Low mood since more than a year, two medicines and one therapy without enough relief. The medical work-up has no open point. The couple's work has begun and both want to go on. Proposed: a series of six supervised sessions, one at a time, each followed by a talk on your own and by couples sessions.",
    "Worry that does not stop and sleep that does not come. The evaluation found nothing that stands against it. You both know that this is one part of a longer plan. Proposed: six supervised sessions over several weeks, with a review before anything further.",
)  # fmt: skip
WORDS_OF: Final = {
    "prescriber": "The work-up is complete and I see no reason against it.",
    "couples_therapist": "The two have a way to talk about hard things now. I am glad to go on.",
    "partner": "",
}

SHARED_SUMMARIES: Final = (
    "We looked at the circle you both know: one asks, the other goes quiet, the asking gets louder. Nobody is the cause of it. Until next time, notice when it begins and say: “There it is again.”",
    "You each told a moment of this week when you felt close. They were small ones. We agreed on ten minutes in the evening.",
    "One of you tried saying what is under the anger, the other stayed and listened. It was hard and it went well. You want to try it once at home, not more.",
    "We spoke about how you say goodbye in the morning. You chose a sign of your own, and it stays yours.",
    "A week with a quarrel in it. You mended it within a day, which is new. We wrote down what helped.",
    "We made room for what came up since the last time, as far as each of you wanted. You asked each other real questions.",
    "You told each other what you would miss. Next time we look at the plan for the holidays and who carries what.",
)  # fmt: skip

PROGRESS: Final = {
    "eft": (
        ("Mapped the cycle with both", "Both see the pursue and withdraw pattern. Positions named without blame; softening on both sides by the end."),
        ("Feelings underneath", "Fear under the silence named aloud for the first time. Partner answered with warmth. Stayed with it."),
        ("Asking and answering", "Enactment: one small request, received. Slowed down twice. Homework accepted."),
        ("A setback, and mending", "Quarrel at the weekend reviewed step by step; both could say where they could have stepped out."),
    ),
    "gottman": (
        ("Turning towards each other", "Bids noticed and missed in the last week. Two rituals agreed."),
        ("Fondness and admiration", "Each named three things in the present tense. Laughter in the room."),
        ("Managing conflict", "Practised a gentle beginning and a break with a time to return."),
    ),
    "other": (
        ("What each hopes for", "Hopes spoken in turns. They differ, and both could stay with that."),
        ("How decisions are made", "Who decides what, and who carries it. Agreement on a next step."),
    ),
}  # fmt: skip

PROCESS_NOTES: Final = (
    "I notice that I want to rescue the quieter one. Take to supervision.",
    "Warm hour. Watch my pace: I was faster than they were.",
    "My own tiredness today. Shorter silences than they needed.",
)

DONE_WORDS: Final = (
    "We laughed about the parking.",
    "Short, but we did it.",
    "It felt odd at first and then it did not.",
    "Only half of it. It was enough.",
    "The best ten minutes of the day.",
    "",
    "",
)

NURSE_NOTES: Final = (
    "Blanket and eye mask as wished. Music chosen from their own list.",
    "Asked for a hand to hold, for about two minutes.",
    "Opens the eyes, smiles, closes them again.",
)

GIVEN_WORDS: Final = (
    "After dinner, no phones.",
    "Start small.",
    "",
    "Whenever it fits, not when you are tired.",
)

_OURS = "\n\nThis is an example text of an invented clinic. A real clinic writes its own and has it checked."


def _examples(kind: str) -> dict[str, tuple[str, str]]:
    """Title and words of every example of a kind, by its code."""
    return {text.code: (text.title, text.example) for text in all_texts() if text.kind == kind}


TREATMENT: Final = _examples("treatment")
RELEASES: Final = _examples("release")
DISCLOSURE: Final = _examples("disclosure")
RESEARCH: Final = _examples("research")["deidentified"]
"""The two narrower ones stay unpublished here."""


def to_sign(body: str) -> str:
    """The text as it is put before somebody, with the sentence that it is an example."""
    return body + _OURS
