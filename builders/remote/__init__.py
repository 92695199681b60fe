"""Images in registries: references, credentials, pull, push, referrers."""
