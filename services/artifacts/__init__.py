"""Where scripts, inputs, outputs and archived logs live: blobs named by their SHA-256, behind signed URLs."""
