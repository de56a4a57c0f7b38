"""Every message's way: recorded in a stage's processes, read here, and put in causal order."""
