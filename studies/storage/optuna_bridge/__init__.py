"""The bridge to Optuna, the only importer of it: its samplers as pure functions, and a record of finished trials."""
