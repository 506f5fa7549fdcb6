"""Floor 10: callbacks for trainers, one module each; a trainer is imported by its own module and no other."""
