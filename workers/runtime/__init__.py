"""What runs inside a run's process: the training loop and its parts. Only `workers.child` leads here."""
