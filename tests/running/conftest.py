"""A server of these tests' own: roles belong to a whole server, and here their passwords change."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from bothwell.running.postgres import Cluster, temporary_cluster
from bothwell.running.secrets import prepare_home


@pytest.fixture(scope="module")
def admin_dsn() -> Iterator[str]:
    with temporary_cluster() as dsn:
        yield dsn


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Cluster:
    """A cluster that is made, but does not run."""
    home = tmp_path_factory.mktemp("clinic")
    prepare_home(home)
    made = Cluster(home, "only for tests", fast=True)
    with made.running():
        return made


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"
