"""The subcommands of `callcard`, one file per area; each adds itself in `register`."""
