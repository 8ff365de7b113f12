"use strict";
// The report: legends that hide curves, and a point cloud per scene.

for (const plots of document.querySelectorAll(".plots")) {
  plots.addEventListener("click", (event) => {
    const button = event.target.closest("button[data-codec]");
    if (!button) return;
    const shown = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", shown);
    for (const curve of plots.querySelectorAll(".curve"))
      if (curve.dataset.codec === button.dataset.codec) curve.classList.toggle("off", !shown);
  });
}

const reportData = JSON.parse(document.getElementById("data").textContent);

for (const ruler of document.querySelectorAll(".ruler[data-span]")) {
  const span = Number(ruler.dataset.span);
  const colors = [...bytesOf(reportData.tables.error)];
  ruler.innerHTML = scaleSvg(colors, -span, span, "mm", "decoded minus original depth");
}

// A scene's frames are decoded and its WebGL context made when it is first looked at.
const waiting = new IntersectionObserver((entries) => {
  for (const entry of entries) {
    if (!entry.isIntersecting) continue;
    waiting.unobserve(entry.target);
    const scene = reportData.scenes[Number(entry.target.dataset.scene)];
    const frames = new Frames({ frames: scene.frames, tables: reportData.tables });
    const view = openStage(entry.target.querySelector(".stage"), frames);
    if (!location.hash.includes("yaw")) view.look(-16, 9, 1.08); // a little aside, so that it is seen to be solid
  }
}, { rootMargin: "300px" });
document.querySelectorAll("[data-scene]").forEach((scene) => waiting.observe(scene));
