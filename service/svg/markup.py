"""SVG as text: elements whose attributes and words are escaped, and numbers no longer than a screen can show."""

from __future__ import annotations

import html

Attribute = str | float | None


def element(name: str, *children: str, **attributes: Attribute) -> str:
    """Return an element. `children` are markup already; attributes that are None are left out.

    Python's names become SVG's: ``stroke_width`` is ``stroke-width``, ``class_`` is ``class``.
    """
    said = "".join(f' {_name(key)}="{_value(value)}"' for key, value in attributes.items() if value is not None)
    return f"<{name}{said}>{''.join(children)}</{name}>" if children else f"<{name}{said}/>"


def words(text: str) -> str:
    """Return `text` as markup that shows it as it is."""
    return html.escape(text, quote=False)


def coordinate(value: float) -> str:
    """Return a place in pixels, to a tenth of one."""
    text = f"{value:.1f}"
    return text.removesuffix(".0") if text != "-0.0" else "0"


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-") if key != "viewBox" else key


def _value(value: str | float) -> str:
    return html.escape(value) if isinstance(value, str) else coordinate(value)
