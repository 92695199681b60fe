"""Experiments, runs and logged models: entities, the store behind them, the client."""
