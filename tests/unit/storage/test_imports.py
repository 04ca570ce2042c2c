from __future__ import annotations

import subprocess
import sys


def test_the_store_loads_all_of_sqlalchemy_that_optuna_will_load_later() -> None:
    """Threads that look into a module which another one is just loading fail: it must be there before any begins."""
    look = "import studies.storage.sql.store, sys; sys.exit('sqlalchemy.orm.exc' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
