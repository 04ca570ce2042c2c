"""``python -m service.cli`` is ``stagetune``."""

from service.cli import main

main()
