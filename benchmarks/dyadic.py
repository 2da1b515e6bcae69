"""How long couples' models take, beside R's engines in the same run: dyadic growth over eight waves, and APIM.

    python -m benchmarks.dyadic [--couples 500 2000 10000] [--r-up-to 500] [--million]

Ours is timed from the frame's arrays to the whole Fit (sums, search, three kinds of standard errors), best of three;
`table` is the way there from a tidy table. R reads and loads untimed, and is run once. Engines that are not installed
are said to be absent. Nothing is asserted: a number is read by somebody.
"""

import argparse
import csv
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bothwell.outcomes import kernel
from bothwell.outcomes.fit import Fit, fit
from bothwell.outcomes.frame import Frame, Pattern, frame
from bothwell.outcomes.partial import Gather
from bothwell.outcomes.spec import Method, Model, Spec

try:
    from bothwell.outcomes import fast
except ModuleNotFoundError:
    fast = None  # type: ignore[assignment]

GROWTH = Spec(Model.GROWTH, "y", partner="side", wave="time", method=Method.ML)
APIM = Spec(Model.APIM, "y", predictors=("x",), partner="side", method=Method.ML)
SPREAD = np.array(
    [[9.0, -0.6, 4.0, -0.3], [-0.6, 0.4, -0.2, 0.15], [4.0, -0.2, 7.0, -0.5], [-0.3, 0.15, -0.5, 0.3]]
)
RESIDUAL = np.array([[4.0, 1.2], [1.2, 5.0]])
ENGINES = ("nlme", "glmmTMB", "lavaan")
MILLION = 1_000_000
ONE_THREAD = "OPENBLAS_NUM_THREADS"  # read when NumPy is first loaded
R_SCRIPT = Path(__file__).with_suffix(".R")
PATIENCE_SECONDS = 3600


def growth(couples: int, missing: float, seed: int = 1, waves: int = 8) -> Frame:
    """Couples that never were, as arrays."""
    rng = np.random.default_rng(seed)
    couple, at = np.repeat(np.arange(couples), waves), np.tile(np.arange(float(waves)), couples)
    x = np.zeros((couples * waves, 2, 4))
    x[:, 0, 0] = x[:, 1, 2] = 1.0
    x[:, 0, 1] = x[:, 1, 3] = at
    u = rng.standard_normal((couples, 4)) @ np.linalg.cholesky(SPREAD).T
    u += np.array([18.0, -1.2, 14.0, -0.4])
    y = rng.standard_normal((couples * waves, 2)) @ np.linalg.cholesky(RESIDUAL).T
    for side in (0, 1):
        y[:, side] += u[couple, 2 * side] + u[couple, 2 * side + 1] * at
    if missing:
        y[rng.random(y.shape) < missing] = np.nan
        kept = ~np.isnan(y).all(axis=1)
        couple, at, y, x = couple[kept], at[kept], y[kept], x[kept]
        x[np.isnan(y)] = 0.0
    names = ("1: intercept", "1: slope", "2: intercept", "2: slope")
    pattern = Pattern.UNSTRUCTURED
    return Frame(couple, at, y, x, x, names, names, pattern, pattern, data_hash="drawn")


def apim(couples: int, seed: int = 1) -> Frame:
    """Couples that never were, asked once."""
    rng = np.random.default_rng(seed)
    own = rng.standard_normal((couples, 2)) @ np.array([[1.0, 0.4], [0.0, 0.9]])
    y = (
        3
        + 0.4 * own
        + 0.25 * own[:, ::-1]
        + rng.standard_normal((couples, 2)) @ np.array([[1.0, 0.5], [0.0, 0.9]])
    )
    one = np.stack([np.ones((couples, 2)), own, own[:, ::-1]], axis=2)
    x = np.concatenate([one * np.array([[1.0], [0.0]]), one * np.array([[0.0], [1.0]])], axis=2)
    names = tuple(f"{side}: {name}" for side in "12" for name in ("intercept", "actor x", "partner x"))
    return Frame(
        np.arange(couples), np.zeros(couples), y, x, np.zeros((couples, 2, 0)), names, (), Pattern.UNSTRUCTURED,
        Pattern.NONE, data_hash="drawn",
    )  # fmt: skip


def tidy(model: str, drawn: Frame) -> dict[str, np.ndarray]:
    """The same couples as a table with a row for each answer that is there."""
    there = ~np.isnan(drawn.y).ravel()
    table = {
        "couple": np.repeat(drawn.couple, 2), "side": np.tile([1, 2], len(drawn.couple)),
        "time": np.repeat(drawn.at, 2), "y": drawn.y.ravel(),
    }  # fmt: skip
    if model == "apim":
        own = np.stack([drawn.x[:, 0, 1], drawn.x[:, 1, 4]], axis=1)
        table |= {"x": own.ravel(), "x_partner": own[:, ::-1].ravel()}
    return {name: column[there] for name, column in table.items()}


