"""Who asks, and may they: tokens, browser sessions, and the scope that each route declares."""
