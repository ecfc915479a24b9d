"""A simulation, one module a format: Simulation -> str. No renderer decides anything."""
