"""One batch before a person's eyes: how far it is, what failed and why, and its results coming home meanwhile."""
