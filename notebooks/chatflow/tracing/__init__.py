"""Every message's way: recorded in a stage's processes, read here, and put in causal order.

`inside/` is what runs in the stage. From outside: `recording` and `recent`, which read the hops,
`flows`, which makes the flow of one message, and `flow`, what such a flow is.
"""
