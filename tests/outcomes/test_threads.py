"""The command takes one thread of the numerical libraries, unless somebody asked for another number of them."""

import os
import subprocess
import sys

import pytest

from bothwell.outcomes.threads import NAMES

PROGRAM = """
import os, sys
from importlib import import_module
from bothwell.running import cli
assert "numpy" not in sys.modules
import bothwell.outcomes.threads as threads
try:
    cli.main(["outcomes", "--help"])
except SystemExit:
    pass
assert "numpy" in sys.modules
print(*(os.environ.get(name, "-") for name in threads.NAMES))
"""


@pytest.mark.parametrize(
    ("asked", "found"), [({}, ["1"] * 4), ({"OMP_NUM_THREADS": "2"}, ["-", "2", "-", "-"])]
)
def test_one_thread_before_numpy_is_loaded_and_another_number_where_it_is_asked_for(
    asked: dict[str, str], found: list[str]
) -> None:
    told = {name: value for name, value in os.environ.items() if name not in NAMES} | asked
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=told, capture_output=True, text=True, check=True, timeout=120
    )
    assert run.stdout.splitlines()[-1].split() == found
