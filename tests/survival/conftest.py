"""One clinic for all of these tests: what one breaks has mended itself before the next begins."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.survival.running import DEVICES, Clinic, Monitor, running, until


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "survival" in item.path.parts:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def _clinic(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Clinic]:
    folder: Path = tmp_path_factory.mktemp("clinic")
    with running(folder / "home") as made:
        yield made


@pytest.fixture
def clinic(_clinic: Clinic) -> Clinic:
    """It stands, database and pages and listener."""
    until(
        lambda: _clinic.is_up() and _clinic.database_answers() and _clinic.pid_of("listen"), 60, "it stands"
    )
    return _clinic


@pytest.fixture
def monitors(clinic: Clinic) -> Iterator[tuple[Monitor, ...]]:
    """Two monitors that are heard."""
    made = tuple(Monitor(clinic, each) for each in DEVICES)
    try:
        for each in made:
            until(lambda each=each: len(each.acknowledged) > 3, 60, "a monitor is heard")
        yield made
    finally:
        for each in made:
            each.end()


@pytest.fixture(scope="session")
def cookie(_clinic: Clinic) -> str:
    return _clinic.log_in()
