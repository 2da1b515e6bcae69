"""The same fit over a table that lies on a cluster: each partition sums its couples. Needs the extra `spark`.

Rows never come to the driver: a question goes out to the partitions, sums come back. That spares the way and protects
nobody: sums of a small partition are its couples' answers, and only `clinics` refuses them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from operator import add
from typing import Any

from pyspark.sql import DataFrame, Row
from pyspark.storagelevel import StorageLevel

from bothwell.outcomes.fit import Fit, fitted
from bothwell.outcomes.frame import Frame, frame
from bothwell.outcomes.head import Head, head_of, joined, objective_of, origin_of
from bothwell.outcomes.objective import Holder, holder
from bothwell.outcomes.origin import moved
from bothwell.outcomes.spec import Spec

Kept = tuple[Head, Frame]


def fit_spark(spec: Spec, table: DataFrame, partitions: int | None = None) -> Fit:
    """The fit of a tidy table with a row for each partner and wave, its couples spread over `partitions`.

    Raises Unfit as `frame` and `fit` do; names of couples stay on the cluster, but in what Unfit says.
    """
    names = [spec.couple, spec.partner, spec.role, spec.wave, spec.time, *spec.columns]
    wanted = table.select(*dict.fromkeys(name for name in names if name))
    spread = (
        wanted.repartition(spec.couple) if partitions is None else wanted.repartition(partitions, spec.couple)
    )
    kept = spread.rdd.mapPartitions(lambda rows: _keep(spec, rows)).persist(StorageLevel.MEMORY_AND_DISK)
    try:
        head = joined(kept.map(lambda one: one[0]).collect())
        about = origin_of(head)
        held = kept.map(lambda one: holder(moved(one[1], about))).persist(StorageLevel.MEMORY_AND_DISK)
        try:
            told = Holder(
                lambda point: held.map(lambda one: one.ask(point)).treeReduce(add),
                lambda at, beta: held.map(lambda one: one.meat(at, beta)).treeReduce(add),
            )
            return fitted(spec, objective_of(spec, head, told), head)
        finally:
            held.unpersist()
    finally:
        kept.unpersist()


def _keep(spec: Spec, rows: Iterable[Row]) -> Iterator[Kept]:
    """What a partition keeps of its couples: their frame and sums; nothing when it has none."""
    columns: dict[str, list[Any]] = {}
    for row in rows:
        for name, value in row.asDict().items():
            columns.setdefault(name, []).append(value)
    if columns:
        found = frame(spec, columns, is_part=True)
        yield head_of(found), replace(found, couples=())
