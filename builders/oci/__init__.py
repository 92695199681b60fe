"""The image format itself: descriptors, layers, layouts and archives; no registry, no network.

Format: https://github.com/opencontainers/image-spec (version 1.1).
"""
