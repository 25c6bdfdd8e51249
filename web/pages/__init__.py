"""Pages for people: each module adds its routes in `setup(app)`; templates and browser modules do the showing."""
