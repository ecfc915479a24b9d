"""Files into the view of canonical runs, one way for each kind of file."""
