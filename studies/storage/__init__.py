"""Where studies live: the port, the store twice (memory, SQL), and the bridge to Optuna."""
