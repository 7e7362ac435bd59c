"""A laboratory for search methods: real searches over simulated trainings. Run with `benchmarks/compare_methods.py`."""
