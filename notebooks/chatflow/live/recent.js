// The list of what has happened: which of it is played, and when. Needs opener.js.
"use strict";

const KEPT = 50; // messages, and as many other things
const find = (id) => document.getElementById(id);

const flows = new Map();
const opened = Date.now(); // what happened before is not played, only listed
let queued = null; // the id of the flow that comes after the one that is shown

const player = new OpeningPlayer(find, { next: () => queued && flows.get(queued), started });

const isListed = (flow) =>
  flow.chat || document.querySelector("[name=show]:checked").value === "everything";
const follows = () => find("follow").getAttribute("aria-pressed") === "true";
const newestFirst = (a, b) => b.at - a.at;
const listed = () => [...flows.values()].filter(isListed).sort(newestFirst);
const newest = () => listed()[0];

function started(flow) {
  if (queued === flow.id) queued = null;
  list();
}

function take(news) {
  // What was a request at first may turn out to be a message.
  const isNew = ({ id }) => !flows.has(id) || !isListed(flows.get(id));
  const fresh = news.filter((flow) => flow.at > opened && isListed(flow) && isNew(flow));
  const changed = news.filter((flow) => flows.get(flow.id)?.version !== flow.version);
  for (const flow of changed) flows.set(flow.id, flow);
  for (const flow of oldest()) flows.delete(flow.id);
  const same = changed.find((flow) => flow.id === player.flow?.id);
  if (same) player.renew(same);
  if (fresh.length && follows()) announce(fresh.sort(newestFirst)[0]);
  else if (!player.flow && newest()) player.rewind(newest());
  list();
}

// Play it now, or after the one that is on its way.
function announce(flow) {
  if (!player.playing && !player.isHeld) player.start(flow);
  else if (!flows.has(queued) || flow.at > flows.get(queued).at) queued = flow.id;
}

function oldest() {
  const all = [...flows.values()].filter((flow) => flow !== player.flow).sort(newestFirst);
  return [true, false].flatMap((chat) => all.filter((flow) => flow.chat === chat).slice(KEPT));
}

function list() {
  const focused = document.activeElement?.dataset?.id;
  find("recent").replaceChildren(...listed().map(item));
  if (focused) document.querySelector(`#recent [data-id="${CSS.escape(focused)}"]`)?.focus();
}

function item(flow) {
  const make = (tag) => document.createElement(tag);
  const [entry, button, words, small] = ["li", "button", "b", "small"].map(make);
  Object.assign(button.dataset, { id: flow.id, kind: flow.kind });
  button.classList.toggle("bad", isBad(flow));
  button.setAttribute("aria-current", flow.id === player.flow?.id);
  words.textContent = flow.title;
  const waits = flow.id === queued ? "next" : verdict(flow);
  small.textContent = `${new Date(flow.at).toLocaleTimeString([], { hour12: false })} · ${flow.hops.length} hops · ${waits}`;
  button.append(words, small);
  button.addEventListener("click", () => {
    setFollow(false);
    queued = null;
    player.start(flows.get(flow.id));
  });
  entry.append(button);
  return entry;
}

function setFollow(on) {
  find("follow").setAttribute("aria-pressed", on);
}

// --- what the user does ----------------------------------------------------------------------------

find("follow").addEventListener("click", () => {
  setFollow(!follows());
  if (follows() && newest() && newest() !== player.flow) player.start(newest());
});
for (const input of document.querySelectorAll("[name=show]")) input.addEventListener("change", list);

document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || target.matches("input, select")) return;
  if (moveInList(key, target) || player.press(key, target)) event.preventDefault();
});

function moveInList(key, target) {
  const step = { ArrowUp: -1, ArrowDown: 1 }[key];
  if (!step || !target.closest("#recent")) return false;
  const buttons = [...document.querySelectorAll("#recent button")];
  buttons[buttons.indexOf(target) + step]?.focus();
  return true;
}
