"""A study on disk: where it lies, its settings, how it is found, opened and locked."""
