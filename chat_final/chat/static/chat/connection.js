// The socket of a room: it comes back by itself, goes on where it was, and sends what waits.

import ReconnectingWebSocket from "./vendor/partysocket.js";

// After these close codes the server would refuse us again.
const ENDS = {
  4400: "The server does not understand this page. Reload it",
  4401: "Logged out. Reload the page to log in",
  4403: "You may not be in this room any more",
  4429: "Closed: too much at once. Reload the page in a minute",
};
// Refusals that pass: the message waits, and is sent again.
const LATER = {
  too_fast: "That was fast: the rest waits, and goes out by itself",
  not_stored: "Nothing can be stored right now: it waits, and is tried again",
};

// The server sends a sign of life every ten seconds; without one for this long, nobody is there.
const SILENCE = 25_000;
const ANSWER = 10_000;
const AGAIN = 2_000;
// A question that only asks whether anybody is there is answered sooner, or never.
const SOON = 1_500;
// A restart takes less than this, and is nobody's concern.
const UNNOTICED = 2_500;

// Not crypto.randomUUID: browsers have it on pages of HTTPS and of this machine only.
function uuid() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40; // version 4: random
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const digits = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return digits.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
}

export class Connection {
  // `page` says where we are: { room, author, author_id, newest }. `hear` is called with each event that is
  // news, `tell` with a state ("connecting", "live", "offline", "refused") and words for it.
  constructor(page, hear, tell) {
    Object.assign(this, { hear, tell, authorId: page.author_id, seq: page.newest, live: false });
    // What was written and is not confirmed yet. It outlives a reload of this tab.
    this.shelf = `outbox ${page.room} ${page.author_id}`;
    this.outbox = JSON.parse(sessionStorage[this.shelf] ?? "[]");
    const base = `${location.origin.replace("http", "ws")}/ws/chat/${page.room}/`;
    const url = () => `${base}?after=${this.seq}&as=${encodeURIComponent(page.author)}`;
    this.socket = new ReconnectingWebSocket(url, [], {
      // At random, so that clients of the same server do not all come back at once.
      minReconnectionDelay: 300 + Math.random() * 1_200,
      maxReconnectionDelay: 20_000,
      connectionTimeout: 8_000,
      maxEnqueuedMessages: 0,
    });
    this.socket.addEventListener("message", ({ data }) => this.receive(JSON.parse(data)));
    this.socket.addEventListener("close", ({ code }) => this.closed(code));
    for (const hint of ["offline", "online"]) addEventListener(hint, () => this.look());
    document.addEventListener("visibilitychange", () => document.hidden || this.look());
    // A browser may keep a page that was left, and would keep its socket: others would still see us.
    addEventListener("pagehide", () => this.socket.close());
    this.begin("connecting");
  }

  begin(state) {
    Object.assign(this, { live: false, why: undefined });
    clearTimeout(this.answer);
    this.watch();
    if (state === this.state) return; // one more try that failed
    this.say(state);
    clearTimeout(this.noticed);
    this.noticed = setTimeout(() => this.say("offline"), UNNOTICED);
  }

  // Ask, and do not believe the browser: a server on one's own machine needs no network, and a
  // socket that looks open may be dead.
  look() {
    if (this.state === "refused") return;
    if (this.send({ type: "history", after: this.seq })) this.watch(SOON);
    else this.socket.reconnect();
  }

  watch(patience = SILENCE) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => this.socket.reconnect(), patience);
  }

  say(state, words) {
    sessionStorage[this.shelf] = JSON.stringify(this.outbox);
    Object.assign(this, { state, words });
    this.tell(state, words, this.outbox);
  }

  closed(code) {
    const isOffline = this.state === "offline" || !navigator.onLine;
    if (!ENDS[code]) return this.begin(isOffline ? "offline" : "connecting");
    this.live = false;
    for (const timer of [this.answer, this.noticed, this.silence]) clearTimeout(timer);
    this.socket.close();
    this.say("refused", this.why ? `${this.why} Then reload the page` : ENDS[code]);
  }

  receive(event) {
    this.watch();
    if (event.type === "head") this.compare(event);
    else if (event.after !== undefined) this.takePage(event);
    else if (event.type === "caught_up") this.caughtUp(event);
    else if (event.type === "error") this.refused(event);
    else if (event.seq) this.take(event);
    else this.hear(event);
  }

  take(event) {
    if (event.seq > this.seq) {
      this.seq = event.seq;
      this.hear(event);
    }
    const isOurs = event.client_id === this.outbox[0]?.client_id && event.author_id === this.authorId;
    if (isOurs) this.settle();
  }

  compare({ seq }) {
    this.head = seq;
    if (seq > this.seq) this.send({ type: "history", after: this.seq });
  }

  // A page holds as much as fits into a frame: ask on, until nothing is missing.
  takePage({ messages }) {
    const had = this.seq;
    messages.forEach((one) => this.take(one));
    if (this.seq > had) this.compare({ seq: this.head });
  }

  caughtUp({ seq }) {
    if (seq < this.seq) location.reload(); // the server has begun again
    this.live = true;
    clearTimeout(this.noticed);
    this.say("live");
    this.sendNext();
  }

  // Returns whether there is anybody to send it to.
  send(frame) {
    if (this.live) this.socket.send(JSON.stringify(frame));
    return this.live;
  }

  post(text) {
    this.outbox.push({ client_id: uuid(), text, sent_at: new Date().toISOString() });
    this.say(this.state, this.words);
    if (this.outbox.length === 1) this.sendNext();
  }

  // One at a time, so that an answer says which one it is for; the same id again if none came.
  sendNext() {
    clearTimeout(this.answer);
    if (!this.live || !this.outbox.length) return;
    const { client_id, text } = this.outbox[0];
    this.send({ type: "post", client_id, text });
    this.answer = setTimeout(() => this.socket.reconnect(), ANSWER);
  }

  settle() {
    this.outbox.shift();
    this.say(this.state, this.outbox.length ? this.words : undefined);
    this.sendNext();
  }

  refused({ code, detail }) {
    if (!this.live) {
      this.why = detail; // what closes the socket in a moment
    } else if (!this.outbox.length || code === "not_yours") {
      this.hear({ type: "refused", detail });
    } else if (LATER[code]) {
      this.say("live", LATER[code]);
      clearTimeout(this.answer);
      this.answer = setTimeout(() => this.sendNext(), AGAIN);
    } else {
      this.hear({ type: "refused", detail, text: this.outbox[0].text });
      this.settle();
    }
  }
}
