"""The parts of `benchmarks.search`: what is searched, its trials, the commands, the page."""
