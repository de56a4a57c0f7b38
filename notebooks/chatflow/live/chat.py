"""A stage that a notebook can show while it runs: two people at their pages, and all switches."""

from functools import partial

from ..basics.errors import UsageError
from ..running import launcher


class Chat(launcher.Run):
    """A Run that can be looked at, and be broken by hand."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self.pages = []

    async def live(self, beside=None):
        """Show Alice's page on the first instance, Bob's on the last, the flow, and switches.

        Next to another chat that runs, `beside`, if there is one. What is shown ends with the
        stage.
        """
        chats = [self, beside] if beside else [self]
        for chat in chats:
            if not chat.tracing:
                raise UsageError("Nothing is recorded to show: start the stage with trace=True.")
        # Only here: it takes longer to load than all the rest of this module.
        from .shown import Live, open_page

        return Live([await open_page(chat) for chat in chats])

    def _stop(self):
        for page in self.pages:
            page.let_go()
        super()._stop()
        while self.pages:
            self.pages.pop().stop()


stage = partial(launcher.stage, make=Chat)
