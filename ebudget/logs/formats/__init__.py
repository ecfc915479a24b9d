"""The formats that logs come in, a module each."""
