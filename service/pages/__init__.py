"""The pages: server-rendered HTML, one typed context each, with the parts and figures that they fetch again."""

from service.pages.router import router

__all__ = ["router"]
