"""The coordinator's page of images: uploads, archives, imports and what became of each file."""
