"""The builtin objective ``image_classification``: data sets, models, and the task that joins them."""
