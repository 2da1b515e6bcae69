"""Reckons what a clinic asked of its couples' answers, and keeps what may be shown of it.

It sees what both of a couple gave to research and nothing else; its errors name no couple.
"""

from uuid import UUID

from procrastinate import JobContext, RetryStrategy
from procrastinate.contrib.django import app

from bothwell.outcomes import run_actions
from bothwell.outcomes.threads import one_thread

ATTEMPTS = 3
LOST = "This could not be reckoned here. The clinic’s own machine has the reason in its log."


@app.task(name="outcomes.reckon", retry=RetryStrategy(max_attempts=ATTEMPTS, wait=5), pass_context=True)
def reckon(context: JobContext, *, run: str) -> None:
    """One run: read, choose, fit, keep. Coming twice changes nothing."""
    begun = run_actions.begin(UUID(run))
    if begun is None:
        return
    # The numerical libraries are heavy, and every other job goes without them.
    one_thread()
    from bothwell.outcomes import analysing
    from bothwell.outcomes.unfit import Unfit

    try:
        put = analysing.asked(begun.question, begun.gathered, begun.there, run_actions.fresh_numbers())
        result = analysing.answer(put, lambda part: run_actions.tell_progress(begun.run, part))
    except Unfit:
        run_actions.cannot_answer(begun)
    except Exception:
        if context.job is None or context.job.attempts >= ATTEMPTS - 1:
            run_actions.give_up(begun.run, LOST)
        raise
    else:
        run_actions.keep(begun, result, analysing.code_version())
