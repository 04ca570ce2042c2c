"""What runs trials: the agent on a node, its supervisor, the child process of a run, and the objectives."""
