"""The agent on a node: it runs what it is given, in a sandbox, and reports facts. It decides nothing."""
