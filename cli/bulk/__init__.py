"""Many executions at once: those that an id or a filter means, cancelled or run again."""
