// Plays one flow: one hop after the other, slowly enough for the eye. A classic script that needs
// no server, so that a page from file:// can use it too.
"use strict";

const REST = 700; // ms between the end of one flow and the next one that waits
const STILL = matchMedia("(prefers-reduced-motion: reduce)");
const KEYS = { ArrowLeft: "back", ArrowRight: "step", " ": "play", r: "replay" };

// A flow has a title, both pictures (`svg`, `map`) and its `hops`, each with its words and the
// places of the map that it goes from and to; the first `opening` ones were before the message.
class Player {
  flow = null; // that is shown
  playing = false;
  shown = 0; // how many of its hops are in the picture
  begun = 0; // when the hop that is under way began; 0: it has not
  rest = null; // the timer between two flows
  picture = null; // its parts, see draw()

  // `find(name)` gives the page's element of that name. `next()` gives the flow to play after this
  // one, if there is one; `started()` is called when another flow is shown.
  constructor(find, { next = () => null, started = () => {} } = {}) {
    Object.assign(this, { find, next, started });
    for (const name of ["back", "step", "play", "replay"]) {
      find(name).addEventListener("click", () => this.flow && this[name]());
    }
    const position = find("position");
    position.addEventListener("input", () => this.flow && this.stay(Number(position.value)));
    find("picture").addEventListener("scroll", () => this.stick());
    addEventListener("resize", () => this.stick());
    this.offerForms();
    requestAnimationFrame((now) => this.tick(now));
  }

  offerForms() {
    // On a narrow screen the map can be read, the sequence cannot.
    const wanted = localStorage.form ?? (innerWidth < 960 ? "map" : "svg");
    this.find("forms").querySelector(`[value=${wanted}]`).checked = true;
    this.find("forms").addEventListener("change", () => {
      localStorage.form = this.form;
      if (this.flow) this.draw();
    });
  }

  get form() {
    return this.find("forms").querySelector(":checked").value;
  }

  get isOver() {
    return this.shown >= this.flow.hops.length && !this.begun;
  }

  // Somebody looks at a hop: do not take it away.
  get isHeld() {
    return this.flow && !this.playing && this.shown < this.flow.hops.length;
  }

  // --- what the user does --------------------------------------------------------------------------

  start(flow) {
    clearTimeout(this.rest);
    // What was done once, before the message, is there already.
    const shown = flow.opening < flow.hops.length ? flow.opening : 0;
    Object.assign(this, { flow, shown, begun: 0, rest: null, playing: true });
    this.find("picture").scrollTop = 0;
    this.draw();
    this.started(flow);
  }

  stay(at) {
    clearTimeout(this.rest);
    const shown = Math.max(0, Math.min(at, this.flow.hops.length));
    Object.assign(this, { shown, begun: 0, rest: null, playing: false });
    this.show();
    this.look(this.shown - 1);
  }

  // How many hops, with the one that is under way.
  get reached() {
    return this.shown + (this.begun ? 1 : 0);
  }

  back() {
    this.stay(this.reached - 1);
  }

  step() {
    this.stay(this.shown + 1);
  }

  replay() {
    this.start(this.flow);
  }

  // Or pause, if it plays.
  play() {
    if (this.playing) return this.stay(this.reached);
    if (this.shown >= this.flow.hops.length) return this.replay();
    this.playing = true;
    this.show();
  }

  // Show a flow as it is at its end.
  rewind(flow) {
    this.start(flow);
    this.stay(flow.hops.length);
  }

  // The flow that is shown has gone further since.
  renew(flow) {
    const wasOver = this.isOver;
    this.flow = flow;
    this.shown = Math.min(this.shown, flow.hops.length);
    if (wasOver && this.shown < flow.hops.length) this.playing = true;
    this.draw();
  }

  // Whether a key of the keyboard meant the player; it has been heeded then.
  press(key, target) {
    if (!KEYS[key] || (key === " " && target.matches("button"))) return false;
    this.find(KEYS[key]).click();
    return true;
  }

  // --- playing -------------------------------------------------------------------------------------

  tick(now) {
    requestAnimationFrame((later) => this.tick(later));
    if (!this.playing || !this.flow || this.rest) return;
    if (this.shown >= this.flow.hops.length) return this.finish();
    const part = this.picture.parts[this.shown];
    if (!this.begun) {
      this.begun = now;
      this.look(this.shown, STILL.matches ? "instant" : "smooth");
      this.show();
    }
    const progress = Math.min(1, (now - this.begun) / this.duration(part));
    if (progress < 1) return this.travel(part, ease(progress));
    this.begun = 0;
    this.shown += 1;
    this.show();
  }

  // In ms. What does not leave its station is soon over.
  duration({ line }) {
    return Number(this.find("speed").value) * (line?.getTotalLength() > 60 ? 1 : 0.4);
  }

  finish() {
    const next = this.next();
    this.playing = Boolean(next);
    if (next) this.rest = setTimeout(() => this.start(next), REST);
    else this.show();
  }

  // --- the picture ---------------------------------------------------------------------------------

  draw() {
    const text = this.flow[this.form];
    const svg = document.importNode(new DOMParser().parseFromString(text, "image/svg+xml").documentElement, true);
    svg.querySelector(".dot")?.remove();
    const width = widthOf(svg);
    // Smaller than that nobody can read it; larger it only looks coarse.
    svg.style.minWidth = `${width * (this.form === "map" ? 0.62 : 0.58)}px`;
    svg.style.maxWidth = `${width * 1.15}px`;
    const parts = this.form === "map" ? mapParts(svg, this.flow) : arrowParts(svg);
    this.picture = { svg, parts, heads: addHeads(svg), dot: addDot(svg) };
    this.find("picture").replaceChildren(svg);
    this.stick();
    this.show();
  }

