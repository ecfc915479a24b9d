"""One module a format: Statement -> str. No renderer decides anything."""
