"""Where a script runs: one kind of box per module, all of them `box.Sandbox`."""
