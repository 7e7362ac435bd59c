"""One session of a search: from the request to the last trial."""