def best_of(times: int, call: Callable[[], Fit]) -> tuple[float, Fit]:
    """Seconds of the fastest, and its fit."""
    took, found = [], call()
    for _ in range(times):
        begun = time.perf_counter()
        found = call()
        took.append(time.perf_counter() - begun)
    return min(took), found


def by_r(engine: str, model: str, table: dict[str, np.ndarray]) -> str | tuple[float, float]:
    """Seconds and log-likelihood of one of R's engines, or why there are none."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "table.csv"
        with path.open("w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(table)
            writer.writerows(zip(*(column.tolist() for column in table.values()), strict=True))
        try:
            said = subprocess.run(
                ["Rscript", str(R_SCRIPT), engine, model, str(path)],
                capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return f"not done after {PATIENCE_SECONDS} s"
    words = said.stdout.split()
    if said.returncode or len(words) < 2:
        return "failed: " + (said.stderr.strip().splitlines() or ["no word"])[-1][:60]
    return "absent" if words[0] == "absent" else (float(words[0]), float(words[1]))


def ours(model: str, drawn: Frame, times: int = 3) -> tuple[dict[str, float], Fit]:
    """Seconds with NumPy, with the compiled sums where there are any, and from the table to the frame."""
    spec = APIM if model == "apim" else GROWTH
    gathers: dict[str, Gather] = {"NumPy": kernel.gather} | ({"numba": fast.gather} if fast else {})
    seconds = {}
    for name, gathering in gathers.items():
        seconds[name], found = best_of(times, lambda gathering=gathering: fit(spec, drawn, gathering))
    table = tidy(model, drawn)
    begun = time.perf_counter()
    frame(spec, table)
    seconds["table"] = time.perf_counter() - begun
    return seconds, found


def line(
    title: str, seconds: dict[str, float], found: Fit, peers: dict[str, str | tuple[float, float]]
) -> None:
    """One model's lines."""
    words = "  ".join(f"{name} {took:.4f} s" for name, took in seconds.items())
    print(
        f"{title:34}  {words}  log-likelihood {found.log_likelihood:.6f}  steps {found.iterations}",
        flush=True,
    )
    done = {name: told for name, told in peers.items() if not isinstance(told, str)}
    for name, told in peers.items():
        print(
            f"{'':36}{name}: "
            + (told if isinstance(told, str) else f"{told[0]:.3f} s, log-likelihood {told[1]:.6f}")
        )
    if done:
        name, (fastest, _) = min(done.items(), key=lambda one: one[1][0])
        ratios = ", ".join(
            f"{mine} {fastest / seconds[mine]:,.0f} times" for mine in seconds if mine != "table"
        )
        print(f"{'':36}against {name}, the fastest: {ratios}")


def compare(model: str, title: str, drawn: Frame, r: bool) -> None:
    """One model of one size, and its peers."""
    seconds, found = ours(model, drawn)
    peers = {engine: by_r(engine, model, tidy(model, drawn)) for engine in ENGINES} if r else {}
    line(title, seconds, found, peers)


def million(missing: float, couples: int = MILLION) -> None:
    """A million couples and eight waves once with each way of summing, in this process: time and memory."""
    drawn = growth(couples, missing)
    held = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    gathers: dict[str, Gather] = {"NumPy": kernel.gather} | ({"numba": fast.gather} if fast else {})
    small = growth(50, 0.2)
    for name, gathering in gathers.items():
        fit(GROWTH, small, gathering)
        begun = time.perf_counter()
        found = fit(GROWTH, drawn, gathering)
        took = time.perf_counter() - begun
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        print(
            f"growth, {couples:,} couples, {missing:.0%} missing: {name} {took:.1f} s, steps {found.iterations}, "
            f"{most:.2f} GiB at most ({held:.2f} GiB with the arrays drawn)",
            flush=True,
        )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--couples", type=int, nargs="+", default=[500, 2000, 10_000])
    parser.add_argument("--r-up-to", type=int, default=500, help="the most couples R is asked about; 0: none")
    parser.add_argument("--million", action="store_true", help="a million couples too")
    said = parser.parse_args()
    if (
        ONE_THREAD not in os.environ
    ):  # small products are slower on several threads, and R's peers have one too
        os.execve(
            sys.executable,
            [sys.executable, "-m", "benchmarks.dyadic", *sys.argv[1:]],
            os.environ | {ONE_THREAD: "1"},
        )
    r = shutil.which("Rscript") is not None
    if not r:
        print("R is not installed: no peers")
    if fast is None:
        print("numba is not installed (the extra `fast`): NumPy alone")
    for couples in said.couples:
        with_r = r and couples <= said.r_up_to
        compare("growth", f"growth, {couples:,}, complete", growth(couples, 0.0), with_r)
        compare("growth", f"growth, {couples:,}, 20 % missing", growth(couples, 0.2), with_r)
        compare("apim", f"APIM, {couples:,}", apim(couples), with_r)
    for missing in (0.0, 0.2) if said.million else ():
        subprocess.run(
            [sys.executable, "-c", f"from benchmarks.dyadic import million; million({missing})"], check=True
        )


if __name__ == "__main__":
    main()
