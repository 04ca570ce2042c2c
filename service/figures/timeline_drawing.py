"""The timeline of a device as a figure: bars tinted by study or by state, the end of each told by a pattern as well."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, Literal
from zlib import crc32

from service.figures.drawing import Drawing, Table
from service.figures.labels import escape
from service.figures.layout import axis, layout
from service.figures.palette import Palette
from service.figures.timeline import MOST_RUNS, Bar, Block, TimelineData
from service.format import MISSING, count, duration, params
from studies.contract.states import AttemptState
from studies.storage.port import DeviceRun, TrialFace

ColorBy = Literal["study", "state"]
Faces = Mapping[str, TrialFace]

TABLE_ROWS = 200
"""Runs in the table behind the figure, the latest."""

_LEAST_TOLD = 0.005
"""Share of the time below which a percentage would round to none."""

_SLOT_PIXELS, _FEWEST_PIXELS, _MOST_PIXELS, _FRAME_PIXELS = 24, 56, 360, 104
_LONGEST_PARAMS, _LONGEST_NAME = 160, 32
_SEVERAL: Final = "several studies"
_GONE: Final = "a study that is gone"


@dataclass(frozen=True)
class _Look:
    """How a state is drawn: in words, by a pattern of Plotly's ("" for a plain bar), and which colour of the series."""

    words: str
    pattern: str
    color: int | None


_FINE, _CUT_SHORT, _BAD = _Look("completed", "", 2), _Look("cut short", ".", None), _Look("failed", "x", 1)
_LOOKS: Final[dict[AttemptState, _Look]] = {
    AttemptState.RUNNING: _Look("running", "", 0),
    AttemptState.COMPLETED: _FINE,
    AttemptState.DIVERGED: _Look("diverged", "/", 4),
    AttemptState.STOPPED: _CUT_SHORT,
    AttemptState.PREEMPTED: _CUT_SHORT,
    AttemptState.EVICTED: _CUT_SHORT,
    AttemptState.FAILED: _BAD,
    AttemptState.EXPIRED: _BAD,
}
_WORST_FIRST: Final = (_BAD, _LOOKS[AttemptState.DIVERGED], _LOOKS[AttemptState.RUNNING], _CUT_SHORT, _FINE)


def faces_wanted(data: TimelineData) -> set[str]:
    """Return the trials that the drawing has to know more of: those with a bar or a row of the table, one a study."""
    alone = {bar.runs[0].trial_id for bar in data.bars if len(bar.runs) == 1}
    a_study = {run.study_id: run.trial_id for run in data.runs}
    return alone | set(a_study.values()) | {run.trial_id for run in _latest(data)}


@dataclass(frozen=True)
class Words:
    """What a timeline says of what it shows.

    Attributes:
        device: its name, as in a sentence.
        when: the time: ``in the last hour``.
        faces: of the trials that `faces_wanted` names; one that is gone is shown without its words.
    """

    device: str
    when: str
    faces: Mapping[str, TrialFace]

    def study(self, bar: Bar) -> str:
        """Return the name of the study that a bar's runs are of."""
        studies = {run.study_id: run.trial_id for run in bar.runs}
        return _SEVERAL if len(studies) > 1 else self.names.get(bar.runs[0].study_id, _GONE)

    @cached_property
    def names(self) -> dict[str, str]:
        """The names of the studies by id."""
        return {face.study_id: face.study_name for face in self.faces.values()}


def timeline_drawing(data: TimelineData, words: Words, palette: Palette, by: ColorBy) -> Drawing:
    """Return the timeline; `by` says what the bars' colours tell."""
    if not data.runs:
        return Drawing(f"Nothing ran on {words.device} {words.when}.")
    colors = _study_colors(words.names, palette) if by == "study" else _state_colors(palette)
    groups: dict[str, list[Bar]] = defaultdict(list)
    for bar in data.bars:
        groups[words.study(bar) if by == "study" else _look_of(bar).words].append(bar)
    bars = [_trace(own, key, colors.get(key, palette.muted), palette, words) for key, own in groups.items()]
    keys = _pattern_keys(data.bars, palette) if by == "study" else []
    return Drawing(
        _sentence(data, words), {"data": [*bars, *keys], "layout": _layout(data, palette)}, _table(data, words.faces)
    )


