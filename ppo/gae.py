"""Generalised advantage estimation (Schulman et al. 2016, equation 16)."""

import numpy as np


def advantages(rewards, values, next_values, ended, gamma, lam):
    """The advantage of each action of some rollouts.

    | symbol | array         | meaning                                            |
    |--------|---------------|----------------------------------------------------|
    | r_t    | `rewards`     | reward of the action at t                          |
    | V_t    | `values`      | value of the observation at t                      |
    | V'_t   | `next_values` | value of what followed: 0 after a termination, the |
    |        |               | last observation's after a truncation              |
    | e_t    | `ended`       | whether the episode ended after the action at t    |

    `δ_t = r_t + γ V'_t − V_t` and `A_t = δ_t + γ λ (1 − e_t) A_{t+1}`: a
    truncated episode is bootstrapped, and nothing flows over either end.

    Args:
      rewards, values, next_values: float `[T, N]`, time first.
      ended: bool `[T, N]`, terminated or truncated.
      gamma, lam: γ and λ.

    Returns:
      float32 `[T, N]`; with `values` added, the targets of the value function.
    """
    deltas = rewards + gamma * next_values - values
    kept = gamma * lam * (1. - ended)
    found = np.zeros_like(deltas, np.float32)
    following = np.zeros(deltas.shape[1:], np.float32)
    for t in reversed(range(len(deltas))):
        following = deltas[t] + kept[t] * following
        found[t] = following
    return found
