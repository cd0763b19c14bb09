"""Files for other programs: SavedModel and LiteRT, with the signatures encode, decode and reconstruct."""
