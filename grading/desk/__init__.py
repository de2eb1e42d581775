"""What stands on a reader's desk beside the case: the session, the charter, messages, putting off, reopening."""
