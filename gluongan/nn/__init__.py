"""Networks: layers, chains of them, the models, and what is computed of a network as a whole."""
