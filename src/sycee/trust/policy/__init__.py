"""Whose word counts here: trust files, signed documents, what is remembered, the verdict."""
