"""The run folder and its only owner: file names, what is written, and how it is read back."""
