"""Which packages a script needs: found on the person's own disk, nothing executed, no name ever guessed; then locked by uv."""
