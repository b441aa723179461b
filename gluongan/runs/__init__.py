"""The run folder, and its only owner: what its files are called, what is written into them and read back."""
