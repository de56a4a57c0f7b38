// The stream of run_step.sh: which run it is, what of it runs, and its flows, for recent.js.
"use strict";

let about = null; // which run this is

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

connect();
