"""Containers of a Docker engine on this machine, one per run. The only place that speaks to an engine."""
