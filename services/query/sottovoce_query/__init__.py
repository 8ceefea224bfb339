"""The query service: gives counts meaning, and lets out what the gate releases."""
