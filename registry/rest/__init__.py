"""The registry behind a tracking server: ours, or any that speaks the registry part of MLflow's REST API."""
