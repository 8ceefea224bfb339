"""The producer: who it was and whether it counts; its sources do not write, its writer does."""
