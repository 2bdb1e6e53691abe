"""Signals: generators with a known answer, and the small recordings that ship with the package."""
