"""What a Node script needs: its package.json and package-lock.json, and its own modules; read, never executed."""
