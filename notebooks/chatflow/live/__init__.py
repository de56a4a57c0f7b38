"""The live page of `run_step.sh --flow`, and its server.

From outside: `flow_page.FlowPage`; and `player.js`, by which any page plays a flow, even a file.
"""
