"""What people and workers talk to: the FastAPI app, its settings, figures and pages, and the command line."""
