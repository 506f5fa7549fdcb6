"""Verified bytes handed out: held, opened by frameworks, copied, imported."""
