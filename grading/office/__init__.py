"""The coordinator's page of the readers: progress while blinded, pauses, replacements, due dates."""
