"""Market data: the universe, its daily prices from one of five sources, returns and indicators."""
