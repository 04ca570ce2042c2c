"""A study as one file to keep or to mail: its story, its figures, its best configuration, what it cost.

Nothing in the file asks for anything else: figures are SVG (`service.svg`), there is no script, and a content
security policy in the file itself forbids whatever could have slipped in. What the pages know is asked of them: cards
of `service.pages.story`, drawings of `service.figures`; no rule is written twice.
"""