# --- what bars stand for ---------------------------------------------------------------------------------------------


def _look_of(bar: Bar) -> _Look:
    """Return how a bar is drawn: as its run stands, or as the worst of those that share it."""
    looks = {_LOOKS[run.state] for run in bar.runs}
    return next(look for look in _WORST_FIRST if look in looks)


def _study_colors(names: Mapping[str, str], palette: Palette) -> dict[str, str]:
    """Return a colour for each study: by its id, so that it is the same on every card, unless another has it there."""
    colors: dict[str, str] = {}
    for study_id, name in sorted(names.items()):
        free = [color for color in palette.series if color not in colors.values()] or [palette.muted]
        wanted = palette.series[crc32(study_id.encode()) % len(palette.series)]
        colors[name] = wanted if wanted in free else free[0]
    return colors


def _state_colors(palette: Palette) -> dict[str, str]:
    return {look.words: palette.muted if look.color is None else palette.series[look.color] for look in _LOOKS.values()}


# --- Plotly ----------------------------------------------------------------------------------------------------------


def _trace(bars: Sequence[Bar], key: str, color: str, palette: Palette, words: Words) -> dict[str, Any]:
    """Return the bars of one colour; a click on one of a single run leads to its trial."""
    return {
        "type": "bar",
        "orientation": "h",
        "name": escape(_short(key, _LONGEST_NAME)),
        "base": [round(bar.start * 1000) for bar in bars],
        "x": [max(1, round((bar.end - bar.start) * 1000)) for bar in bars],
        "y": [bar.slot for bar in bars],
        "width": 0.8,
        "marker": {
            "color": mixed(color, palette.paper, 0.42),
            "line": {"color": color, "width": 1},
            "pattern": {
                "shape": [_look_of(bar).pattern for bar in bars],
                "fgcolor": color,
                "bgcolor": mixed(color, palette.paper, 0.2),
                "size": 8,
                "solidity": 0.2,
            },
        },
        "text": [_label(bar, words.faces) for bar in bars],
        "textposition": "inside",
        "insidetextanchor": "middle",
        "textangle": 0,
        "textfont": {"color": palette.ink, "size": 11},
        "hovertext": [_hover(bar, words) for bar in bars],
        "customdata": [bar.runs[0].trial_id if len(bar.runs) == 1 else "" for bar in bars],
        "hovertemplate": "%{hovertext}<extra></extra>",
    }


def mixed(color: str, ground: str, share: float) -> str:
    """Return `color` with so much of it over `ground`, both as ``#rrggbb``: text in ink stays readable on it."""
    pairs = zip(bytes.fromhex(color[1:]), bytes.fromhex(ground[1:]), strict=True)
    return "#" + bytes(round(share * one + (1 - share) * other) for one, other in pairs).hex()


def _pattern_keys(bars: Iterable[Bar], palette: Palette) -> list[dict[str, Any]]:
    """Return entries of the legend for the patterns that occur, drawn nowhere."""
    looks = {look.words: look for look in map(_look_of, bars) if look.pattern}
    return [
        {
            "type": "bar",
            "x": [None],
            "y": [None],
            "name": words,
            "hoverinfo": "skip",
            "marker": {
                "color": palette.paper,
                "line": {"color": palette.muted, "width": 1},
                "pattern": {"shape": look.pattern, "fgcolor": palette.muted, "size": 8, "solidity": 0.2},
            },
        }
        for words, look in sorted(looks.items())
    ]


def _layout(data: TimelineData, palette: Palette) -> dict[str, Any]:
    rows = min(_MOST_PIXELS, max(_FEWEST_PIXELS, _SLOT_PIXELS * data.slots))
    every = 1 + data.slots // 12
    ticks = list(range(0, data.slots, every))
    return layout(
        palette,
        height=_FRAME_PIXELS + rows,
        barmode="overlay",
        bargap=0,
        showlegend=True,
        uniformtext={"minsize": 10, "mode": "hide"},
        shapes=[_frame(block, palette) for block in data.blocks],
        xaxis=axis(
            palette,
            "",
            type="date",
            range=[1000 * data.span.since, 1000 * data.span.until],
            nticks=6,
            tickangle=0,
            automargin=False,
        ),
        yaxis=axis(
            palette,
            "slot",
            "-",
            range=[data.slots - 0.4, -0.6],
            tickvals=ticks,
            ticktext=[str(slot + 1) for slot in ticks],
            showgrid=False,
            showline=False,
            fixedrange=True,
        ),
    )


