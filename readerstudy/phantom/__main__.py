"""``python -m readerstudy.phantom OUT --cases N --seed S``: write synthetic cases."""

import argparse
import sys

from readerstudy.phantom.command import add_arguments, run

if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m readerstudy.phantom", description=__doc__)
    add_arguments(parser)
    sys.stdout.write(run(vars(parser.parse_args())) + "\n")
