// Plays the flows that run_step.sh records: one hop after the other, slowly enough for the eye.

const find = (id) => document.getElementById(id);
const REST = 700; // ms between the end of one message and the next one that waits
const KEPT = 50; // messages, and as many other things
const STILL = matchMedia("(prefers-reduced-motion: reduce)");

const flows = new Map();
const opened = Date.now(); // what happened before is not played, only listed
let about = null; // which run this is
let current = null; // the flow that is shown
let queued = null; // the one that comes after it
let shown = 0; // how many of its hops are in the picture
let playing = false;
let begun = 0; // when the hop that is under way began; 0: it has not
let rest = null; // the timer between two messages
let picture = null; // its parts, see draw()

// --- the picture ---------------------------------------------------------------------------------

const form = () => document.querySelector("[name=form]:checked").value;
const frame = () => Number(find("speed").value); // ms a hop

function draw() {
  const svg = document.importNode(
    new DOMParser().parseFromString(current[form()], "image/svg+xml").documentElement, true);
  svg.querySelector(".dot")?.remove();
  const [, , width] = svg.getAttribute("viewBox").split(" ").map(Number);
  // Smaller than that nobody can read it; larger it only looks coarse.
  svg.style.minWidth = `${width * (form() === "map" ? 0.62 : 0.58)}px`;
  svg.style.maxWidth = `${width * 1.15}px`;
  const parts = form() === "map" ? mapParts(svg) : arrowParts(svg);
  picture = { svg, parts, heads: addHeads(svg), dot: addDot(svg) };
  find("picture").replaceChildren(svg);
  stick();
  show();
}

function arrowParts(svg) {
  return [...svg.querySelectorAll(".hop")].map((group) => {
    const [line, tip] = group.querySelectorAll(":scope > path");
    tip?.classList.add("tip");
    return { line, lit: [group], focus: group };
  });
}

function mapParts(svg) {
  const place = (name) => svg.querySelector(`[data-place="${name}"]`);
  const before = current.opening < current.hops.length ? current.opening : 0;
  return current.hops.map(({ from, to }, index) => {
    const way = svg.querySelector(`[data-from="${from}"][data-to="${to}"]`);
    const lit = [place(to), way].filter((each) => each && (index >= before || isOnce(each)));
    return { line: way?.querySelector("path"), lit, focus: place(to), start: index >= before && place(from) };
  });
}

// What a handshake did, once: not the clients and consumers that a message reaches again.
const isOnce = (each) => each.dataset.state === "once" || each.querySelector("[stroke-dasharray='5 4']");

// The heads of the lifelines once more: they stay in view while the picture scrolls.
function addHeads(svg) {
  const stations = [...svg.querySelectorAll(".station")];
  if (!stations.length) return null;
  const heads = create(svg, "g", { class: "heads", "aria-hidden": "true" });
  const first = stations[0].querySelector("rect");
  const [, , width] = svg.getAttribute("viewBox").split(" ");
  const top = Number(first.getAttribute("y")) - 16;
  const height = Number(first.getAttribute("height")) + 26;
  heads.append(create(svg, "rect", { x: 1, y: top, width: width - 2, height, fill: "#fcfdff" }));
  for (const station of stations) {
    heads.append(...[...station.children].filter(({ tagName }) => tagName !== "line").map((part) => part.cloneNode(true)));
  }
  heads.dataset.top = top;
  svg.append(heads);
  return heads;
}

function stick() {
  const { svg, heads } = picture ?? {};
  if (!heads) return;
  const units = svg.viewBox.baseVal.width / svg.getBoundingClientRect().width;
  const down = find("picture").scrollTop * units - heads.dataset.top;
  heads.style.display = down > 0 ? "" : "none";
  heads.setAttribute("transform", `translate(0 ${down})`);
}

