"""``make soak``: faults at seeded random moments, on SQLite and on PostgreSQL; exit code 1 on a violation."""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from pathlib import Path

from studies.storage import upgrade_database
from tests.conftest import own_postgres
from tests.faults.postgres import Postgres
from tests.faults.soak.soak import Result, soak
from tests.faults.soak.table import table


def say(line: str) -> None:
    """Print at once, so that a soak can be watched in a log."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    given = _arguments()
    say(f"seed {given.seed}: ARGS='--seed {given.seed}' draws the same faults again")
    kinds = ["sqlite", "postgresql"] if given.database == "both" else [given.database]
    results = [_soak(kind, given.seconds / len(kinds), given.seed) for kind in kinds]
    say(table(results))
    return int(any(result.violations for result in results))


def _soak(kind: str, seconds: float, seed: int) -> Result:
    say(f"{kind}: {seconds:g} s of faults, then peace until everything has ended")
    began = time.monotonic()

    def tell(what: str) -> None:
        say(f"{time.monotonic() - began:7.1f} s  {what}")

    with tempfile.TemporaryDirectory(prefix="stagetune-soak-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if kind == "sqlite":
            url = f"sqlite:///{folder / 'stagetune.db'}"
            upgrade_database(url)
            return soak(url, folder, seconds=seconds, seed=seed, tell=tell)
        with own_postgres() as url:
            upgrade_database(url)
            postgres = Postgres(url)
            try:
                return soak(url, folder, seconds=seconds, seed=seed, postgres=postgres, tell=tell)
            finally:
                postgres.close()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make soak", description=__doc__)
    parser.add_argument("--seconds", type=float, default=300, help="of faults, divided among the databases")
    parser.add_argument("--database", choices=["both", "sqlite", "postgresql"], default="both")
    parser.add_argument("--seed", type=int, default=random.randrange(2**31))
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
