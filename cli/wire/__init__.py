"""What speaks to the grid: finding it, requests, blobs up, outputs down, the live log."""
