"""Browser code of others: which packages, which versions, and how they become the files under `web/static/vendor`."""
