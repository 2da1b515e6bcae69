"""Every hour: calls of the next day that nobody made in time are closed as missed, so that no list grows for ever.

Each says so on the list and in the log. It rings nobody, and reads nothing of what was said in any call.
"""

from typing import Final

from django.utils import timezone
from procrastinate.contrib.django import app

from bothwell.monitoring import after_actions

HOURLY: Final = "24 * * * *"


@app.periodic(cron=HOURLY)
@app.task(name="calls.close_missed", queueing_lock="calls.close_missed")
def close_missed(timestamp: int) -> None:
    """Close what is missed by now."""
    after_actions.close_missed(now=timezone.now())
