"""One GAN trained by several processes, the ranks.

`exchange.py` is what they tell one another, whoever carries it; a process alone is the one that
changes nothing. `launched.py` finds out which ranks there are. Only `horovod.py` knows Horovod.
"""
