"""Who changed what, from what, to what, when and from where; entries are added, never changed."""
