"""What a study's trials run: a task that Stagetune ships, a Python function, or any program."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, field_validator

from studies.contract.base import Message, Scalar
from studies.contract.command import CommandObjective
from studies.contract.study_fields import matching, refusal

FUNCTION_TARGET = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_./-]*:[A-Za-z_][A-Za-z0-9_]*")


def _scalar(value: object) -> object:
    if not isinstance(value, bool | int | float | str):
        raise refusal("must be true, false, a number or a text")
    return value


Argument = Annotated[Scalar, BeforeValidator(_scalar)]
"""A keyword argument of a function objective."""


class ImageClassificationArgs(Message):
    """Arguments of the builtin objective ``image_classification``.

    Attributes:
        dataset: ``digits``, ``image_folder`` or the name of a torchvision data set class such as ``FashionMNIST``.
        model: ``small_cnn``, ``mlp`` or the name of a torchvision model such as ``resnet18``.
        root: folder of the data on the worker (torchvision and image_folder).
        download: let torchvision fetch the data set if it is not in ``root``.
        dev_fraction: share of the training set held out, stratified by class, as the dev set.
        image_size: side in pixels that images are resized to; None keeps them.
    """

    dataset: str = Field(min_length=1, max_length=100)
    model: str = Field(min_length=1, max_length=100)
    root: str | None = Field(default=None, max_length=1000)
    download: bool = False
    dev_fraction: float = Field(default=0.2, gt=0, lt=1)
    image_size: int | None = Field(default=None, ge=1, le=4096)


class BuiltinObjective(Message):
    """A task class that Stagetune ships."""

    kind: Literal["builtin"]
    name: Literal["image_classification"]
    args: ImageClassificationArgs


class FunctionObjective(Message):
    """A Python function ``train(trial)``, named as ``file.py:function`` or ``package.module:function``.

    The worker decides whether it may run (``stagetune-worker --allow 'train.py:*'``). A file is looked up below the
    worker's working folder.
    """

    kind: Literal["function"]
    target: Annotated[
        str,
        Field(max_length=300),
        matching(FUNCTION_TARGET, "must name a function as file.py:function or package.module:function"),
    ]
    args: dict[str, Argument] = Field(default_factory=dict)

    @field_validator("target")
    @classmethod
    def _confined(cls, target: str) -> str:
        if ".." in target.split(":", maxsplit=1)[0].split("/"):
            raise refusal("must stay below the worker's folder: '..' is not allowed")
        return target


Objective = Annotated[BuiltinObjective | FunctionObjective | CommandObjective, Field(discriminator="kind")]
