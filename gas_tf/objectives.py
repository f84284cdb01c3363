"""Equations 1 to 4 of the paper as pure functions of distributions.

Names are the paper's.  A function of examples returns one value per example,
`[B]`; `generator_terms` joins the sub-batches that run side by side.

| name         | meaning                                          |
|--------------|--------------------------------------------------|
| `L_distill`  | E[KL(teacher ‖ student)], equation 1             |
| `H_each`     | E[H(f_t(x))], entropy of each output             |
| `H_mean`     | H(E[f_t(x)]), entropy of the average output      |
| `activation` | E[|h_t(x)|] of the teacher's features            |
| `one_hot`    | E[−log max f_t(x)], DAFL's place for H_each      |
| `L_H`        | alpha · H_each − beta · H_mean, equation 2       |
| `L_G`        | L_H − lambda_activation · activation, equation 3 |
| `L_adapt`    | L_G − gamma · L_distill, equation 4              |
"""

import tensorflow.compat.v1 as tf


def distillation(teacher, student):
    """Equation 1 for each example: KL(teacher ‖ student), temperature 1.

    Args:
      teacher, student: distributions over the same batch of B inputs.

    Returns:
      float `[B]`, nats.  No gradient is stopped here: the student's update
      takes gradients for the student's variables alone, the generators' for
      theirs alone.
    """
    return teacher.kl(student)


def activation_size(features):
    """Mean absolute value of each example's features (equation 3).

    Args:
      features: float `[B, F]`, the teacher's last hidden layer h_t(x).

    Returns:
      float `[B]`.
    """
    return tf.reduce_mean(tf.abs(features), axis=1)


def batch_mean(parts):
    """Mean over all examples of several sub-batches, added in their order.

    Args:
      parts: list of float tensors `[b_i]`.

    Returns:
      A scalar.
    """
    rows = sum(int(part.shape[0]) for part in parts)
    return tf.add_n([tf.reduce_sum(part) for part in parts]) / float(rows)


def generator_terms(teachers, students, features,
                    alpha, beta, gamma, lambda_activation, one_hot=0.):
    """Equations 2 to 4 over one batch that is cut in sub-batches.

    Args:
      teachers, students: lists of distributions, one per sub-batch.
      features: list of float `[b, F]`, the teacher's last hidden layer.
      alpha, beta: weights of `H_each` and `H_mean` (equation 2).
      gamma: weight of the adaptive term (equation 4).
      lambda_activation: weight of the activation term (equation 3).
      one_hot: weight of DAFL's one-hot term in L_H, for categorical outputs.

    Returns:
      dict of scalars by the names in this module's table, `one_hot` only with
      a weight.  The generators minimise `L_adapt`.
    """
    terms = {
        'L_distill': batch_mean(
            [distillation(t, s) for t, s in zip(teachers, students)]),
        'H_each': batch_mean([t.entropy() for t in teachers]),
        'H_mean': teachers[0].mixture_entropy(teachers),
        'activation': batch_mean([activation_size(h) for h in features]),
    }
    terms['L_H'] = alpha * terms['H_each'] - beta * terms['H_mean']
    if one_hot:
        terms['one_hot'] = batch_mean(
            [-tf.reduce_max(t.log_probs, axis=1) for t in teachers])
        terms['L_H'] += one_hot * terms['one_hot']
    # Without a weight these two terms cost no gradient.
    terms['L_G'] = _less(terms['L_H'], lambda_activation, terms['activation'])
    terms['L_adapt'] = _less(terms['L_G'], gamma, terms['L_distill'])
    return terms


def _less(total, weight, term):
    """total − weight · term; weight: a number, or a tensor."""
    return total if isinstance(weight, (int, float)) and not weight else total - weight * term
