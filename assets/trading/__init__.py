"""From weights to orders, and what the account holds. Money is Decimal, in the account's currency."""
