"""The game: losses, penalties, noise, labels, both updates, the updater, sampling and inversion."""
