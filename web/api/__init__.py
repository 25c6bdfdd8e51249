"""The REST API: one file per area, each a list of routes; `table` has them all."""