  // Keep the heads of the lifelines in view.
  stick() {
    const { svg, heads } = this.picture ?? {};
    if (!heads) return;
    const units = svg.viewBox.baseVal.width / svg.getBoundingClientRect().width;
    const down = this.find("picture").scrollTop * units - heads.dataset.top;
    heads.style.display = down > 0 ? "" : "none";
    heads.setAttribute("transform", `translate(0 ${down})`);
  }

  // Bring a hop into view; within the picture only, the page itself stays (where browsers can).
  look(index, behavior = "auto") {
    this.picture.parts[index]?.focus?.scrollIntoView({ block: "nearest", inline: "nearest", container: "nearest", behavior });
  }

  travel({ line }, progress) {
    if (!line || STILL.matches) return;
    const { dot } = this.picture;
    const point = line.getPointAtLength(line.getTotalLength() * progress);
    dot.setAttribute("transform", `translate(${point.x} ${point.y})`);
    dot.setAttribute("fill", line.getAttribute("stroke"));
    dot.style.display = "";
  }

  show() {
    const { svg, parts, dot } = this.picture;
    const under = this.reached - 1;
    for (const { lit, start } of parts) {
      for (const each of [...lit, start]) each?.classList.remove("past", "now", "travelling");
    }
    parts.slice(0, under + 1).forEach(({ lit, start }, index) => {
      start?.classList.add("past");
      for (const each of lit) each.classList.add(index === under ? "now" : "past");
      if (index === under && this.begun) lit[0]?.classList.add("travelling");
    });
    svg.classList.toggle("finished", this.isOver);
    dot.style.display = "none";
    this.describe(under);
  }

  describe(under) {
    const { find, flow, isOver, playing } = this;
    const count = flow.hops.length;
    find("title").textContent = flow.title;
    find("count").textContent = `${under + 1} / ${count}`;
    find("position").max = count;
    find("position").value = under + 1;
    find("words").textContent = flow.hops[under]?.words ?? "";
    find("words").classList.toggle("bad", Boolean(flow.hops[under]?.lost));
    find("verdict").textContent = isOver ? verdict(flow) : "on its way";
    find("verdict").classList.toggle("bad", isOver && isBad(flow));
    find("play").classList.toggle("playing", playing);
    find("play").setAttribute("aria-label", playing ? "Pause" : "Play");
    for (const name of ["play", "replay", "position"]) find(name).disabled = !count;
    find("back").disabled = under < 0;
    find("step").disabled = isOver;
  }
}

const ease = (t) => (t < 0.5 ? 2 * t * t : 1 - 2 * (1 - t) * (1 - t));

const isBad = (flow) => flow.lost || flow.missed.length > 0;

function verdict(flow) {
  const losses = flow.lost ? ["refused or lost"] : [];
  if (flow.missed.length) losses.push(`never reached: ${flow.missed.join(", ")}`);
  if (losses.length) return losses.join(" · ");
  if (!flow.complete) return "not over yet";
  return flow.kind === "message" ? "reached everybody" : "answered";
}

// --- the parts of a picture: the line of each hop, and what it lights -------------------------------

function arrowParts(svg) {
  return [...svg.querySelectorAll(".hop")].map((group) => {
    const [line, tip] = group.querySelectorAll(":scope > path");
    tip?.classList.add("tip");
    return { line, lit: [group], focus: group, arrow: group };
  });
}

function mapParts(svg, { hops, opening }) {
  const place = (name) => svg.querySelector(`[data-place="${name}"]`);
  const before = opening < hops.length ? opening : 0;
  return hops.map(({ from, to }, index) => {
    const way = svg.querySelector(`[data-from="${from}"][data-to="${to}"]`);
    const lit = [place(to), way].filter((each) => each && (index >= before || isOnce(each)));
    const start = index >= before ? place(from) : null;
    return { line: way?.querySelector("path"), lit, focus: place(to), start, arrow: way };
  });
}

// What a handshake did, once: not the clients and consumers that a message reaches again.
const isOnce = (each) => each.dataset.state === "once" || each.querySelector("[stroke-dasharray='5 4']");

// The heads of the lifelines, a second time: they stay in view while the picture scrolls.
function addHeads(svg) {
  const stations = [...svg.querySelectorAll(".station")];
  if (!stations.length) return null;
  const heads = create(svg, "g", { class: "heads", "aria-hidden": "true" });
  const first = stations[0].querySelector("rect");
  const top = Number(first.getAttribute("y")) - 16;
  const height = Number(first.getAttribute("height")) + 26;
  const width = widthOf(svg) - 2;
  heads.append(create(svg, "rect", { x: 1, y: top, width, height, fill: "#fcfdff" }));
  for (const station of stations) {
    heads.append(...[...station.children].filter(({ tagName }) => tagName !== "line").map((part) => part.cloneNode(true)));
  }
  heads.dataset.top = top;
  svg.append(heads);
  return heads;
}

const widthOf = (svg) => Number(svg.getAttribute("viewBox").split(" ")[2]);

function addDot(svg) {
  const dot = create(svg, "g", { class: "traveller" });
  dot.append(create(svg, "circle", { r: 11, opacity: 0.22 }), create(svg, "circle", { r: 5.5 }));
  dot.style.display = "none";
  svg.append(dot);
  return dot;
}

function create(svg, tag, attributes) {
  const element = document.createElementNS(svg.namespaceURI, tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  return element;
}
