"""A small language for filters over trials: ``(batch_size in (32, 64) or momentum >= 0.9) and not state = failed``.

    filter     = all { "or" all }
    all        = one { "and" one }
    one        = "not" one | "(" filter ")" | condition
    condition  = term ( "=" | "!=" | "<" | "<=" | ">" | ">=" ) value
               | term [ "not" ] "in" "(" value { "," value } ")"
               | term [ "not" ] "contains" value
               | term "is" [ "not" ] "missing"
    term       = name | ( "last" | "min" | "max" | "best" | "param" ) "(" ( name | text ) ")"
    value      = number [ unit ] | text | word

A text stands in quotes, which are doubled within it. A word without quotes is a text too; true and false are values of
their own. `vocabulary` says what a name means. A name in quotes is taken as it is, known or not.
"""

from studies.core.query.evaluation import Reader, matches, ordered, reader
from studies.core.query.parsing import parse_filter, parse_term
from studies.core.query.rendering import filter_text, term_text
from studies.core.query.vocabulary import FACTS, Vocabulary

__all__ = [
    "FACTS",
    "Reader",
    "Vocabulary",
    "filter_text",
    "matches",
    "ordered",
    "parse_filter",
    "parse_term",
    "reader",
    "term_text",
]
