"""A gate's decision in every format."""
