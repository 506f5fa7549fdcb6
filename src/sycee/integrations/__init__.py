"""Floor 10: callbacks for trainers, one module each; each imports its trainer only when it is used."""
