"""What was found: records, front, statistics, tables, page."""
