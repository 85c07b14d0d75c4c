"""From the pipes of a script to the LOGS stream: read, numbered, spooled to disk, published."""
