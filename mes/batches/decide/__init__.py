"""The rules of batch execution: state and command in, events out, or a Refusal with its reason."""
