"""How fast, beside what: ``python -m tests.benchmarks`` (docs/performance.md)."""
