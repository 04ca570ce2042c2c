"""The heart: what tuning decides, as pure functions of what is known. No I/O, no clock, no hidden randomness."""
