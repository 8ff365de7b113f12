"use strict";
// Playing the frames of a recording: by its own times, step by step, or where one points.

function openRecording() {
  const data = JSON.parse(document.getElementById("data").textContent);
  const frames = new Frames(data), list = data.frames;
  const stage = document.querySelector(".stage"), color = document.querySelector("img#color");
  const find = (name) => document.querySelector(`[data-player="${name}"]`);
  const [play, seek, tell, speed] = ["play", "seek", "tell", "speed"].map(find);
  const plot = document.querySelector("svg.timeline"), cursor = plot.querySelector(".cursor");
  const left = Number(plot.dataset.left), wide = Number(plot.dataset.width) - left;
  let index = 0, timer = null, view = null;

  const flat = (at) => (stage ? flatPictures(frames, at) : null);
  if (stage) view = openStage(stage, frames, flat);
  color.closest("figure").hidden = !list.some((f) => f.color);

  async function go(at) {
    index = Math.max(0, Math.min(list.length - 1, at));
    const now = list[index];
    seek.value = index;
    tell.textContent = `frame ${now.number.toLocaleString("en")} of ${data.count.toLocaleString("en")}, ${now.seconds.toFixed(3)} s`;
    const x = left + (wide * (now.number + 0.5)) / data.count;
    cursor.setAttribute("transform", `translate(${x - left} 0)`);
    document.body.dataset.frame = now.number;
    if (view) await view.setFrame(index);
    else color.src = now.color;
    frames.ahead(index + 1);
  }

  function stop() {
    clearTimeout(timer);
    timer = null;
    play.textContent = "play";
    play.setAttribute("aria-pressed", "false");
  }

  function later() { // the next frame comes when its time does, however long this one took to show
    const next = (index + 1) % list.length;
    const wait = next ? list[next].seconds - list[index].seconds : 0.7;
    const due = performance.now() + (1000 * Math.max(0.01, Math.min(2, wait))) / Number(speed.value);
    go(next).then(() => {
      if (timer !== null) timer = setTimeout(later, Math.max(0, due - performance.now()));
    });
  }

  function toggle() {
    if (timer !== null) return stop();
    play.textContent = "pause";
    play.setAttribute("aria-pressed", "true");
    timer = setTimeout(later, 0);
  }

  const step = (by) => { stop(); go(index + by); };
  play.addEventListener("click", toggle);
  find("back").addEventListener("click", () => step(-1));
  find("on").addEventListener("click", () => step(1));
  seek.addEventListener("input", () => { stop(); go(Number(seek.value)); });
  plot.addEventListener("click", (event) => {
    const box = plot.getBoundingClientRect();
    const at = ((event.clientX - box.left) / box.width) * (wide + left) - left;
    const number = (at / wide) * data.count;
    const near = list.map((f, i) => [Math.abs(f.number + 0.5 - number), i]).sort((a, b) => a[0] - b[0]);
    stop();
    go(near[0][1]);
  });
  document.addEventListener("keydown", (event) => {
    if (event.target.closest("input, select, button, canvas.cloud")) {
      if (event.key !== "," && event.key !== ".") return;
    }
    if (event.key === " ") { event.preventDefault(); toggle(); }
    else if (event.key === "," || event.key === "ArrowLeft") step(-1);
    else if (event.key === "." || event.key === "ArrowRight") step(1);
  });
  const wanted = new URLSearchParams(location.hash.slice(1));
  go(Number(wanted.get("frame") ?? 0));
  if (wanted.get("play") === "1") toggle();
}

openRecording();
