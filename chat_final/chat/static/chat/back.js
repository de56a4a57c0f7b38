// A browser may keep a page that was left, and show it again as it was: before a logout, say.
addEventListener("pageshow", ({ persisted }) => persisted && location.reload());
