"""The same digits from a table on a cluster: here two threads of this machine."""

import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from bothwell.outcomes.fit import fit
from bothwell.outcomes.frame import frame as framed
from bothwell.outcomes.spec import Method, Model, Spec
from tests.outcomes import frames
from tests.outcomes.test_engine_apart import assert_same

pyspark = pytest.importorskip("pyspark.sql", reason="the extra `spark` is not installed")
spark = pytest.importorskip("bothwell.outcomes.spark", exc_type=ImportError)
if shutil.which("java") is None:
    pytest.skip("Spark needs Java", allow_module_level=True)


def test_a_table_on_a_cluster_gives_the_same_digits(monkeypatch: pytest.MonkeyPatch) -> None:
    source = frames.growth(60, 3, 0.1)
    rows = [
        (f"couple {c}", "AB"[side], float(t), None if np.isnan(v) else float(v))
        for c, t, y in zip(source.couple, source.at, source.y, strict=True)
        for side, v in enumerate(y)
    ]
    names = ("couple", "partner", "wave", "y")
    spec = Spec(Model.GROWTH, "y", wave="wave", method=Method.ML)
    here = fit(
        spec,
        framed(
            spec, {name: list(column) for name, column in zip(names, zip(*rows, strict=True), strict=True)}
        ),
    )
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    monkeypatch.setenv("PYSPARK_PYTHON", sys.executable)
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    quiet = {"spark.ui.enabled": "false", "spark.sql.shuffle.partitions": "3"}
    builder = pyspark.SparkSession.builder.master("local[2]").appName("outcomes")
    for key, value in quiet.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    try:
        table = session.createDataFrame(rows, "couple string, partner string, wave double, y double")
        assert_same(here, spark.fit_spark(spec, table, 3))
    finally:
        session.stop()
