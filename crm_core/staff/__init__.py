"""Users, phones and seats, sign-in."""
