"""For developers: the same GANs in other frameworks, the machine's limits, growth, and the page that tells of them."""
