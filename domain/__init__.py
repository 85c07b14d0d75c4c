"""What is decided: frozen data and pure functions. No I/O, no clock, no randomness."""
