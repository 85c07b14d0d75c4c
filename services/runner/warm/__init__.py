"""Warm starts: scripts forked from an interpreter that is there already, each into a box of its own."""
