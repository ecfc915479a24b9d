"""A statement into a decision: whether a change may ship."""
