"""Figures and policy into a statement: every account with its verdict."""
