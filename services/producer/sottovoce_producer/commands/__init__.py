"""The commands of `sottovoce-producer`, one a file."""
