"""The queue (SQLite), the worker, progress and the index of finished pictures."""
