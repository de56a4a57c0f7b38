# %% 1
status = None
try:
    await websockets.connect(f"{chat.ws_url}/nowhere/")
except websockets.InvalidStatus as error:
    status = error.response.status_code
assert status == 500
assert await log_line(chat.instances[0], "No route found for path 'nowhere/'")

# %% 2
# Sixteen looks and eight posts, each with the page that follows it. Whoever looks once in five
# seconds sees a line up to five seconds late.
same_conversation.LOOKS = 5
assert rarely.requests == 8 * (1 + 2), rarely
