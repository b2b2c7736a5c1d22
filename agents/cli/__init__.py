"""The command line: one file per group of commands, imported only when its command is called."""
