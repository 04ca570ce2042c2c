from __future__ import annotations

import subprocess
import sys


def test_the_store_loads_all_of_sqlalchemy_that_optuna_will_load_later() -> None:
    """Threads that look into a module which another one is just loading fail: it must be there before any begins."""
    look = "import studies.storage.sql.store, sys; sys.exit('sqlalchemy.orm.exc' not in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0


def test_a_server_starts_without_the_scikit_learn_of_optunas_importances() -> None:
    """It is a second, and 90 MB, of every start; whoever asks for importances waits for it once."""
    look = "import studies.storage.optuna_bridge.importance, sys; sys.exit('sklearn' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == 0
