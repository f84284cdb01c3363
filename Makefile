# make demo    sets up .venv and distils a digits classifier (about five minutes)
# make test    all tests
# make bench   timings beside PyTorch, in a venv of its own
# make clean   removes the virtual environments (not runs/out)
#
# PYTHON names the interpreter where CPython 3.7 is not found by itself.

VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed
TORCH_VENV := .venv-torch
TORCH_INSTALLED := $(TORCH_VENV)/.installed

.PHONY: demo test bench clean

demo: $(INSTALLED)
	$(PY) -m gas_tf.run digits

test: $(INSTALLED)
	$(PY) -m pytest -q tests

bench: $(INSTALLED) $(TORCH_INSTALLED)
	$(PY) -m runs.benchmarks.student_step --torch-python $(TORCH_VENV)/bin/python

clean:
	rm -rf $(VENV) $(TORCH_VENV)

# The stamp is written last: an interrupted installation starts again.
# --no-deps: requirements.txt lists every package, and those of baselines'
# own requirements that cannot be installed any more are not needed.
$(INSTALLED): requirements.txt
	@python=$$(sh find_python.sh 3.7 PYTHON "$(PYTHON)") && rm -rf $(VENV) && \
	    echo "making $(VENV) with $$python" && "$$python" -m venv $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check pip==24.0 setuptools==68.0.0 wheel==0.42.0
	$(PY) -m pip install --quiet --disable-pip-version-check --no-deps -r requirements.txt
	@touch $@

$(TORCH_INSTALLED):
	@python=$$(sh find_python.sh 3.11 TORCH_PYTHON "$(TORCH_PYTHON)") && rm -rf $(TORCH_VENV) && \
	    echo "making $(TORCH_VENV) with $$python" && "$$python" -m venv $(TORCH_VENV)
	$(TORCH_VENV)/bin/python -m pip install --quiet --disable-pip-version-check torch==2.13.0 numpy==2.2.6
	@touch $@
