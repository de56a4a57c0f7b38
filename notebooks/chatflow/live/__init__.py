"""The live page, with its switches, the page of `race.sh`, and their servers.

From outside: `flow_page.FlowPage`, `race_page.RacePage`; `chat.stage`, whose chats have `live()`;
and `player.js`, by which any page plays a flow, even a file.
"""
