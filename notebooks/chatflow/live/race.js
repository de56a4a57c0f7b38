"use strict";
// The race as its server tells it: the whole state at each change, written where it has changed.

const SIGNS = { yes: "✓", no: "✗" };
const CALLS = { ready: "Start", running: "Running", over: "Race again" };
const ENDS = ["none", "half", "all", "broken"];
const find = (id) => document.getElementById(id);
const told = new Map(); // what has been said aloud of each lane

const set = (element, text) => { if (element.textContent !== text) element.textContent = text; };

function child(parent, number, html) {
  if (!parent.children[number]) parent.insertAdjacentHTML("beforeend", html);
  return parent.children[number];
}

function showLane(lane, number) {
  const item = child(find("lanes"), number, "<li><div><h2></h2><p></p></div><div></div></li>");
  set(item.querySelector("h2"), `${lane.name} ${lane.title}`);
  set(item.querySelector("p"), lane.says);
  item.dataset.end = lane.end;
  if (item.track !== lane.track) item.lastElementChild.innerHTML = item.track = lane.track;
}

function showRow(row, number) {
  const line = child(find("rows"), number, "<tr><th scope='row'></th></tr>");
  set(line.firstElementChild, row.sentence);
  row.cells.forEach((found, column) => {
    const cell = child(line, column + 1, "<td><span aria-hidden='true'></span><span class='unseen'></span></td>");
    cell.dataset.cell = found;
    set(cell.firstElementChild, SIGNS[found] ?? found);
    set(cell.lastElementChild, found);
  });
}

function tell(lanes) {
  const isOver = (lane) => ENDS.includes(lane.end);
  for (const lane of lanes) if (!isOver(lane)) told.delete(lane.name); // it is a new race
  const news = lanes.filter((lane) => isOver(lane) && told.get(lane.name) !== lane.says);
  for (const lane of news) told.set(lane.name, lane.says);
  if (news.length) set(find("news"), news.map((lane) => `${lane.name}: ${lane.says}`).join(". "));
}

function show(state) {
  document.title = state.title;
  set(find("title"), state.title);
  set(find("about"), state.about);
  set(find("progress"), state.progress);
  set(find("start"), CALLS[state.phase]);
  find("start").disabled = state.phase === "running";
  state.lanes.forEach((lane, number) => {
    set(child(find("heads"), number + 1, "<th scope='col'></th>"), lane.name);
    showLane(lane, number);
  });
  state.rows.forEach(showRow);
  tell(state.lanes);
  state.reasons.forEach((reason, number) => set(child(find("reasons"), number, "<li></li>"), reason));
  while (find("reasons").children.length > state.reasons.length) find("reasons").lastChild.remove();
}

function ended(source) {
  source.close();
  find("start").disabled = true;
  set(find("start"), "Ended");
  set(find("progress"), "race.sh has ended. Start it again, and load this page again.");
}

const source = new EventSource("/news");
source.addEventListener("state", (event) => show(JSON.parse(event.data)));
source.addEventListener("end", () => ended(source));
source.addEventListener("error", () => { if (find("lanes").children.length) ended(source); });
find("start").addEventListener("click", () => fetch("/start", { method: "POST" }));