function create(svg, tag, attributes) {
  const element = document.createElementNS(svg.namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}

function addDot(svg) {
  const dot = create(svg, "g", { class: "traveller" });
  dot.append(create(svg, "circle", { r: 11, opacity: 0.22 }), create(svg, "circle", { r: 5.5 }));
  dot.style.display = "none";
  svg.append(dot);
  return dot;
}

function travel(part, progress) {
  if (!part.line || STILL.matches) return;
  const point = part.line.getPointAtLength(part.line.getTotalLength() * progress);
  picture.dot.setAttribute("transform", `translate(${point.x} ${point.y})`);
  picture.dot.setAttribute("fill", part.line.getAttribute("stroke"));
  picture.dot.style.display = "";
}

function show() {
  const count = current.hops.length;
  const under = begun ? shown : shown - 1;
  for (const { lit, start } of picture.parts) {
    for (const each of [...lit, start]) each && each.classList.remove("past", "now", "travelling");
  }
  picture.parts.slice(0, under + 1).forEach(({ lit, start }, index) => {
    start && start.classList.add("past");
    for (const each of lit) each.classList.add(index === under ? "now" : "past");
    if (index === under && begun) lit[0]?.classList.add("travelling");
  });
  picture.svg.classList.toggle("finished", shown >= count && !begun);
  picture.dot.style.display = "none";
  describe(under, count);
}

function describe(under, count) {
  const over = shown >= count && !begun;
  find("title").textContent = current.title;
  find("count").textContent = `${under + 1} / ${count}`;
  find("position").max = count;
  find("position").value = under + 1;
  find("words").textContent = current.hops[under]?.words ?? "";
  find("words").classList.toggle("bad", Boolean(current.hops[under]?.lost));
  find("verdict").textContent = over ? verdict(current) : "on its way";
  find("verdict").classList.toggle("bad", over && isBad(current));
  find("play").classList.toggle("playing", playing);
  find("play").setAttribute("aria-label", playing ? "Pause" : "Play");
  for (const id of ["play", "replay", "position"]) find(id).disabled = !count;
  find("back").disabled = under < 0;
  find("step").disabled = over;
}

function verdict(flow) {
  const losses = flow.lost ? ["refused or lost"] : [];
  if (flow.missed.length) losses.push(`never reached: ${flow.missed.join(", ")}`);
  if (losses.length) return losses.join(" · ");
  if (!flow.complete) return "not over yet";
  return flow.kind === "message" ? "reached everybody" : "answered";
}

const isBad = (flow) => flow.lost || flow.missed.length > 0;

function keepInView() {
  const motion = STILL.matches ? "instant" : "smooth";
  picture.parts[shown]?.focus?.scrollIntoView({ block: "nearest", inline: "nearest", behavior: motion });
}

// --- playing -------------------------------------------------------------------------------------

function start(flow) {
  clearTimeout(rest);
  rest = null;
  current = flow;
  queued = queued === flow.id ? null : queued;
  // What was done once, before the message, is there already.
  shown = flow.opening < flow.hops.length ? flow.opening : 0;
  begun = 0;
  playing = true;
  find("picture").scrollTop = 0;
  draw();
  list();
}

function tick(now) {
  requestAnimationFrame(tick);
  if (!playing || !current || rest) return;
  if (shown >= current.hops.length) return finish();
  if (!begun) {
    begun = now;
    keepInView();
    show();
  }
  const progress = Math.min(1, (now - begun) / duration(picture.parts[shown]));
  if (progress < 1) return travel(picture.parts[shown], ease(progress));
  begun = 0;
  shown += 1;
  show();
}

// What does not leave its station is soon over.
const duration = ({ line }) => frame() * (line?.getTotalLength() > 60 ? 1 : 0.4);

const ease = (t) => (t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) * (1 - t));

function finish() {
  const next = queued && flows.get(queued);
  if (!next) {
    playing = false;
    return show();
  }
  rest = setTimeout(() => start(next), REST);
}

function stay(at) {
  clearTimeout(rest);
  rest = null;
  playing = false;
  begun = 0;
  shown = Math.max(0, Math.min(at, current.hops.length));
  show();
  picture.parts[shown - 1]?.focus?.scrollIntoView({ block: "nearest", inline: "nearest" });
}

const reached = () => shown + (begun ? 1 : 0);

function toggle() {
  if (!current) return;
  if (playing) return stay(reached());
  if (shown >= current.hops.length) return start(current);
  playing = true;
  show();
}

// --- what comes ----------------------------------------------------------------------------------

const isListed = (flow) =>
  document.querySelector("[name=show]:checked").value === "everything" || flow.chat;
const follows = () => find("follow").getAttribute("aria-pressed") === "true";
const newestFirst = (a, b) => b.at - a.at;
const newest = () => [...flows.values()].filter(isListed).sort(newestFirst)[0];

function take(news) {
  // What was a request at first may turn out to be a message.
  const isNew = ({ id }) => !flows.has(id) || !isListed(flows.get(id));
  const fresh = news.filter((flow) => flow.at > opened && isListed(flow) && isNew(flow));
  const changed = news.filter((flow) => flows.get(flow.id)?.version !== flow.version);
  for (const flow of changed) flows.set(flow.id, flow);
  for (const flow of oldest()) flows.delete(flow.id);
  const same = changed.find((flow) => flow.id === current?.id);
  if (same) renew(same);
  if (fresh.length && follows()) announce(fresh.sort(newestFirst)[0]);
  else if (!current && newest()) rewind(newest());
  list();
}

// Play it now, or after the one that is on its way.
function announce(flow) {
  if (!playing && !isHeld()) start(flow);
  else if (!flows.has(queued) || flow.at > flows.get(queued).at) queued = flow.id;
}

// Somebody looks at a hop: do not take it away.
const isHeld = () => current && !playing && shown < current.hops.length;

function oldest() {
  const all = [...flows.values()].filter((flow) => flow !== current).sort(newestFirst);
  return [true, false].flatMap((chat) => all.filter((flow) => flow.chat === chat).slice(KEPT));
}

