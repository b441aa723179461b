"""The game: losses, penalties, noise, labels, both updates, the updater, and what draws samples."""
