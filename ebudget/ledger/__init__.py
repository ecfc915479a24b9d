"""Canonical runs into exact counts and sums."""
