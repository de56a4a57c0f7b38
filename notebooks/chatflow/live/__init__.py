"""The live page of `run_step.sh --flow`, and its server.

From outside: `flow_page.FlowPage`; and `player.js`, which plays a flow on any page, without a server.
"""
