"""Floor 8: one file per verb. A request in, a result out; nothing is printed here."""
