"""Networks: classifiers, generators, and the layers that they are made of."""
