"""What a study brings to Optuna Dashboard beside Optuna's own views: figures, notes and files (docs/dashboard.md)."""
