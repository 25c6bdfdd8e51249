"""Clients from files: what is read, what became of each row, and how it is taken back."""
