"""What tuning is: the contract, the pure core, the stores and the engine that joins them."""
