"""Optuna Dashboard: what a study adds to it, and the server."""
