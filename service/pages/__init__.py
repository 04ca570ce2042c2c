"""The pages: server-rendered HTML, one typed context each, with the parts and figures that they fetch again."""
