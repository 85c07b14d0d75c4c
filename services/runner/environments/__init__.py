"""The packages of scripts on this node: made once, fetched where that is faster, held while used, thrown away in time."""
