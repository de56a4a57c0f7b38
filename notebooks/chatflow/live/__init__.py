"""The live page of `run_step.sh --flow`, the page of `race.sh`, and their servers.

From outside: `flow_page.FlowPage`, `race_page.RacePage`; and `player.js`, by which any page plays a
flow, even a file.
"""
