"""Every experiment, method and budget, each number with its source.

"Sections", "tables" and "equations" are those of Raiman, *Generative
Adversarial Simulator* (2021); "DAFL" is Chen et al. 2019 and its published code;
"chosen" marks what neither states.

A family is a module with the experiments of one kind: `images`, `policies`.
Each has EXPERIMENTS, METHODS and BUDGETS (layers over its `Experiment`), what
they are in words, ABLATIONS (the methods that change something in another), and
`configuration`.
"""

from gas_tf.experiments import images, policies

FAMILIES = (images, policies)


def names():
    """All experiments, in the order in which they are shown."""
    return [name for family in FAMILIES for name in family.EXPERIMENTS]


def family(experiment):
    """The module that an experiment belongs to; KeyError for an unknown name."""
    for module in FAMILIES:
        if experiment in module.EXPERIMENTS:
            return module
    raise KeyError(experiment)


def configuration(experiment, method='gas', budget='paper'):
    """The settings of one experiment, method and budget.

    Returns:
      (the family's Experiment, dict of dotted field to source).

    Raises:
      KeyError: a name is unknown.
    """
    return family(experiment).configuration(experiment, method, budget)
