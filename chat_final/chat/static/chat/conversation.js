// The messages on the page. Whatever somebody has written goes into textContent, and nowhere else.

const NEAR = 80; // pixels from the bottom: a reader further up is left there
const SAID = 5; // how many new messages a screen reader finds in the log

// A layout of thousands takes too long: this many messages stay on the page, and this many while somebody
// reads further up. "Earlier messages" brings back the others.
const KEPT = 300;
const MOST = 600;
// However fast messages come, a click is answered in between: this many of them, and then a pause, in
// milliseconds. While somebody catches up nothing is urgent.
const AT_ONCE = 50;
const PAUSE = { live: 16, catchingUp: 100 };

// Made once: making one takes longer than everything else for a message.
const [DAY, TIME, BOTH] = [
  { dateStyle: "full" },
  { timeStyle: "short" },
  { dateStyle: "medium", timeStyle: "medium" },
].map((style) => new Intl.DateTimeFormat([], style));

// A name may change hands: the account says whose message it is.
const authorOf = (item) => `${item.dataset.author} ${item.querySelector("b").textContent}`;

export class Conversation {
  // `page` says where we are: { author, author_id, oldest }; `ask` has `remove(id)` and `earlier(before)`.
  constructor(page, ask) {
    Object.assign(this, { page, oldest: page.oldest, ask, isFollowing: true });
    // What the next layout will show, and when the last one was.
    Object.assign(this, { fresh: [], outbox: [], shown: 0 });
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
    const { id, seq, author_id: author } = message;
    Object.assign(item.dataset, { id, seq, author: author ?? "" });
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
    time.textContent = TIME.format(sent);
    time.title = BOTH.format(sent);
    item.day = DAY.format(sent);
    const isMine = item.dataset.author === `${this.page.author_id}`;
    item.classList.toggle("mine", isMine);
    item.querySelector("button")?.remove();
    if (!isMine || !item.dataset.id || item.querySelector(".deleted")) return;
    item.append(this.deleteButton(item));
    item.tabIndex = -1; // a tap gives it the focus, and that shows its button
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
    const isNewDay = before?.day !== item.day;
    if (isNewDay) item.dataset.day = item.day;
    else delete item.dataset.day;
    item.classList.toggle("more", !isNewDay && authorOf(before) === authorOf(item));
  }

  add(message) {
    this.fresh.push(message);
    this.soon();
  }

  showWaiting(outbox, isLive) {
    const hasCaughtUp = isLive && this.pause === PAUSE.catchingUp;
    Object.assign(this, { outbox, pause: isLive ? PAUSE.live : PAUSE.catchingUp });
    if (hasCaughtUp) this.show();
    else this.soon();
  }

  // Somebody who comes back may be sent a thousand messages, and each layout takes its time. By a
  // timer, because a tab that nobody looks at has no animation frames.
  soon() {
    this.timer ??= setTimeout(() => this.show(), this.shown + this.pause - performance.now());
  }

  show() {
    clearTimeout(this.timer);
    this.timer = undefined;
    const hasRoom = this.isFollowing || this.list.childElementCount < MOST;
    // More than that is skipped: the page begins again at the newest, when its reader comes there.
    const isTooMuch = this.isFollowing || !hasRoom;
    if (isTooMuch && this.fresh.splice(0, this.fresh.length - KEPT).length) this.hasGap = true;
    const fresh = this.fresh.splice(0, hasRoom ? AT_ONCE : 0);
    this.append(fresh);
    if (this.isFollowing) this.forget(fresh.length);
    const { author, author_id } = this.page;
    const waiting = { author, author_id, id: "", seq: "" };
    this.waiting.replaceChildren(...this.outbox.map((post) => this.make({ ...post, ...waiting })));
    this.shown = performance.now();
    this.newestButton.hidden &&= this.isFollowing || !(fresh.length || this.fresh.length);
    if (this.isFollowing) this.toNewest();
    else if (hasRoom && this.fresh.length) this.soon();
  }

  append(messages) {
    const items = messages.map((message) => this.make(message));
    this.list.append(...items);
    for (const item of items) this.place(item);
    this.announce(messages.filter((one) => one.author_id !== this.page.author_id).slice(-SAID));
  }

  // A page that stays open for days does not grow for days.
  forget(added) {
    const old = [...this.list.children].slice(0, this.hasGap ? -added : -KEPT);
    this.hasGap = false;
    if (!old.length) return;
    const hadFocus = old.some((item) => item.contains(document.activeElement));
    for (const item of old) item.remove();
    const first = this.list.firstElementChild;
    this.place(first);
    this.oldest = Number(first.dataset.seq);
    this.earlierButton.hidden = false;
    if (hadFocus) this.scroller.focus();
  }

  // For a screen reader: what is new, and nothing of what else changes in the list.
  announce(messages) {
    for (const { author, text } of messages) {
      const line = document.createElement("p");
      line.textContent = `${author}: ${text ?? "deleted"}`;
      this.news.append(line);
    }
    while (this.news.childElementCount > SAID) this.news.firstElementChild.remove();
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
    for (const message of this.fresh) if (message.id === id) message.text = null;
    const item = this.list.querySelector(`[data-id="${id}"]`);
    if (!item) return;
    const hadFocus = item.contains(document.activeElement);
    this.write(item, null);
    this.dress(item);
    if (!hadFocus) return;
    item.tabIndex = -1;
    item.focus();
  }

  scrolled() {
    const { scrollHeight, scrollTop, clientHeight } = this.scroller;
    this.isFollowing = scrollHeight - scrollTop - clientHeight < NEAR;
    if (!this.isFollowing) return;
    this.newestButton.hidden = true;
    if (this.fresh.length) this.soon();
  }

  toNewest() {
    this.scroller.scrollTop = this.scroller.scrollHeight;
    this.scrolled();
  }
}
