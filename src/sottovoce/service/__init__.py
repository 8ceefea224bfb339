"""What every process needs once: settings, logging, metrics, health, an ordered end."""
