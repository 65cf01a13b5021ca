// What the pages need beyond htmx: the token on every act, dialogs, curves, and waiting for a device.
"use strict";

document.addEventListener("htmx:config:request", (event) => {
  event.detail.ctx.request.headers["X-CSRF-Token"] = document.querySelector("meta[name=csrf]").content;
});

// ---------------------------------------------------------------- dialogs
const reload = () => window.location.reload();

function open(dialog) {
  dialog.showModal();
  const first = dialog.querySelector("[autofocus]");
  if (first) first.focus();
  if ("reload" in dialog.dataset) window.setTimeout(reload, Number(dialog.dataset.reload));
  if ("reloadOnClose" in dialog.dataset) dialog.addEventListener("close", reload);
}

const place = document.getElementById("dialog");
new MutationObserver(() => {
  const dialog = place.querySelector("dialog[data-modal]:not([open])");
  if (dialog) open(dialog);
}).observe(place, { childList: true });

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-close]");
  if (button) button.closest("dialog").close();
});

document.addEventListener("change", (event) => {
  const chosen = event.target.closest("select[data-pair]");
  if (chosen) chosen.form.elements[chosen.dataset.pair].value = chosen.selectedOptions[0].dataset.value;
});

// A site that does not answer is told, never guessed around.
document.addEventListener("htmx:error", (event) => {
  if (event.target.closest("[hx-trigger]")) return;
  const dialog = document.createElement("dialog");
  dialog.className = "message";
  dialog.dataset.modal = "";
  const text = document.createElement("p");
  text.textContent = "The site does not answer. Nothing is lost: wait a moment, reload the page and look whether it was recorded.";
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.close = "";
  button.textContent = "OK";
  dialog.append(text, button);
  place.replaceChildren(dialog);
});

// ---------------------------------------------------------------- waiting for a device to finish
for (const waiting of document.querySelectorAll("[data-wait-for]")) {
  const look = async () => {
    const answer = await fetch(waiting.dataset.url + "/position", { credentials: "same-origin" });
    if (answer.ok && (await answer.json()).next_seq > Number(waiting.dataset.waitFor)) reload();
  };
  window.setInterval(() => look().catch(() => undefined), 2000);
}

// ---------------------------------------------------------------- curves with their limits
const EVERY_MS = 2000;
const number = (text) => (text === "" || text === undefined ? null : Number(text));

function limits(low, high) {
  return (plot) => {
    const { ctx, bbox } = plot;
    ctx.save();
    ctx.strokeStyle = "#a32018";
    ctx.lineWidth = 1.5;
    ctx.setLineDash([6, 4]);
    for (const limit of [low, high]) {
      if (limit === null) continue;
      const y = plot.valToPos(limit, "y", true);
      ctx.beginPath();
      ctx.moveTo(bbox.left, y);
      ctx.lineTo(bbox.left + bbox.width, y);
      ctx.stroke();
    }
    ctx.restore();
  };
}

function draw(figure) {
  const low = number(figure.dataset.low);
  const high = number(figure.dataset.high);
  const around = (_plot, least, most) => {
    const bottom = Math.min(...[least, low].filter((one) => one !== null));
    const top = Math.max(...[most, high].filter((one) => one !== null));
    const air = (top - bottom || 1) * 0.12;
    return [bottom - air, top + air];
  };
  const size = () => ({ width: figure.clientWidth, height: 170 });
  const plot = new uPlot({
    ...size(),
    tzDate: (at) => uPlot.tzDate(new Date(at * 1000), figure.dataset.tz),
    cursor: { drag: { x: false, y: false } },
    legend: { show: false },
    scales: { y: { range: around } },
    series: [{}, { label: figure.dataset.label, stroke: "#0a5c63", width: 1.6, spanGaps: false }],
    axes: [
      { stroke: "#4b5a62", grid: { stroke: "#e4e9ec" }, values: [[86400, "{DD}.{MM}."], [3600, "{HH}:{mm}"], [60, "{HH}:{mm}"]] },
      { stroke: "#4b5a62", grid: { stroke: "#e4e9ec" }, size: 52 },
    ],
    hooks: { draw: [limits(low, high)] },
  }, [[], []], figure);
  const fill = async () => {
    const answer = await fetch(figure.dataset.url, { credentials: "same-origin" });
    if (!answer.ok) return;
    const curve = await answer.json();
    plot.setData([curve.times, curve.values]);
  };
  window.addEventListener("resize", () => plot.setSize(size()));
  const again = () => fill().catch(() => undefined).finally(() => window.setTimeout(again, EVERY_MS));
  again();
}

for (const figure of document.querySelectorAll("[data-chart]")) draw(figure);
