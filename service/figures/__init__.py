"""The figures: first the data as typed rows (`*_data`), then the Plotly figure that shows them (`*_drawing`).

Nothing here reads a store or a request. Colours come from a `Palette`, so that one figure serves light and dark.
Every text that a user can influence passes `labels.escape`, because Plotly turns ``<a href>`` into a live link.
"""
