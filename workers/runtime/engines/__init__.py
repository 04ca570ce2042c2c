"""The ways to train K models of one architecture: serially (K = 1), as batched layers, or under `torch.func.vmap`.

All are a `StackedModel`; the loop knows no other. A member is the same run as that trial alone.
"""
