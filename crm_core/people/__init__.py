"""Clients and the look-up behind every card."""
