"""The command line: ``python -m readerstudy.stats METHOD FILE.csv [--options] [--json]``."""
