"""The benchmarks: comparisons with other frameworks, limits, growth, overhead, and results."""
