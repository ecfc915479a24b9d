"""Results as JSON, for programs."""
