"""Teachers of policies: proximal policy optimisation, a library of its own."""
