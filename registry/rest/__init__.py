"""The registry behind a tracking server: ours, or any that speaks MLflow's REST API."""
