"""SQL as syntax trees: everyone builds SQL with it."""
