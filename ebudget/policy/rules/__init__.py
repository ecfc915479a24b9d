"""Conditions and expressions of a policy: text in, a checked and total syntax tree out."""
