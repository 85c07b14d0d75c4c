"""The embedded grid: finds and launches every part on one machine, supervises them, stops them cleanly."""
