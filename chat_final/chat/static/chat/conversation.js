// The messages on the page. Whatever somebody has written goes into textContent, and nowhere else.

const NEAR = 80; // pixels from the bottom: who is further up is reading, and is left there
const SAID = 5; // how many new messages a screen reader finds in the log

const dayOf = (item) => {
  const sent = new Date(item.querySelector("time").dateTime);
  return sent.toLocaleDateString([], { dateStyle: "full" });
};
// A name may change hands: whose it is says the account.
const authorOf = (item) => `${item.dataset.author} ${item.querySelector("b").textContent}`;

export class Conversation {
  // `page` says where we are: { author, author_id, oldest }; `ask` has `remove(id)` and `earlier(before)`.
  constructor(page, ask) {
    Object.assign(this, { page, oldest: page.oldest, ask, isFollowing: true });
    const find = (selector) => document.querySelector(selector);
    this.scroller = find("#scroller");
    this.list = find("#messages");
    this.waiting = find("#waiting");
    this.news = find("#news");
    this.earlierButton = find("#earlier");
    this.newestButton = find("#newest");
    this.template = find("template");
    for (const item of this.list.children) {
      this.dress(item);
      this.place(item);
    }
    this.earlierButton.hidden = this.oldest <= 1;
    this.earlierButton.addEventListener("click", () => this.ask.earlier(this.oldest));
    this.newestButton.addEventListener("click", () => {
      this.scroller.focus();
      this.toNewest();
    });
    this.scroller.addEventListener("scroll", () => this.scrolled());
    // The field below grows, a screen's keyboard comes up: the newest message stays in sight.
    new ResizeObserver(() => this.isFollowing && this.toNewest()).observe(this.scroller);
  }

  make(message) {
    const item = this.template.content.cloneNode(true).firstElementChild;
    item.dataset.id = message.id;
    item.dataset.author = message.author_id ?? "";
    item.querySelector("b").textContent = message.author;
    item.querySelector("time").dateTime = message.sent_at;
    this.write(item, message.text);
    this.dress(item);
    return item;
  }

  write(item, text) {
    const paragraph = item.querySelector("p");
    paragraph.textContent = text ?? "deleted";
    paragraph.classList.toggle("deleted", text === null);
  }

  // What depends on who reads, and where: the time in their zone, and what is theirs.
  dress(item) {
    const time = item.querySelector("time");
    const sent = new Date(time.dateTime);
    time.textContent = sent.toLocaleTimeString([], { timeStyle: "short" });
    time.title = sent.toLocaleString();
    const isMine = item.dataset.author === `${this.page.author_id}`;
    item.classList.toggle("mine", isMine);
    item.querySelector("button")?.remove();
    if (isMine && item.dataset.id && !item.querySelector(".deleted")) item.append(this.deleteButton(item));
  }

  deleteButton(item) {
    const button = this.template.content.querySelector("button").cloneNode(true);
    button.ariaLabel = `Delete: ${item.querySelector("p").textContent.slice(0, 60)}`;
    button.addEventListener("click", () => {
      if (confirm("Delete this message for everybody?")) this.ask.remove(Number(item.dataset.id));
    });
    return button;
  }

  // What depends on the message before: a new day is told, and a name only once in a row.
  place(item) {
    const before = item.previousElementSibling;
    const isNewDay = !before || dayOf(before) !== dayOf(item);
    if (isNewDay) item.dataset.day = dayOf(item);
    else delete item.dataset.day;
    item.classList.toggle("more", !isNewDay && authorOf(before) === authorOf(item));
  }

  add(message) {
    const item = this.make(message);
    this.list.append(item);
    this.place(item);
    if (message.author_id !== this.page.author_id) this.announce(message);
    if (this.isFollowing) this.toNewest();
    else this.newestButton.hidden = false;
  }

  // For a screen reader: what is new, and nothing of what else changes in the list.
  announce({ author, text }) {
    const line = document.createElement("p");
    line.textContent = `${author}: ${text ?? "deleted"}`;
    this.news.append(line);
    if (this.news.childElementCount > SAID) this.news.firstElementChild.remove();
  }

  addEarlier({ before, messages }) {
    if (before !== this.oldest) return; // asked for twice
    const top = this.list.firstElementChild;
    const height = this.scroller.scrollHeight;
    const items = messages.filter(({ type }) => type === "message").map((one) => this.make(one));
    this.list.prepend(...items);
    for (const item of top ? [...items, top] : items) this.place(item);
    this.oldest = messages[0]?.seq ?? 1;
    if (this.oldest <= 1) this.endEarlier();
    // What the reader was looking at stays where it was.
    this.scroller.scrollTop += this.scroller.scrollHeight - height;
  }

  endEarlier() {
    const hadFocus = document.activeElement === this.earlierButton;
    this.earlierButton.hidden = true;
    if (hadFocus) this.scroller.focus();
  }

  remove(id) {
    const item = this.list.querySelector(`[data-id="${id}"]`);
    if (!item) return;
    const hadFocus = item.contains(document.activeElement);
    this.write(item, null);
    this.dress(item);
    if (!hadFocus) return;
    item.tabIndex = -1;
    item.focus();
  }

  showWaiting(outbox) {
    const { author, author_id } = this.page;
    const make = (post) => this.make({ ...post, author, author_id, id: "" });
    this.waiting.replaceChildren(...outbox.map(make));
    if (this.isFollowing) this.toNewest();
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.isFollowing = scrollHeight - scrollTop - clientHeight < NEAR;
    if (this.isFollowing) this.newestButton.hidden = true;
  }

  toNewest() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.scrolled();
  }
}
