"""Floor 4: what touches the machine: durable writes, one-pass hashing, sealed memory, locks, links, the git process."""
