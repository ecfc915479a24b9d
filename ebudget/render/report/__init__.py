"""A report as text and Markdown."""
