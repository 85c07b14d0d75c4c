"""The imperative shell: the only code that speaks NATS."""
