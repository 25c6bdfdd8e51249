"""What agents do all day: their states and the time in each, wrap-up per queue, reasons for a pause."""
