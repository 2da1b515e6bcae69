"""Acitelli's 148 couples (CC0), read from the folder of reference data where the machine has it."""

import csv
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bothwell.outcomes.spec import Model, Spec

MISSING = "the folder of reference data is not named in BOTHWELL_REFERENCE_DATA"


def table() -> dict[str, Any]:
    """The columns as they are in the file, and `gender` (husband 1, wife −1). Skips the test without the file."""
    folder = os.environ.get("BOTHWELL_REFERENCE_DATA")
    if not folder:
        pytest.skip(MISSING)
    with (Path(folder) / "acipair_cc0.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    columns: dict[str, Any] = {name: [row[name] for row in rows] for name in rows[0]}
    columns["gender"] = np.where(np.array(columns["Gender_A"]) == "Husband", 1.0, -1.0)
    return columns


def asked(model: Model, *predictors: str, **more: Any) -> Spec:
    """A question to these couples about satisfaction, unless `outcome` says otherwise."""
    return Spec(
        model, **{"outcome": "Satisfaction_A", "couple": "CoupleID", "partner": "Gender_A"} | more,
        predictors=predictors,
    )  # fmt: skip
