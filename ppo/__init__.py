"""What a policy and its teacher are made of; used by the distillation above it."""
