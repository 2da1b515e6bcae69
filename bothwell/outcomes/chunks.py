"""The same fit over couples that come in pieces, each kept and summed by a process of its own.

A couple must be whole in one piece. The digits are those of one frame with all couples. Processes of one owner talk to
each other: sums of small pieces are not kept from anybody here, as they are between `clinics`.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import reduce
from multiprocessing.connection import Connection
from operator import add
from typing import Any

from bothwell.outcomes.fit import Fit, fitted
from bothwell.outcomes.frame import Frame
from bothwell.outcomes.head import Head, Keeper, head_of, joined, objective_of, origin_of
from bothwell.outcomes.kernel import gather
from bothwell.outcomes.objective import Holder
from bothwell.outcomes.partial import Gather
from bothwell.outcomes.spec import Spec
from bothwell.outcomes.unfit import Unfit

Talk = Callable[[str, tuple[Any, ...]], list[Any]]


def fit_chunks(
    spec: Spec, chunks: Iterable[Frame], processes: int | None = None, gathering: Gather = gather
) -> Fit:
    """The fit of all chunks' couples. `processes`: as many as processors unless said; 0 for this one alone.

    Raises Unfit when a couple is named in two chunks, or when the chunks do not belong to one question: other roles,
    outcome or model, or (of models that ask for the wave before) other waves.
    """
    here = os.cpu_count() or 1 if processes is None else processes
    with _alone(chunks, gathering) if here == 0 else _workers(chunks, here, gathering) as (heads, talk):
        head = joined(heads)
        talk("count_from", (origin_of(head),))
        told = Holder(
            lambda point: reduce(add, talk("ask", (point,))),
            lambda at, beta: reduce(add, talk("meat", (at, beta))),
        )
        return fitted(spec, objective_of(spec, head, told), head)


def _once(chunks: Iterable[Frame]) -> Iterator[Frame]:
    """The chunks, each couple only once."""
    seen: set[str] = set()
    for chunk in chunks:
        twice = seen.intersection(chunk.couples)
        if twice:
            raise Unfit("stands in two chunks", couple=min(twice))
        seen.update(chunk.couples)
        yield chunk


@contextmanager
def _alone(chunks: Iterable[Frame], gathering: Gather) -> Iterator[tuple[list[Head], Talk]]:
    held = [(head_of(chunk), Keeper(chunk, gathering)) for chunk in _once(chunks)]
    yield (
        [head for head, _ in held],
        lambda what, said: [getattr(each, what)(*said) for _, each in held],
    )


@contextmanager
def _workers(chunks: Iterable[Frame], count: int, gathering: Gather) -> Iterator[tuple[list[Head], Talk]]:
    context = multiprocessing.get_context("spawn")
    lines: list[Connection] = []
    workers = []
    try:
        for _ in range(count):
            ours, theirs = context.Pipe()
            worker = context.Process(target=_serve, args=(theirs, gathering), daemon=True)
            worker.start()
            theirs.close()
            lines.append(ours)
            workers.append(worker)
        heads = [_hand(lines[number % count], chunk) for number, chunk in enumerate(_once(chunks))]
        yield heads, lambda what, said: _talk(lines[: len(heads)], what, said)
    finally:
        for line in lines:
            line.close()
        for worker in workers:
            worker.join(timeout=5)
            if worker.is_alive():
                worker.terminate()


def _hand(line: Connection, chunk: Frame) -> Head:
    line.send(("keep", (chunk,)))
    return head_of(chunk)


def _talk(lines: list[Connection], what: str, said: tuple[Any, ...]) -> list[Any]:
    for line in lines:
        line.send((what, said))
    answers = [line.recv() for line in lines]
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def _serve(line: Connection, gathering: Gather) -> None:
    """A process's life: keeps chunks, answers questions about all it keeps, ends when nobody listens any more."""
    held: list[Keeper] = []
    failed: Exception | None = None
    while True:
        try:
            what, said = line.recv()
        except EOFError:
            return
        try:
            if what == "keep":
                held.append(Keeper(said[0], gathering))
            else:
                line.send(failed or reduce(add, (getattr(each, what)(*said) for each in held)))
        except Exception as error:  # said to whoever asks next, or has just asked
            failed = error
            if what != "keep":
                line.send(error)
