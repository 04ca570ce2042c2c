"""Colours by role, for light and for dark pages. Series colours follow Okabe and Ito: safe for colour-blind eyes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Theme = Literal["light", "dark"]


@dataclass(frozen=True)
class Palette:
    """Colours by what they mean.

    Attributes:
        ink: text and axes. muted: secondary text. grid: grid lines. paper: ground behind marks.
        winner: the chosen one. warning: diverged, failed. context: everything that is only background.
        series: further curves that need telling apart.
        scale: sequential colours from worst to best, as (position, colour).
        on_scale: text on the scale's weak and strong half.
    """

    ink: str
    muted: str
    grid: str
    paper: str
    winner: str
    warning: str
    context: str
    band: str
    series: tuple[str, ...]
    scale: tuple[tuple[float, str], ...]


LIGHT: Final = Palette(
    ink="#22252b",
    muted="#646871",
    grid="#e9e5dc",
    paper="#fffefb",
    winner="#0072b2",
    warning="#c2500a",
    context="rgba(110,112,120,0.42)",
    band="rgba(194,80,10,0.07)",
    series=("#0072b2", "#d55e00", "#009e73", "#b4679a", "#c98a00", "#3f97cf", "#6b5b95"),
    scale=((0.0, "#f3efe4"), (0.25, "#cfdfe6"), (0.5, "#93bdd6"), (0.75, "#4a92c0"), (1.0, "#0a5f97")),
)
DARK: Final = Palette(
    ink="#e9e6df",
    muted="#9da1aa",
    grid="#2b2f37",
    paper="#1b1e24",
    winner="#62b5f0",
    warning="#f08c4b",
    context="rgba(165,168,178,0.38)",
    band="rgba(240,140,75,0.10)",
    series=("#62b5f0", "#f08c4b", "#3dbf97", "#e0a0c6", "#e9b949", "#9fd0f5", "#b3a4dd"),
    scale=((0.0, "#23272f"), (0.25, "#22405a"), (0.5, "#2a6490"), (0.75, "#4793cb"), (1.0, "#9ad3ff")),
)


def palette_of(theme: Theme) -> Palette:
    return DARK if theme == "dark" else LIGHT
