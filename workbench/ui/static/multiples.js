/* Rows of metrics -> small charts beside the loss (rate, gradient, speed, memory, load) and the log.
   Drawn on canvases: five more Plotly charts would cost a core; these cost a millisecond a second. */
"use strict";
(() => {
  const { t, el, ask, number, bytes, percent, colour } = window.workbench.tools;
  if (window.workbench.Multiples) return;

  const SERIES = [
    ["learning_rate", number], ["grad_norm", number], ["tokens_per_second", number], ["memory_bytes", bytes], ["gpu_utilization", percent],
  ];
  const HEIGHT = 64, MOST = 4000;

  class Small {
    constructor(name, format, id) {
      this.name = name; this.format = format;
      this.value = el("b", { class: "wb-num" });
      this.canvas = el("canvas", { height: HEIGHT, role: "img", "aria-label": t(name) });
      this.box = el("figure", { class: "wb-small", hidden: true, id: `${id}-${name}` }, el("figcaption", {}, el("span", { text: t(name) }), this.value), this.canvas);
      this.canvas.addEventListener("pointermove", (event) => this.point(event));
      this.canvas.addEventListener("pointerleave", () => { this.at = null; this.draw(); });
      this.reset();
    }
    reset() { this.x = []; this.y = []; this.at = null; this.box.hidden = true; }
    add(rows) {
      for (const row of rows) if (typeof row[this.name] === "number") { this.x.push(row.step); this.y.push(row[this.name]); }
      // A very long curve keeps every second point: at this size nobody sees the difference.
      if (this.x.length > MOST) { this.x = this.x.filter((_, i) => i % 2 === 0); this.y = this.y.filter((_, i) => i % 2 === 0); }
      this.box.hidden = !this.x.length;
    }
    point(event) {
      const place = (event.offsetX / this.canvas.clientWidth) * (this.x.at(-1) - this.x[0]) + this.x[0];
      let best = 0;
      this.x.forEach((x, i) => { if (Math.abs(x - place) < Math.abs(this.x[best] - place)) best = i; });
      this.at = best;
      this.draw();
    }
    draw() {
      if (this.box.hidden) return;
      const scale = window.devicePixelRatio || 1, width = this.canvas.clientWidth;
      if (!width) return;
      this.canvas.width = width * scale; this.canvas.height = HEIGHT * scale;
      const pen = this.canvas.getContext("2d");
      pen.scale(scale, scale);
      let low = Math.min(...this.y), high = Math.max(...this.y);
      if (this.name !== "memory_bytes") low = Math.min(low, 0);
      if (high === low) { high += Math.abs(high) * 0.05 || 1; low -= Math.abs(low) * 0.05; }
      const first = this.x[0], span = this.x.at(-1) - first || 1;
      const px = (i) => ((this.x[i] - first) / span) * (width - 2) + 1;
      const py = (value) => HEIGHT - 4 - ((value - low) / (high - low)) * (HEIGHT - 10);
      pen.strokeStyle = colour("--wb-line"); pen.lineWidth = 1;
      pen.beginPath(); pen.moveTo(0, HEIGHT - 3.5); pen.lineTo(width, HEIGHT - 3.5); pen.stroke();
      pen.strokeStyle = colour("--wb-accent"); pen.lineWidth = 1.4;
      pen.beginPath();
      this.y.forEach((value, i) => (i ? pen.lineTo(px(i), py(value)) : pen.moveTo(px(i), py(value))));
      pen.stroke();
      const shown = this.at ?? this.y.length - 1;
      pen.fillStyle = colour("--wb-accent");
      pen.beginPath(); pen.arc(px(shown), py(this.y[shown]), 2.5, 0, 7); pen.fill();
      this.value.textContent = this.format(this.y[shown]) + (this.at === null ? "" : ` · ${t("step")} ${this.x[shown]}`);
    }
  }

  window.workbench.Multiples = class {
    constructor(id) {
      this.charts = SERIES.map(([name, format]) => new Small(name, format, id));
      this.box = el("section", { class: "wb-multiples", hidden: true, id: `${id}-multiples` }, ...this.charts.map((chart) => chart.box));
      const redraw = () => this.charts.forEach((chart) => chart.draw());
      new ResizeObserver(redraw).observe(this.box);
      new MutationObserver(redraw).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    }
    reset() { this.box.hidden = true; this.charts.forEach((chart) => chart.reset()); }
    add(rows) {
      this.charts.forEach((chart) => chart.add(rows));
      this.box.hidden = this.charts.every((chart) => chart.box.hidden);
      this.charts.forEach((chart) => chart.draw());
    }
  };

  window.workbench.Log = class {
    /* log.txt, asked for only while it is open; stays at the end unless the reader scrolled up. */
    constructor(id) {
      this.pre = el("pre", { class: "wb-pre", id: `${id}-log` });
      this.box = el("details", { hidden: true, ontoggle: () => { if (this.box.open) this.poll(); } }, el("summary", { text: t("log") }), this.pre);
      this.reset("");
    }
    reset(run) { this.run = run; this.offset = -1; this.pre.textContent = ""; this.box.hidden = !run; }
    async poll() {
      if (!this.box.open || !this.run) return;
      const run = this.run;
      const { text, start, offset } = await ask(`log?${new URLSearchParams({ name: run, offset: this.offset })}`);
      if (run !== this.run) return;
      const atEnd = this.pre.scrollTop + this.pre.clientHeight >= this.pre.scrollHeight - 8;
      if (start !== this.offset) this.pre.textContent = "";
      if (text) this.pre.append(text);
      if (!this.pre.textContent) this.pre.textContent = t("log_empty");
      this.offset = offset;
      if (atEnd) this.pre.scrollTop = this.pre.scrollHeight;
    }
  };
})();
