// The stream of the page: which run it is, what of it runs, for bench.js; its flows, for recent.js.
"use strict";

let about = null; // which run this is
const isBench = () => about?.people.length > 0; // in a notebook

function connect() {
  const source = new EventSource("/flows");
  const on = (name, act) => source.addEventListener(name, ({ data }) => act(JSON.parse(data)));
  on("about", greet);
  on("parts", (parts) => bench.showParts(parts));
  on("counts", (counts) => bench.showCounts(counts));
  on("flows", take);
  on("end", () => say("ended", isBench() ? "The stage has ended" : "run_step.sh has ended: start it again and this page goes on"));
  source.onerror = () => {
    if (find("connection").dataset.state !== "ended") say("ended", "Connection lost: has the stage ended?");
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
  find("empty").insertAdjacentHTML("afterend", data.idle);
  const tabs = data.people.length ? data.people : data.chat;
  find("chat").append("Open the chat:", ...tabs.map(({ name, url }) => {
    const link = document.createElement("a");
    Object.assign(link, { href: url, target: "_blank", rel: "noopener", textContent: name });
    return link;
  }));
  bench.welcome(data);
  return data;
}

function say(state, text) {
  find("connection").dataset.state = state;
  find("connection").textContent = text;
}

connect();
