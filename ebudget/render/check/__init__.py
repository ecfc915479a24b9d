"""A gate's decision, one module a format: Decision -> str. No renderer decides anything."""
