"""Master batch records: what a batch must do, who must do it, within which limits and hours.

A master is read from a closed YAML file, checked (units, windows, critical path, people), approved by QA and
frozen; a batch executes a copy of exactly those bytes.
"""
