"""Who reacts: one service per file; `services.runtime` is the shell they all run in."""
