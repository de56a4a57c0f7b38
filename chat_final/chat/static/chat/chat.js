// The page of a room: what is written in it, who is there, and what the connection is doing.

import { Connection } from "./connection.js";
import { Conversation } from "./conversation.js";

const find = (selector) => document.querySelector(selector);
const page = JSON.parse(find("#page").textContent);
const form = find("form.post");
const { text } = form.elements;
const title = document.title;

// The longest text, as the server counts it.
const MOST = 2_000;
const STATES = { connecting: "Connecting", live: "Live", offline: "Offline, trying again" };
// A proxy may change the origin on its way: to what, only the server's log can tell.
if (!page.origins.includes(location.origin)) STATES.offline =
  `Not live: the server lets in pages of ${page.origins.join(", ")}, and this one is of ` +
  `${location.origin}. Its log names the origin to set in TRUSTED_ORIGINS`;
// Told again and again while somebody types; believed for a little longer.
const TYPING = 3_000;
const typists = new Map();
let told = 0, unread = 0;

// Nothing that fails on this page is silent.
for (const kind of ["error", "unhandledrejection"]) addEventListener(kind, fail);

function fail({ error, reason }) {
  // What a browser itself has to say of a page comes this way, too, without an error.
  if (error ?? reason) refuse("Something has failed on this page. Reload it, and try again.");
}

const conversation = new Conversation(page, {
  remove: (id) => ask({ type: "delete", id }),
  earlier: (before) => ask({ type: "history", before }),
});
const connection = new Connection(page, hear, tell);

function ask(frame) {
  if (!connection.send(frame)) refuse("You are offline: try again when you are back.");
}

function hear(event) {
  if (event.type === "message") {
    conversation.add(event);
    typists.delete(event.author);
    if (document.hidden) count(unread + 1);
  }
  if (event.type === "deleted") conversation.remove(event.id);
  if (event.type === "history") conversation.addEarlier(event);
  if (event.type === "presence") showPeople(event);
  if (event.type === "typing") typists.set(event.author, Date.now() + 2 * TYPING);
  if (event.type === "refused") takeBack(event);
  showTyping();
}

function tell(state, words = STATES[state], outbox) {
  conversation.showWaiting(outbox, state === "live");
  const status = find("#status");
  const then = state === "refused" ? "not sent" : "waiting to be sent";
  const waiting = state !== "live" && outbox.length ? ` · ${outbox.length} ${then}` : "";
  write(status, words + waiting);
  if (status.dataset.state !== state) {
    refuse("");
    typists.clear();
    showTyping();
  }
  status.dataset.state = state;
}

// A screen reader reads it when it changes, and only then.
function write(element, words) {
  if (element.textContent !== words) element.textContent = words;
}

function refuse(words) {
  write(find("#refused"), words);
}

function takeBack({ detail, text: refused }) {
  refuse(refused ? `Not sent: ${detail}` : detail);
  // Next to what is being written: nothing gets lost.
  if (refused) text.value = [text.value, refused].filter(Boolean).join("\n");
  measure();
}

// Returns whether it is too long. Nothing of it is cut off: that would not be noticed.
function measure() {
  const { length } = [...text.value.trim()]; // code points
  const shown = [length, MOST].map((number) => number.toLocaleString("en")).join(" of ");
  write(find("#length"), length > 0.9 * MOST ? shown : "");
  text.ariaInvalid = length > MOST || null;
  return length > MOST;
}

function showPeople({ users, count: all }) {
  find("#count").textContent = all;
  const items = users.map((name) => {
    const item = document.createElement("li");
    item.textContent = name;
    return item;
  });
  find("#people").replaceChildren(...items);
}

function showTyping() {
  for (const [name, until] of typists) if (until < Date.now()) typists.delete(name);
  const names = [...typists.keys()];
  const who = names.length > 2 ? "Several people" : names.map(isolated).join(" and ");
  write(find("#typing"), who && `${who} ${names.length > 1 ? "are" : "is"} typing …`);
}

// A name that is written from right to left must not turn round what stands next to it.
function isolated(name) {
  return `\u2068${name}\u2069`;
}

setInterval(showTyping, 1_000);

function count(messages) {
  unread = messages;
  document.title = unread ? `(${unread}) ${title}` : title;
}

document.addEventListener("visibilitychange", () => document.hidden || count(0));

text.addEventListener("input", () => {
  measure();
  if (Date.now() < told + TYPING || !text.value.trim()) return;
  told = Date.now();
  connection.send({ type: "typing" });
});

// On a screen's keyboard the key next to the space bar begins a new line, and there is a button.
text.addEventListener("keydown", (event) => {
  // An Enter that ends a word of an input method: Safari tells it by the key code only.
  const isOfWord = event.isComposing || event.keyCode === 229;
  const isNewLine = event.shiftKey || matchMedia("(pointer: coarse)").matches;
  if (event.key !== "Enter" || isOfWord || isNewLine) return;
  event.preventDefault();
  form.requestSubmit();
});

form.addEventListener("submit", (event) => {
  event.preventDefault();
  if (measure()) {
    refuse("Not sent: this is too long for one message. Shorten it, or send it in parts.");
    return;
  }
  refuse("");
  if (text.value.trim()) connection.post(text.value);
  text.value = "";
  measure();
  told = 0;
  conversation.toNewest();
  text.focus();
});

// What is half written outlives a reload, too, and the way back to a page that was left.
const draft = `draft ${page.room} ${page.author_id}`;
text.value ||= sessionStorage[draft] ?? "";
measure();
addEventListener("pagehide", () => {
  sessionStorage[draft] = text.value;
});

// On a phone, who is there stands between the reader and the conversation, so it opens on demand.
const who = find("#who");
const isWide = matchMedia("(min-width: 44rem)");
const fold = () => { who.open = isWide.matches || Boolean(who.querySelector(".error")); };
isWide.addEventListener("change", fold);
fold();

// A field with a mistake in it comes first, and before it any that is already being written in:
// the page is there before its script.
if (document.activeElement === document.body) (find("[aria-invalid]") ?? text).focus();
