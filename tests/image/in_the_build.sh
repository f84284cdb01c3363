#!/bin/sh
# The last step of every image's build: in_the_build.sh [MNIST].
# With MNIST (but 0) its files are put where runs look first of all; then the fast
# tests show that the image computes what it should.
set -eu
export PYTHONDONTWRITEBYTECODE=1
chmod -R a+rX .  # for `docker run --user`, whatever the umask of the checkout
if [ "${1:-0}" != 0 ]; then
    python -m gas_tf.data mnist --to data
    rm -rf ~/.cache/gas_tf
fi
python -m pytest -q -p no:cacheprovider tests/ppo/test_ppo_distributions.py tests/ppo/test_ppo_gaussian.py tests/ppo/test_ppo_gae.py \
    tests/ppo/test_ppo_loss.py tests/gas_tf/test_gas_layers.py tests/gas_tf/test_gas_objectives.py tests/gas_tf/test_gas_networks.py \
    tests/gas_tf/test_export.py
