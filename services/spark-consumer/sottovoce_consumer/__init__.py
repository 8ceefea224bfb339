"""The consumer: reads listens, admits and counts them, commits cells; knows no names."""
