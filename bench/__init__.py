"""`make bench`: what Callcard costs, each figure beside its floor or peer from the same run."""
