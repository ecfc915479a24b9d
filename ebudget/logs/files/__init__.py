"""Which files are read, and what they are."""
