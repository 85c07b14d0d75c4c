"""What is remembered: read models folded from the log, droppable and rebuildable. The only place that speaks Postgres."""
