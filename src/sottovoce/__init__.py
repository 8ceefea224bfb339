"""Real-time analytics over what people listen to; what one person played stays untold."""

__version__ = "0.1.0"
