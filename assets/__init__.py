"""The catalogue: one sub-package a domain, with the adapters to its outside world."""
