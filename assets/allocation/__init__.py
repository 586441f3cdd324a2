"""How much of each asset to hold: weights are fractions of the portfolio's value, never percent."""
