"""The one contract of service, workers and browser: ids, states, study file and messages (pydantic, no behaviour)."""
