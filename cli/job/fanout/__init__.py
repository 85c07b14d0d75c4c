"""One script over many inputs: which they are, what each is called, and how all of them are submitted at once."""
