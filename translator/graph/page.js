"use strict";
// Pan, zoom and keyboard for the graph. All texts come from the tables of the page, as text and never as markup.
(() => {
  const canvas = document.querySelector(".canvas");
  const svg = canvas.querySelector("svg");
  const details = document.querySelector(".details");
  const nodes = [...svg.querySelectorAll(".node")];
  const whole = { width: svg.viewBox.baseVal.width, height: svg.viewBox.baseVal.height };
  const limits = [0.02, 4];
  const readable = 0.6;
  let scale = 1;
  let x = 0;
  let y = 0;

  function draw() {
    svg.style.transform = `translate(${x}px, ${y}px) scale(${scale})`;
  }

  function fit() {
    const ratio = Math.min(canvas.clientWidth / whole.width, canvas.clientHeight / whole.height, 1);
    scale = Math.max(ratio, limits[0]);
    x = (canvas.clientWidth - whole.width * scale) / 2;
    y = (canvas.clientHeight - whole.height * scale) / 2;
    draw();
  }

  // Begin with all nodes if they are readable, else with the first one.
  function begin() {
    fit();
    if (scale >= readable || !nodes.length) return;
    scale = readable;
    x = 0;
    y = 0;
    draw();
    reveal(nodes[0]);
  }

  // Zoom around the focused node, else around the middle.
  function zoomHere(factor) {
    const frame = canvas.getBoundingClientRect();
    const node = nodes.find((one) => one === document.activeElement);
    const [left, top] = node ? centre(node) : [frame.left + frame.width / 2, frame.top + frame.height / 2];
    zoom(factor, left - frame.left, top - frame.top);
  }

  function zoom(factor, left, top) {
    const next = Math.min(Math.max(scale * factor, limits[0]), limits[1]);
    x = left - ((left - x) * next) / scale;
    y = top - ((top - y) * next) / scale;
    scale = next;
    draw();
  }

  // Undo what the browser scrolls by itself, and move the drawing instead.
  function reveal(node) {
    canvas.scrollTo(0, 0);
    const box = node.querySelector(".box").getBoundingClientRect();
    const frame = canvas.getBoundingClientRect();
    const margin = 20;
    const high = Math.max(margin, (frame.height - box.height) / 2);
    if (box.left < frame.left || box.right > frame.right) x += frame.left + margin - box.left;
    if (box.top < frame.top || box.bottom > frame.bottom) y += frame.top + high - box.top;
    draw();
  }

  function show(node) {
    const row = document.getElementById(`row-${node.id}`);
    if (!row) return;
    const heads = [...row.closest("table").querySelectorAll("thead th")];
    const list = document.createElement("dl");
    [...row.cells].forEach((cell, index) => {
      if (!cell.textContent) return;
      const term = document.createElement("dt");
      term.textContent = heads[index].textContent;
      const value = document.createElement("dd");
      value.textContent = cell.textContent;
      list.append(term, value);
    });
    details.replaceChildren(list);
  }

  function choose(node) {
    nodes.forEach((one) => one.setAttribute("tabindex", one === node ? "0" : "-1"));
    node.focus({ preventScroll: true });
  }

  function centre(node) {
    const box = node.querySelector(".box").getBoundingClientRect();
    return [box.left + box.width / 2, box.top + box.height / 2];
  }

  // The nearest node in a direction: what lies sideways counts double.
  function next(node, [dx, dy]) {
    const [left, top] = centre(node);
    let best = null;
    let least = Infinity;
    for (const other of nodes) {
      if (other === node) continue;
      const [otherLeft, otherTop] = centre(other);
      const ahead = (otherLeft - left) * dx + (otherTop - top) * dy;
      const aside = Math.abs((otherLeft - left) * dy) + Math.abs((otherTop - top) * dx);
      if (ahead > 1 && ahead + 2 * aside < least) {
        best = other;
        least = ahead + 2 * aside;
      }
    }
    return best;
  }

  const arrows = { ArrowRight: [1, 0], ArrowLeft: [-1, 0], ArrowDown: [0, 1], ArrowUp: [0, -1] };
  const tools = { "+": () => zoomHere(1.25), "=": () => zoomHere(1.25), "-": () => zoomHere(0.8), 0: fit };

  canvas.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const node = event.target.closest(".node");
    let to = null;
    if (node && arrows[event.key]) to = next(node, arrows[event.key]);
    else if (event.key === "Home") to = nodes[0];
    else if (event.key === "End") to = nodes[nodes.length - 1];
    else if (tools[event.key]) tools[event.key]();
    else return;
    event.preventDefault();
    if (to) choose(to);
  });
  canvas.addEventListener("focusin", (event) => {
    const node = event.target.closest(".node");
    if (!node) return;
    show(node);
    reveal(node);
  });
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const frame = canvas.getBoundingClientRect();
      zoom(Math.exp(-event.deltaY / 500), event.clientX - frame.left, event.clientY - frame.top);
    },
    { passive: false },
  );
  let dragged = null;
  canvas.addEventListener("pointerdown", (event) => {
    dragged = { left: event.clientX - x, top: event.clientY - y, far: false, from: [event.clientX, event.clientY] };
  });
  window.addEventListener("pointermove", (event) => {
    if (!dragged) return;
    dragged.far ||= Math.hypot(event.clientX - dragged.from[0], event.clientY - dragged.from[1]) > 4;
    if (!dragged.far) return;
    x = event.clientX - dragged.left;
    y = event.clientY - dragged.top;
    draw();
  });
  window.addEventListener("pointerup", () => {
    dragged = null;
  });
  canvas.addEventListener("mousedown", (event) => event.preventDefault());
  canvas.addEventListener("click", (event) => {
    const node = event.target.closest(".node");
    if (node) choose(node);
  });
  document.querySelector("[data-tool=in]").addEventListener("click", () => zoomHere(1.25));
  document.querySelector("[data-tool=out]").addEventListener("click", () => zoomHere(0.8));
  document.querySelector("[data-tool=fit]").addEventListener("click", fit);
  document.querySelector(".tools").hidden = false;
  nodes.forEach((node, index) => {
    node.setAttribute("tabindex", index ? "-1" : "0");
    node.querySelector("title")?.remove();
  });
  begin();
})();
