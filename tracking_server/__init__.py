"""The REST API and web pages over tracking and artifacts."""