// The flow that is shown has gone further since.
function renew(flow) {
  const over = shown >= current.hops.length && !begun;
  current = flow;
  shown = Math.min(shown, flow.hops.length);
  if (over && shown < flow.hops.length) playing = true;
  draw();
}

// Show a flow that has been before we came.
function rewind(flow) {
  start(flow);
  stay(flow.hops.length);
}

function list() {
  const items = [...flows.values()].filter(isListed).sort(newestFirst).map(item);
  const focused = document.activeElement?.dataset?.id;
  find("recent").replaceChildren(...items);
  if (focused) document.querySelector(`#recent [data-id="${CSS.escape(focused)}"]`)?.focus();
}

function item(flow) {
  const entry = document.createElement("li");
  const button = document.createElement("button");
  const words = document.createElement("b");
  const small = document.createElement("small");
  button.dataset.id = flow.id;
  button.dataset.kind = flow.kind;
  button.classList.toggle("bad", isBad(flow));
  button.setAttribute("aria-current", flow.id === current?.id);
  words.textContent = flow.title;
  const waits = flow.id === queued ? "next" : verdict(flow);
  small.textContent = `${new Date(flow.at).toLocaleTimeString([], { hour12: false })} · ${flow.hops.length} hops · ${waits}`;
  button.append(words, small);
  button.addEventListener("click", () => pick(flow.id));
  entry.append(button);
  return entry;
}

function pick(id) {
  setFollow(false);
  queued = null;
  start(flows.get(id));
}

function setFollow(on) {
  find("follow").setAttribute("aria-pressed", on);
}

// --- the stream ----------------------------------------------------------------------------------

function connect() {
  const source = new EventSource("/flows");
  const on = (name, act) => source.addEventListener(name, ({ data }) => act(JSON.parse(data)));
  on("about", greet);
  on("parts", showParts);
  on("flows", take);
  on("end", () => say("ended", "run_step.sh has ended: start it again and this page goes on"));
  source.onerror = () => {
    if (find("connection").dataset.state !== "ended") say("ended", "Connection lost: has run_step.sh ended?");
    if (source.readyState === EventSource.CLOSED) setTimeout(connect, 1000);
  };
}

function greet(data) {
  // Another run: what we have is no longer of use.
  if (about && about.run !== data.run) return location.reload();
  about ??= welcome(data);
  say("live", "Live");
}

function welcome(data) {
  document.title = `Flow · ${data.title}`;
  find("stage").textContent = data.title;
  document.querySelector(`[name=show][value=${data.show}]`).checked = true;
  find("chat").append("Open the chat:", ...data.chat.map(({ name, url }) => {
    const link = document.createElement("a");
    Object.assign(link, { href: url, target: "_blank", rel: "noopener", textContent: `on ${name}` });
    return link;
  }));
  return data;
}

function say(state, text) {
  find("connection").dataset.state = state;
  find("connection").textContent = text;
}

function showParts(parts) {
  find("parts").replaceChildren(...parts.map(({ name, ended, means }) => {
    const entry = document.createElement("li");
    entry.classList.toggle("ended", ended);
    entry.textContent = ended ? `${name} has ended: ${means}` : `${name} runs`;
    return entry;
  }));
}

// --- what the user does ----------------------------------------------------------------------------

const actions = {
  back: () => current && stay(reached() - 1),
  step: () => current && stay(reached() + 1 - (begun ? 1 : 0)),
  play: toggle,
  replay: () => current && start(current),
};
for (const [id, act] of Object.entries(actions)) find(id).addEventListener("click", act);
find("position").addEventListener("input", () => current && stay(Number(find("position").value)));
find("follow").addEventListener("click", () => {
  setFollow(!follows());
  if (follows() && newest() && newest() !== current) start(newest());
});
find("picture").addEventListener("scroll", stick);
addEventListener("resize", stick);
for (const input of document.querySelectorAll("[name=show]")) input.addEventListener("change", list);
for (const input of document.querySelectorAll("[name=form]")) {
  input.addEventListener("change", () => {
    localStorage.form = input.value;
    if (current) draw();
  });
}

const KEYS = { ArrowLeft: "back", ArrowRight: "step", " ": "play", r: "replay" };
document.addEventListener("keydown", (event) => {
  const { key, target } = event;
  if (event.ctrlKey || event.altKey || event.metaKey || target.matches("input, select")) return;
  if (target.closest("#recent") && ["ArrowUp", "ArrowDown"].includes(key)) {
    const buttons = [...document.querySelectorAll("#recent button")];
    buttons[buttons.indexOf(target) + (key === "ArrowDown" ? 1 : -1)]?.focus();
    event.preventDefault();
  } else if (KEYS[key] && !(key === " " && target.matches("button"))) {
    find(KEYS[key]).click();
    event.preventDefault();
  }
});

// On a narrow screen the map can be read, the sequence cannot.
const wanted = localStorage.form ?? (innerWidth < 960 ? "map" : "svg");
document.querySelector(`[name=form][value=${wanted}]`).checked = true;
requestAnimationFrame(tick);
connect();