def _frame(block: Block, palette: Palette) -> dict[str, Any]:
    """Return the outline of a process that trains several runs as one."""
    return {
        "type": "rect",
        "layer": "below",
        "x0": 1000 * block.start,
        "x1": 1000 * block.end,
        "y0": block.slot - 0.48,
        "y1": block.slot + block.height - 0.52,
        "fillcolor": palette.grid,
        "line": {"color": palette.muted, "width": 1},
    }


# --- words -----------------------------------------------------------------------------------------------------------


def _label(bar: Bar, faces: Faces) -> str:
    face = faces.get(bar.runs[0].trial_id)
    if len(bar.runs) > 1:
        return f"{len(bar.runs)} runs"
    return f"#{face.number}" if face else ""


def _hover(bar: Bar, words: Words) -> str:
    lasted = f"{_clock(bar.start)} UTC, {duration(bar.end - bar.start)}"
    if len(bar.runs) > 1:
        ends = Counter(_LOOKS[run.state].words for run in bar.runs)
        told = ", ".join(f"{number} {end}" for end, number in ends.most_common())
        return (
            f"{escape(_short(words.study(bar), 2 * _LONGEST_NAME))}<br>{len(bar.runs)} short runs: {told}<br>{lasted}"
        )
    (run,) = bar.runs
    face = words.faces.get(run.trial_id)
    who = (
        f"{escape(_short(face.study_name, 2 * _LONGEST_NAME))} #{face.number}<br>{_configuration(face)}"
        if face
        else "a trial that is gone"
    )
    return f"{who}<br>{run.state.value}: {lasted}"


def _configuration(face: TrialFace) -> str:
    return escape(_short(params(face.params), _LONGEST_PARAMS))


def _short(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _clock(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%d %b %H:%M:%S")


def _sentence(data: TimelineData, words: Words) -> str:
    runs = f"{'At least ' if data.cut else ''}{count(len(data.runs), 'run')}"
    count_of_studies = len({run.study_id for run in data.runs})
    studies = f" of {count_of_studies} studies" if count_of_studies > 1 else ""
    failed = sum(_LOOKS[run.state] is _BAD for run in data.runs)
    facts = (
        f"{runs}{studies} on {words.device} {words.when}, up to {data.most} at once",
        _busy(data.busy),
        f"{failed:,} failed" if failed else "",
    )
    return f"{'; '.join(filter(None, facts))}.{_frames(data)}{_left_out(data)}"


def _busy(share: float) -> str:
    """Say for what share of the time something ran: of a run that takes a blink, never that nothing did."""
    if share == 0:
        return ""
    return f"something ran {f'{round(100 * share)} %' if share >= _LEAST_TOLD else 'less than 1 %'} of the time"


def _frames(data: TimelineData) -> str:
    return " A frame holds runs that trained as one program." if data.blocks else ""


def _left_out(data: TimelineData) -> str:
    if data.cut:
        return f" Only the latest {MOST_RUNS:,} are looked at, and short ones that follow each other share a bar."
    return " Short runs that follow each other share a bar: a shorter time tells them apart." if data.shared else ""


def _latest(data: TimelineData) -> Sequence[DeviceRun]:
    return data.runs[-TABLE_ROWS:][::-1]


def _table(data: TimelineData, faces: Faces) -> Table:
    slots = {run.attempt_id: bar.slot for bar in data.bars for run in bar.runs}
    rows = tuple(_row(run, slots[run.attempt_id], faces.get(run.trial_id), data.span.until) for run in _latest(data))
    return Table(("trial", "study", "slot", "began (UTC)", "lasted", "end"), rows)


def _row(run: DeviceRun, slot: int, face: TrialFace | None, now: float) -> tuple[str, ...]:
    who = (f"#{face.number}", face.study_name) if face else (MISSING, MISSING)
    lasted = duration((run.ended_at or now) - run.started_at)
    return (*who, str(slot + 1), _clock(run.started_at), lasted, run.state.value)
