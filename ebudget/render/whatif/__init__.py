"""A simulation as text and Markdown."""
