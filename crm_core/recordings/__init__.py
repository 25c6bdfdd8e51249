"""Recordings and voice messages: which call they belong to, where they lie, who may hear them."""
