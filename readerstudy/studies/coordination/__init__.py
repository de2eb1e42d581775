"""The coordinator's pages beside cases and assignments: queries, deviations, people, the protocol's editor."""
