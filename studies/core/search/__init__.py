"""What the stages of a guided search share: the space, the budget in steps, the model and the rules for stopping."""
