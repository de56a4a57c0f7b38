"""A browser that has six event streams of one host open, and asks that host for a page."""

from chatflow.basics.errors import MissingError
from chatflow.clients.browser import chromium, find_chromium

# Opens six streams and asks; then closes one of them. Returns whether the page had come by then.
ASK = """async (seconds) => {
  const open = () => new Promise((resolve) => {
    const stream = new EventSource("/chat/lobby/stream/");
    stream.onopen = () => resolve(stream);
  });
  const streams = await Promise.all([open(), open(), open(), open(), open(), open()]);
  const page = fetch("/", { cache: "no-store" }).then(() => true);
  const within = (wait) => new Promise((resolve) => setTimeout(resolve, wait * 1000, false));
  const withSix = await Promise.race([page, within(seconds)]);
  streams.pop().close();
  const withFive = await Promise.race([page, within(20)]);
  for (const stream of streams) stream.close();
  return [withSix, withFive, performance.getEntriesByType("navigation")[0].nextHopProtocol];
}"""


async def answered(*urls, seconds=1):
    """For each address: is there an answer with six streams open, with five, and by which protocol.

    With six within `seconds`, with five within 20 seconds. None where there is no browser.
    """
    try:
        find_chromium()
    except MissingError:
        return None
    async with chromium() as browser:
        # No browser knows the signer of the lab's certificate.
        context = await browser.new_context(ignore_https_errors=True)
        return [await ask(await context.new_page(), url, seconds) for url in urls]


async def ask(page, url, seconds):
    await page.goto(f"{url}/")
    return await page.evaluate(ASK, seconds)
