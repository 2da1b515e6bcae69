"""The questions of the golden files and the tables they are put to. As a program: writes the R calls that make.R runs."""

import csv
import json
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bothwell.outcomes.equivalent import equivalent
from bothwell.outcomes.frame import frame
from bothwell.outcomes.spec import Model, Spec

HERE = Path(__file__).parent
DEFAULTS = {"outcome": "y", "partner": "role", "method": "reml"}


@dataclass(frozen=True)
class Case:
    name: str
    data: str
    spec: Spec

    def table(self) -> dict[str, list[str]]:
        """The columns as the file has them, empty where not answered."""
        return table(self.data)

    def answers(self) -> list[dict[str, Any]]:
        """What R's engines said."""
        return json.loads((HERE / "results" / f"{self.name}.json").read_text())


def table(name: str) -> dict[str, list[str]]:
    with (HERE / "data" / f"{name}.csv").open() as file:
        rows = list(csv.DictReader(file))
    return {column: [row[column] for row in rows] for column in rows[0]}


def _case(name: str, said: dict[str, Any]) -> Case:
    data = said.pop("data", name)
    lines = (f"{key} = {json.dumps(value)}" for key, value in (DEFAULTS | said).items())
    return Case(name, data, Spec.from_toml("\n".join(lines)))


CASES = {name: _case(name, said) for name, said in tomllib.loads((HERE / "cases.toml").read_text()).items()}
CALLED = {
    name: case
    for name, case in CASES.items()
    if case.spec.model is not Model.COMMON_FATE and not case.spec.autoregressive
}


def call(case: Case) -> str:
    """The R-equivalent call of the case, as it is kept and was run."""
    return f"# data: {case.data}\n" + equivalent(case.spec, frame(case.spec, case.table()).fixed)


if __name__ == "__main__":
    (HERE / "calls").mkdir(exist_ok=True)
    for name, case in CALLED.items():
        (HERE / "calls" / f"{name}.R").write_text(call(case))
