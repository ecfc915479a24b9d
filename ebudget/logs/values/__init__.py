"""One value of a log to one canonical column."""
