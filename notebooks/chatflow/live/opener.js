// Opens a hop of the flow that is shown: what it carried, when, and the line of code. Needs player.js.
"use strict";

const OPENS = ["Enter", " "];

class Opener {
  from = null; // the arrow by which it was opened, as its number; null: by the button

  constructor(find, player) {
    Object.assign(this, { find, player, sheet: find("opened") });
    player.changed = () => this.fill();
    const picture = find("picture");
    picture.addEventListener("click", ({ target }) => this.openArrow(target));
    picture.addEventListener("keydown", (event) => {
      if (!OPENS.includes(event.key) || !this.openArrow(event.target)) return;
      event.preventDefault();
      event.stopPropagation();
    });
    find("open").addEventListener("click", () => this.open(player.reached - 1));
    find("before").addEventListener("click", () => player.stay(Math.max(1, player.reached - 1)));
    find("after").addEventListener("click", () => player.step());
    find("close").addEventListener("click", () => this.sheet.close());
    this.sheet.addEventListener("click", ({ target }) => target === this.sheet && this.sheet.close());
    this.sheet.addEventListener("close", () => this.closed());
  }

  // Whether there is one. An arrow of the map stands for several hops: the last that has happened.
  openArrow(target) {
    const arrow = target.closest("[data-opens]");
    if (!arrow) return false;
    const numbers = arrow.dataset.opens.split(" ").map(Number);
    const number = numbers.findLast((each) => each < this.player.reached) ?? numbers[0];
    this.open(number, numbers[0]);
    return true;
  }

  open(number, from = null) {
    this.from = from;
    this.player.held = true;
    this.sheet.showModal();
    this.player.stay(number + 1);
  }

  fill() {
    const { find, player } = this;
    const hop = player.flow.hops[player.reached - 1];
    find("open").disabled = !hop;
    if (!this.sheet.open || !hop) return;
    find("hop").textContent = hop.words;
    find("rows").replaceChildren(...hop.opened.map(row));
  }

  closed() {
    const { player } = this;
    player.held = false;
    (player.picture.parts[this.from]?.arrow ?? this.find("open")).focus();
    player.goOn();
  }
}

function row(texts) {
  const parts = ["div", "dt", "dd"].map((tag) => document.createElement(tag));
  const [element, ...terms] = parts;
  terms.forEach((term, index) => { term.textContent = texts[index]; });
  element.append(...terms);
  return element;
}
