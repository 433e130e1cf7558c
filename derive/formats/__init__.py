"""What a document is written in: one module for each format, all from the same blocks."""
