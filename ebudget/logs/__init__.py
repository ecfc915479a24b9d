"""Files into canonical runs, by DuckDB."""
