"""What every request passes before a route sees it, outermost first: headers, host, origin, token, body."""
