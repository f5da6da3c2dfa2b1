"""The rules behind tools/tidy. Each rule is a function from a Tree to findings."""
