"""Packing: which runs share a device, how many, and how. Pure arithmetic; measuring and starting happen elsewhere."""
