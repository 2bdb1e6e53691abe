"""Novelty: what a stream has never shown before, how rare that is, and an alarm that needs no label."""
