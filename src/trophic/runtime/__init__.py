"""What keeps a learner running: the contract, the clock, the guard, the driver, sinks and checkpoints."""
