"""Every message's way: recorded in a stage's processes, read here, and put in causal order.

`inside/` is what runs in the stage. From outside: `recording` and `recent`, which read the hops,
`flows`, which makes the flow of one message (`order` sorts and names its hops, `missed` says whom
it has not reached), `flow`, what such a flow is, and `opened`, what a hop of it carried.
"""
