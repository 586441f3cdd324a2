"""What a strategy would have done, how well, and the report that says so."""
