"""The objectives that Stagetune ships, by name. Kept as text, so that the agent can list them without loading torch."""

from __future__ import annotations

from studies.contract.command import CommandObjective
from studies.contract.study_file import BuiltinObjective, FunctionObjective, Objective

BUILTIN: dict[str, str] = {"image_classification": "workers.objectives.image_classification.task:ImageClassification"}
"""Task classes as ``module:class``."""

WARM_MODULES = ("torch", "torch._dynamo", "sklearn.datasets")
"""What nearly every task run imports. Tracing a model for a fused engine loads most of ``torch._dynamo``: seconds."""


def modules_of(objective: Objective) -> tuple[str, ...]:
    """Return the heavy modules that a run of this objective will want, to be imported before it is forked."""
    match objective:
        case FunctionObjective() | CommandObjective():
            return ()
        case BuiltinObjective(args=args):
            plain = args.dataset == "digits" and args.model in {"small_cnn", "mlp"}
            return WARM_MODULES if plain else (*WARM_MODULES, "torchvision")
