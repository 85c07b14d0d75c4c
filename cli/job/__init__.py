"""What is found out on the person's own disk before anything is queued: script, inputs, arguments, settings."""
