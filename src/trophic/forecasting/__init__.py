"""Forecasting: a network that listens, a committee of readouts, and intervals that keep their promise."""
