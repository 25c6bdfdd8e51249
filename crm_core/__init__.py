"""Who it is and what is kept: clients, numbers, the call log, staff, on SQLite or PostgreSQL."""
