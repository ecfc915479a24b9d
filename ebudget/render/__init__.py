"""Results into text: one module a format."""
