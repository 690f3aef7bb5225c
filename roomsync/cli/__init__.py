"""The command line: `--check`, `--status`, the log, signals."""
