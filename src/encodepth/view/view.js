"use strict";
// The buttons around a point cloud, and the flat pictures below it.

const VIEWS = [["front", 0, 0, 1], ["left", -30, 12, 1.15], ["right", 35, 20, 1.25], ["above", 0, 55, 1.35]];

function buttons(parent, title, names, pick) {
  parent.replaceChildren();
  if (title) parent.append(Object.assign(document.createElement("span"), { textContent: title }));
  const made = names.map((name, i) => {
    const button = Object.assign(document.createElement("button"), { type: "button", textContent: name });
    button.addEventListener("click", () => pick(i));
    parent.append(button);
    return button;
  });
  return (chosen) => made.forEach((b, i) => b.setAttribute("aria-pressed", i === chosen));
}

// One stage: `changed(index)` is told which frame is shown.
function openStage(stage, frames, changed = () => {}) {
  const canvas = stage.querySelector("canvas.cloud"), view = new CloudView(canvas, frames);
  const find = (name) => stage.querySelector(`[data-${name}]`);
  const list = frames.list, spans = list.map((f) => f.span).filter(Boolean);
  view.span = spans.length ? Math.max(...spans) : 50;
  canvas.style.aspectRatio = `${list[0].width} / ${list[0].height}`;
  if (!view.gl) {
    canvas.hidden = true;
    stage.querySelector("img.poster").hidden = false;
    find("legend").innerHTML = '<p class="note">This browser has no WebGL 2: a still picture.</p>';
  }
  const inColor = list.some((f) => f.color !== "");
  const compares = list.some((f) => f.against != null);
  const modes = [[0, "colour", inColor], [1, "depth", true], [2, "error", compares]].filter((m) => m[2]);
  const pressMode = buttons(find("modes"), "", modes.map((m) => m[1]), (i) => setMode(modes[i][0]));
  const groups = [...new Set(list.map((f) => f.group ?? ""))];
  const framesBar = find("frames");
  framesBar.hidden = list.length < 2 || Boolean(frames.keep);
  const presses = frames.keep ? [] : groups.map((group) => {
    const row = document.createElement("div");
    row.className = "choice";
    row.setAttribute("role", "group");
    framesBar.append(row);
    const own = list.map((f, i) => i).filter((i) => (list[i].group ?? "") === group);
    const press = buttons(row, group, own.map((i) => list[i].label), (k) => setFrame(own[k]));
    return (chosen) => press(own.indexOf(chosen));
  });
  buttons(find("views"), "from", VIEWS.map((v) => v[0]), (i) => view.look(...VIEWS[i].slice(1)));
  find("mark").addEventListener("change", (event) => {
    view.mark = event.target.checked;
    view.draw();
  });

  function setMode(mode) {
    view.mode = mode;
    pressMode(modes.findIndex((m) => m[0] === mode));
    describe();
    view.draw();
  }

  async function setFrame(index) {
    presses.forEach((press) => press(index));
    stage.dataset.frame = index;
    const frame = list[index];
    if (frame.against == null && view.mode === 2) setMode(modes[0][0]);
    await view.show(index);
    describe();
    changed(index);
  }

  function describe() {
    const frame = list[Number(stage.dataset.frame) || 0];
    const base = frame.against == null ? frame : list[frame.against];
    const tables = frames.tables, parts = [];
    if (view.mode === 1)
      parts.push(scaleSvg([...bytesOf(tables.depth)], ...base.range, "m", "depth"));
    if (view.mode === 2)
      parts.push(scaleSvg([...bytesOf(tables.error)], -view.span, view.span, "mm", "decoded minus original depth"));
    const how = frame.against == null ? "hang between a nearer and a farther neighbour" : "lie at a depth edge and are off by more than 50 mm";
    const share = ((100 * frame.flying) / Math.max(frame.points, 1)).toFixed(2);
    const note = document.createElement("p");
    note.className = "note";
    note.textContent = `${frame.note ? frame.note + " · " : ""}${frame.points.toLocaleString("en")} points; ${frame.flying.toLocaleString("en")} (${share} %) ${how}`;
    find("legend").innerHTML = parts.join("");
    find("legend").append(note);
  }

  const wanted = new URLSearchParams(location.hash.slice(1)); // #mode=1&yaw=30&frame=1: for links
  const number = (name, usual) => Number(wanted.get(name) ?? usual);
  setMode(modes.some((m) => m[0] === number("mode", -1)) ? number("mode", 0) : modes[0][0]);
  view.mark = find("mark").checked = wanted.get("flying") === "1";
  view.look(number("yaw", 0), number("pitch", 0), number("distance", 1));
  setFrame(Math.min(number("frame", list.findIndex((f) => f.first) < 0 ? 0 : list.findIndex((f) => f.first)), list.length - 1));
  view.setFrame = setFrame;
  return view;
}

// Depth and error as flat pictures; the number under the pointer is read out.
async function flatPictures(frames, index) {
  const now = await frames.get(index);
  const other = now.frame.against == null ? null : await frames.get(now.frame.against);
  for (const canvas of document.querySelectorAll("canvas[data-flat]")) {
    const mode = Number(canvas.dataset.flat), figure = canvas.closest("figure");
    figure.hidden = mode === 2 && !other;
    if (figure.hidden) continue;
    const span = now.frame.span ?? 50;
    paintFlat(canvas, now, other, mode, frames.tables, span);
    const scale = figure.querySelector(".ruler");
    scale.innerHTML =
      mode === 2
        ? scaleSvg([...bytesOf(frames.tables.error)], -span, span, "mm", "decoded minus original depth")
        : scaleSvg([...bytesOf(frames.tables.depth)], ...(other ?? now).frame.range, "m", "depth; holes in grey");
    const reading = figure.querySelector("output");
    canvas.onpointermove = (event) => {
      const box = canvas.getBoundingClientRect(), { width, height, step } = now.frame;
      const x = Math.min(width - 1, Math.floor(((event.clientX - box.left) / box.width) * width));
      const y = Math.min(height - 1, Math.floor(((event.clientY - box.top) / box.height) * height));
      const z = now.depth[y * width + x], was = other ? other.depth[y * width + x] : 0;
      const mm = z * now.frame.unit * 1000 - (other ? was * other.frame.unit * 1000 : 0);
      const value = z === 0 ? "hole" : mode === 2 ? (was ? `${mm.toFixed(1)} mm` : "hole in the other") : `${(z * now.frame.unit).toFixed(3)} m`;
      reading.textContent = `column ${x * step}, row ${y * step}: ${value}`;
    };
  }
  const color = document.querySelector("img#color");
  if (color && now.image) color.src = now.image.src;
}

function openPage() {
  const data = document.getElementById("data");
  const stage = document.querySelector(".stage");
  if (!data || !stage) return;
  const frames = new Frames(JSON.parse(data.textContent));
  openStage(stage, frames, (index) => flatPictures(frames, index));
}

if (!document.body.dataset.page) openPage(); // a report and a recording open their own
