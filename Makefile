# make demo    sets up .venv and distils a digits classifier (about five minutes)
# make test    all tests
# make simulators   MPI, MuJoCo and the Atari games, which teachers of policies need
# make bench   timings beside PyTorch, in a venv of its own, and stable-baselines
# make clean   removes the virtual environments (not runs/out)
#
# PYTHON names the interpreter where CPython 3.7 is not found by itself.

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
SIMULATORS := $(VENV)/.simulators
TORCH_VENV := .venv-torch
TORCH_INSTALLED := $(TORCH_VENV)/.installed
PEERS := .peers
PEERS_INSTALLED := $(PEERS)/.installed

# What MuJoCo's Python side is compiled with and draws with, by Debian's names.
LIBRARIES := gcc libosmesa6-dev libgl1-mesa-dev libglew-dev patchelf

.PHONY: demo test bench clean simulators

demo: $(INSTALLED)
	$(PY) -m gas_tf.run digits

test: $(INSTALLED) $(SIMULATORS)
	$(PY) -m pytest -q tests

simulators: $(SIMULATORS)

bench: $(INSTALLED) $(SIMULATORS) $(TORCH_INSTALLED) $(PEERS_INSTALLED)
	$(PY) -m runs.benchmarks.student_step --torch-python $(TORCH_VENV)/bin/python
	$(PY) -m runs.benchmarks.policy_step --torch-python $(TORCH_VENV)/bin/python
	$(PY) -m runs.benchmarks.ppo_steps --peers $(PEERS)

clean:
	rm -rf $(VENV) $(TORCH_VENV) $(PEERS)

# The stamp is written last: an interrupted installation starts again.
# --no-deps: requirements.txt lists every package, and those of baselines'
# own requirements that cannot be installed any more are not needed.
$(INSTALLED): requirements.txt
	@python=$$(sh find_python.sh 3.7 PYTHON "$(PYTHON)") && rm -rf $(VENV) && \
	    echo "making $(VENV) with $$python" && "$$python" -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check pip==24.0 setuptools==68.0.0 wheel==0.42.0
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
	@touch $@

# A wheel of mpi4py that was built against another MPI lets every process believe
# that it is alone: it is built here, against the mpich of the same environment.
# Without the libraries, and without the right to install them, there is no MuJoCo:
# its tests are skipped, and the next `make` looks again.
$(SIMULATORS): $(INSTALLED) requirements-simulators.txt
	@sh install_libraries.sh $(LIBRARIES) || true
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements-simulators.txt
	MPICC=$(CURDIR)/$(VENV)/bin/mpicc $(PY) -m pip install --quiet --disable-pip-version-check --no-deps \
	    --no-cache-dir --no-binary mpi4py mpi4py==3.1.6
	@if sh install_libraries.sh $(LIBRARIES) 2>/dev/null; then \
	    echo "compiling mujoco_py: a minute or two" && \
	    { $(PY) -c 'import mujoco_py' >$(VENV)/mujoco.log 2>&1 || { tail -5 $(VENV)/mujoco.log; exit 1; }; } && \
	    touch $@; fi

$(TORCH_INSTALLED):
	@python=$$(sh find_python.sh 3.11 TORCH_PYTHON "$(TORCH_PYTHON)") && rm -rf $(TORCH_VENV) && \
	    echo "making $(TORCH_VENV) with $$python" && "$$python" -m venv $(TORCH_VENV)
	$(TORCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.2.6
	@touch $@

# Beside the packages of .venv, whose TensorFlow and simulators it uses.
$(PEERS_INSTALLED): $(INSTALLED)
	rm -rf $(PEERS)
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps --target $(PEERS) \
	    stable-baselines==2.10.2 pandas==1.1.5 pytz==2023.3
	@touch $@
