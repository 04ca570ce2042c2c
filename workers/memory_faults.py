"""Which exceptions mean that memory ran out, of whichever device. Needs no torch."""

from __future__ import annotations

OUT_OF_MEMORY = frozenset({"OutOfMemoryError", "MemoryError"})
"""Types of exceptions: torch's, for accelerators, and Python's own."""

_CPU_WORDS = ("DefaultCPUAllocator", "not enough memory", "Cannot allocate memory")
"""On the CPU torch raises a plain RuntimeError; only its message tells."""


def is_out_of_memory(fault: BaseException) -> bool:
    """Return whether it was memory that was lacking."""
    if type(fault).__name__ in OUT_OF_MEMORY:
        return True
    return isinstance(fault, RuntimeError) and any(words in str(fault) for words in _CPU_WORDS)


def kind_of(fault: BaseException) -> str:
    """Return the name under which an exception is told: a lack of memory by a name that says so."""
    name = type(fault).__name__
    return "MemoryError" if is_out_of_memory(fault) and name not in OUT_OF_MEMORY else name
