"""From requirements to exact, hashed versions for one platform, and to the files of them."""
