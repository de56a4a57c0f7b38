// A player whose hops can be opened: what each carried, when, and the line of code. Needs player.js.
"use strict";

const OPENS = ["Enter", " "];

class OpeningPlayer extends Player {
  isOpen = false;
  from = null; // the arrow by which it was opened, as its number; null: by the button

  constructor(find, options) {
    super(find, options);
    const picture = find("picture");
    picture.addEventListener("click", ({ target }) => this.openArrow(target));
    picture.addEventListener("keydown", (event) => {
      if (!OPENS.includes(event.key) || !this.openArrow(event.target)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    find("open").addEventListener("click", () => this.open(this.reached - 1));
    find("before").addEventListener("click", () => this.stay(Math.max(1, this.reached - 1)));
    find("after").addEventListener("click", () => this.step());
    const sheet = find("opened");
    find("close").addEventListener("click", () => sheet.close());
    sheet.addEventListener("click", ({ target }) => target === sheet && sheet.close());
    sheet.addEventListener("close", () => this.closed());
  }

  // Whether there is one. An arrow of the map stands for several hops: the last that has happened.
  openArrow(target) {
    const arrow = target.closest("[data-opens]");
    if (!arrow) return false;
    const numbers = arrow.dataset.opens.split(" ").map(Number);
    const number = numbers.findLast((each) => each < this.reached) ?? numbers[0];
    this.open(number, numbers[0]);
    return true;
  }

  open(number, from = null) {
    Object.assign(this, { from, isOpen: true });
    this.find("opened").showModal();
    this.stay(number + 1);
  }

  closed() {
    this.isOpen = false;
    (this.picture.parts[this.from]?.arrow ?? this.find("open")).focus();
    if (this.isOver) this.playing = true; // with the flow that waits, if one does
  }

  fill() {
    const hop = this.flow.hops[this.reached - 1];
    this.find("open").disabled = !hop;
    if (!this.isOpen || !hop) return;
    this.find("hop").textContent = hop.words;
    this.find("rows").replaceChildren(...hop.opened.map(row));
  }

  // --- what else a player does: nothing takes an opened hop away -----------------------------------

  get isHeld() {
    return super.isHeld || (this.isOpen && !this.playing);
  }

  finish() {
    if (this.isOpen) this.stay(this.reached);
    else super.finish();
  }

  renew(flow) {
    const { playing } = this;
    super.renew(flow);
    if (this.isOpen && !playing) this.stay(this.reached);
  }

  draw() {
    const focused = this.picture?.parts.findIndex(({ arrow }) => arrow === document.activeElement);
    super.draw();
    openable(this.picture, this.flow);
    this.picture.parts[focused]?.arrow?.focus({ preventScroll: true });
  }

  describe(under) {
    super.describe(under);
    this.fill();
  }
}

// Let each arrow be reached by keyboard and hit by a finger, and say which hops it is.
function openable({ svg, parts }, { hops }) {
  svg.setAttribute("role", "group"); // an image has no parts that could be opened
  for (const arrow of new Set(parts.map((part) => part.arrow).filter(Boolean))) {
    const numbers = [...parts.keys()].filter((number) => parts[number].arrow === arrow);
    const more = numbers.length > 1 ? `, and ${numbers.length - 1} more` : "";
    const label = `Open ${hops[numbers[0]].words}${more}`;
    const looks = { tabindex: 0, role: "button", "aria-haspopup": "dialog", "aria-label": label };
    for (const [name, value] of Object.entries(looks)) arrow.setAttribute(name, value);
    arrow.dataset.opens = numbers.join(" ");
    const d = parts[numbers[0]].line.getAttribute("d");
    arrow.append(create(svg, "path", { class: "hit", d }));
  }
}

function row([name, text]) {
  const make = (tag, words) => Object.assign(document.createElement(tag), { textContent: words });
  const element = document.createElement("div");
  element.append(make("dt", name), make("dd", text));
  return element;
}
