"""What is still to be done, by whom and until when. Callbacks are the first kind."""
