"""Prefect: flows compiled from plans, deployments and schedules; and the command line, which needs no Prefect."""
