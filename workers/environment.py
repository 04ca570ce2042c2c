"""The environment of runs: what they need to find programs, libraries and devices, and what the worker's user adds.

A run is somebody's code. It gets no variable that is not named here, so that no secret of whoever started the worker
(its token, cloud keys, database passwords) comes along by accident.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

PASSED = (
    *("PATH", "HOME", "USER", "LOGNAME", "SHELL", "TERM", "TZ", "LANG", "LANGUAGE", "LC_*"),
    *("TMPDIR", "TMP", "TEMP", "XDG_CACHE_HOME", "LD_LIBRARY_PATH", "SSL_CERT_FILE", "SSL_CERT_DIR"),
    *("CUDA_*", "NVIDIA_*", "NCCL_*", "CUDNN_*", "CUBLAS_*", "TORCH_HOME", "TORCHINDUCTOR_*", "TRITON_*", "PYTORCH_*"),
    *("OMP_*", "MKL_*", "OPENBLAS_*", "KMP_*", "GOMP_*"),
    *("VIRTUAL_ENV", "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHON*"),
)
"""Globs of the names that every run gets. Proxies are not among them: their addresses may hold passwords."""

OURS = "STAGETUNE_"
"""Variables of the service and the worker, its token among them: no pattern lets them through."""

OWN_PYTHONPATH = f"{OURS}PYTHONPATH"
"""The search path as the worker's user has it, for programs that are not ours."""

ONE_THREAD = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
"""Packs share the cores: each computes on one (and a process must have no threads when it is forked)."""


def allowed(environ: Mapping[str, str], patterns: Sequence[str] = ()) -> dict[str, str]:
    """Return the variables that runs may have: those of `PASSED`, and those whose names match a pattern (a glob)."""
    wanted = (*PASSED, *patterns)
    return {
        name: value
        for name, value in environ.items()
        if not name.startswith(OURS) and any(fnmatchcase(name, pattern) for pattern in wanted)
    }


def of_runs(environ: Mapping[str, str], patterns: Sequence[str] = ()) -> dict[str, str]:
    """Return the environment of the processes that train, which have to find these packages and compute on one core."""
    kept = allowed(environ, patterns)
    own = kept.get("PYTHONPATH", "")
    here = str(Path(__file__).resolve().parent.parent)
    path = os.pathsep.join(filter(None, (here, own)))
    return {**kept, **ONE_THREAD, OWN_PYTHONPATH: own, "PYTHONPATH": path}
