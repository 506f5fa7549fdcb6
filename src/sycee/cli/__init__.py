"""Floor 10: arguments to a request, a result to text or JSON; nothing else. One file per verb in ``commands/``."""
