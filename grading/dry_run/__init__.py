"""A dry run: the whole reading tried out by test people, in a database of its own that is thrown away."""
