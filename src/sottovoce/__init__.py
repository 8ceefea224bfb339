"""Real-time analytics over what people listen to, that never give away what one person listened to."""

__version__ = "0.1.0"
