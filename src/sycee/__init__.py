"""Version deep-learning models with Git: weights and the stamp in one body."""

__version__ = "0.1.0"
