"""Commands of the operator's machine."""
