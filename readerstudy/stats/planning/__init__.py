"""Sample sizes and power. Every number is a plan's: it is only as good as the assumptions given."""
