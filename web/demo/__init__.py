"""The demo: a fresh database with invented clients and a year of calls, and a PBX that rings."""
