"""What has to be said beside the numbers, whoever prints them. It knows no number."""

from __future__ import annotations

from typing import Final

FEW_COUPLES: Final = 30
"""Below: estimates and intervals, no p (Kenny, Kashy & Cook; statistics of dyads: 30 to 40: default-to-confirm)."""

FEW: Final = f"Fewer than {FEW_COUPLES} couples: estimates and intervals only, no test."
NEVER_CAUSAL: Final = "This says what goes together; it does not say that one brought the other about."
