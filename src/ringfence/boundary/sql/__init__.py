"""The SQL guard: whether a statement may run."""
