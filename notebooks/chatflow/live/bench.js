// The bench: two people at their pages, what has become of their messages, and a switch for each
// part. Needs recent.js.
"use strict";

class Bench {
  constructor() {
    find("parts").addEventListener("click", ({ target }) => target.dataset.action && this.press(target));
  }

  welcome({ token, people }) {
    this.token = token;
    if (!people.length) return;
    document.body.classList.add("bench");
    find("people").hidden = find("counts").hidden = false;
    find("empty").textContent = "Write something, as alice or as bob. Its way appears here.";
    // There is less room for the picture.
    if (!localStorage.form) find("forms").querySelector("[value=map]").checked = true;
    find("people").replaceChildren(...people.map(({ name, url }) => {
      const page = document.createElement("iframe");
      return Object.assign(page, { src: url, title: `The page of ${name}` });
    }));
  }

  // The buttons stay the same elements, so that the focus stays where it is.
  showParts(parts) {
    for (const part of parts) {
      const item = this.itemOf(part);
      item.dataset.state = part.state;
      item.querySelector(".state").textContent = part.state;
      for (const button of item.querySelectorAll("button")) {
        button.setAttribute("aria-disabled", !part.actions.includes(button.dataset.action));
      }
    }
    find("means").replaceChildren(...parts.filter(({ means }) => means).map(({ state, means }) => {
      const said = document.createElement("p");
      said.dataset.state = state;
      said.textContent = means;
      return said;
    }));
  }

  itemOf({ name, known }) {
    const shown = [...find("parts").children].find((item) => item.dataset.name === name);
    if (shown) return shown;
    const item = find("part").content.cloneNode(true).firstElementChild;
    item.dataset.name = item.querySelector("b").textContent = name;
    item.querySelector(".buttons").setAttribute("aria-label", name);
    for (const button of item.querySelectorAll("button")) {
      button.hidden = !known.includes(button.dataset.action);
      button.setAttribute("aria-label", `${button.textContent} ${name}`);
    }
    find("parts").append(item);
    return item;
  }

  showCounts(counts) {
    find("counts").replaceChildren(...counts.map((count) => {
      const item = document.createElement("li");
      item.classList.toggle("bad", count.lost > 0);
      item.textContent = inWords(count);
      return item;
    }));
  }

  async press(button) {
    if (button.getAttribute("aria-disabled") === "true") return;
    const { action } = button.dataset;
    const { name } = button.closest("li").dataset;
    const body = JSON.stringify({ name, action });
    button.setAttribute("aria-busy", "true");
    const answer = await fetch("/switch", { method: "POST", headers: { "X-Token": this.token }, body });
    button.removeAttribute("aria-busy");
    // What it has done comes by the stream, to all who watch.
    if (!answer.ok) find("means").textContent = await answer.text();
  }
}

function inWords({ writer, reader, written, heard, reloaded, on_the_way, lost, stored }) {
  const words = [`${writer} wrote ${written}`, `${reader} heard ${heard}`];
  if (reloaded) words.push(`${reloaded} after a reload`);
  if (on_the_way) words.push(`${on_the_way} on the way`);
  words.push(`lost ${lost}`, `in the database ${stored ?? "?"}`);
  return words.join(" · ");
}

const bench = new Bench();
