"""The coordinator: a pipeline that asks models for predictions, scores them when the truth is known, and reports."""
