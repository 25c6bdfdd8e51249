"""Who must see what, now: cards, pops and the supervisors' board."""
