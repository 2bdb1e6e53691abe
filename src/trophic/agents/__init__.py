"""Agents: acting for reward, or for preferred observations, online and without replay."""
