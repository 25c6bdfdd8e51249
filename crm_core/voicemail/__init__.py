"""Messages left in the PBX's mailboxes: whose they are, which call they belong to, who may hear them."""
