/* Several runs -> their curves over each other, what differs between their specs, their answers by step. */
"use strict";
(() => {
  const { page, t, el, ask, number, percent, bytes, duration, chip, loadPlotly, colour, asText, answerCell, ACTIVE } = window.workbench.tools;
  if (window.workbench.Comparison) return;

  // Told apart by people who see few colours (after Okabe and Ito); later runs get the same ones dashed.
  const LIGHT = ["#0f766e", "#d97706", "#6d28d9", "#0284c7", "#be185d", "#65a30d", "#7c2d12", "#64748b"];
  const DARK = ["#2dd4bf", "#fbbf24", "#c4b5fd", "#38bdf8", "#f472b6", "#a3e635", "#fdba74", "#cbd5e1"];
  const hues = () => (document.body.classList.contains("dark") ? DARK : LIGHT);
  const look = (place) => ({ color: hues()[place % LIGHT.length], dash: ["solid", "dash", "dot", "dashdot"][Math.floor(place / LIGHT.length) % 4] });
  const SERIES = ["loss", "eval_loss", "identity_score", "kept_score", "learning_rate", "grad_norm", "tokens_per_second", "memory_bytes"];

  class Follower {
    /* The rows of one run, grown by what was appended since it was last asked. */
    constructor(name) { this.name = name; this.forget(); }
    forget() { this.rows = []; this.generation = -1; this.metrics_offset = 0; this.probes_offset = 0; this.shown = ""; }
    async poll() {
      const query = new URLSearchParams({ name: this.name, shown: this.shown, generation: this.generation, metrics_offset: this.metrics_offset, probes_offset: this.probes_offset, lang: page.language });
      const news = await ask(`run?${query}`);
      if (!news.run) return false;
      if (news.fresh) this.rows = [];
      this.shown = news.run;
      for (const key of ["generation", "metrics_offset", "probes_offset"]) this[key] = news[key];
      this.rows.push(...news.rows);
      this.active = ACTIVE.includes(news.state.state);
      return news.fresh || news.rows.length > 0;
    }
  }

  window.workbench.Comparison = class {
    constructor(onClose) {
      this.names = [];
      this.followers = new Map();
      this.smoothing = 0.8;
      this.log = false;
      this.series = "loss";
      this.axis = "step";
      this.title = el("h3", {});
      this.chart = el("div", { class: "wb-chart", id: "compare-chart" });
      this.figures = el("div", { class: "wb-scroll", id: "compare-figures" });
      const choice = (id, values, set, label) => el("label", { class: "wb-line" }, label, el("select", { class: "wb-select", id, onchange: (event) => { set(event.target.value); this.draw(); } },
        ...values.map((value) => el("option", { value, text: t(value) }))));
      this.seriesBox = choice("compare-series", SERIES, (value) => { this.series = value; }, t("curve"));
      this.tools = el("div", { class: "wb-line wb-tools" }, this.seriesBox,
        choice("compare-axis", ["step", "epoch", "minutes"], (value) => { this.axis = value; }, t("over")),
        el("label", { class: "wb-line" }, t("smoothing"), el("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: this.smoothing, id: "compare-smoothing", oninput: (event) => { this.smoothing = Number(event.target.value); this.draw(); } })),
        el("label", { class: "wb-line" }, el("input", { type: "checkbox", id: "compare-log", onchange: (event) => { this.log = event.target.checked; this.draw(); } }), t("log_scale")));
      this.slider = el("input", { type: "range", min: 0, max: 0, value: 0, id: "compare-scrubber", "aria-label": t("scrub"), oninput: () => this.paintAnswers() });
      this.at = el("output", { class: "wb-num" });
      this.answers = el("div", { class: "wb-scroll", id: "compare-answers" });
      this.asked = el("section", { hidden: true }, el("div", { class: "wb-line" }, el("h3", { text: t("answers_side_by_side") }), el("span", { class: "wb-gap" }), el("label", { class: "wb-line", text: t("scrub") }, this.slider), this.at), this.answers);
      this.problem = el("p", { class: "wb-error", role: "alert", hidden: true });
      this.box = el("div", { class: "wb-compare", hidden: true, id: "compare" },
        el("div", { class: "wb-line" }, this.title, el("span", { class: "wb-gap" }), el("button", { type: "button", class: "wb-link", text: t("close"), onclick: onClose })),
        this.problem, this.figures, el("section", {}, this.tools, this.chart), this.asked);
      new MutationObserver(() => { if (this.found && this.names.length) { this.paintFigures(); this.paintAnswers(); this.draw(); } }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    }
    show(names, mark) {
      this.box.hidden = !names.length;
      const same = names.length === this.names.length && names.every((name, place) => name === this.names[place]);
      this.names = names;
      if (!names.length) { clearTimeout(this.timer); this.followers.clear(); this.mark = ""; return; }
      if (!same) for (const name of this.followers.keys()) if (!names.includes(name)) this.followers.delete(name);
      if (!same || mark !== this.mark) { this.mark = mark; this.load(); }
      if (!same) { clearTimeout(this.timer); this.follow(true); }
    }
    async load() {
      const names = this.names;
      const query = new URLSearchParams([...names.map((name) => ["name", name]), ["lang", page.language]]);
      try {
        const found = await ask(`compare?${query}`);
        if (names !== this.names) return;
        this.problem.hidden = true;
        this.found = found;
        this.title.textContent = t("comparison", { count: names.length });
        this.paintFigures();
        const steps = new Set(found.answers.flatMap((entry) => entry.answers.flatMap((of) => of.map((row) => row.step))));
        const followed = Number(this.slider.value) === Number(this.slider.max);
        this.steps = [...steps].sort((a, b) => a - b);
        this.slider.max = Math.max(0, this.steps.length - 1);
        if (followed) this.slider.value = this.slider.max;
        this.asked.hidden = !this.steps.length;
        this.paintAnswers();
      } catch (error) { this.problem.textContent = error.message; this.problem.hidden = false; }
    }
    async follow(first = false) {
      const names = this.names;
      let changed = first, active = false;
      if (!document.hidden && this.box.offsetParent !== null) {
        for (const name of names) {
          if (!this.followers.has(name)) this.followers.set(name, new Follower(name));
          const follower = this.followers.get(name);
          try { changed = (await follower.poll()) || changed; } catch { continue; }  // the next turn tries again
          active ||= follower.active;
        }
        if (names !== this.names) return;
        if (changed) this.draw();
      }
      if (names.length) { clearTimeout(this.timer); this.timer = setTimeout(() => this.follow(), active ? 1500 : 4000); }
    }
    /* ---- figures and differences: few runs stand beside each other, many below each other ---- */
    paintFigures() {
      const { runs, differences } = this.found;
      const least = (key) => { const known = runs.map((run) => run[key]).filter((value) => typeof value === "number"); return runs.length > 1 && known.length > 1 ? Math.min(...known) : null; };
      const lowest = { loss: least("loss"), eval_loss: least("eval_loss") };
      const highest = Math.max(...runs.map((run) => run.score ?? -Infinity));
      const text = (value) => (value === null || value === undefined ? "–" : value === "" ? t("empty_value") : String(value));
      const rows = [
        [t("state"), (run) => [chip(run.state)]],
        ...differences.map(({ path, label, values }) => [el("span", { title: path, text: label }), (_, place) => [el("b", { class: "wb-differs", text: text(values[place]) })]]),
        [t("steps"), (run) => [`${run.step} / ${run.total_steps || "?"}`]],
        [t("loss"), (run) => [number(run.loss), ...(run.loss !== null && run.loss === lowest.loss ? [star(t("lowest"))] : [])]],
        ...(runs.some((run) => run.eval_loss !== null) ? [[t("eval_loss"), (run) => [number(run.eval_loss), ...(run.eval_loss !== null && run.eval_loss === lowest.eval_loss ? [star(t("lowest"))] : [])]]] : []),
        ...(runs.some((run) => run.score !== null) ? [[t("score"), (run) => [percent(run.score), ...(run.score !== null && run.score === highest && runs.some((other) => other.score !== highest) ? [star(t("highest"))] : [])]]] : []),
        [t("best_checkpoint"), (run) => [run.best ? run.best.checkpoint : "–"]],
        [t("duration"), (run) => [run.seconds === null ? "–" : duration(run.seconds)]],
        [t("peak_memory"), (run) => [bytes(run.memory_bytes)]],
        [t("disk"), (run) => [bytes(run.disk_bytes)]],
      ];
      const name = (run, place, scope) => el("th", { scope }, dot(place), el("span", { class: "wb-name", text: run.run }));
      const table = runs.length <= 4
        ? [el("thead", {}, el("tr", {}, el("th", {}), ...runs.map((run, place) => name(run, place, "col")))),
           el("tbody", {}, ...rows.map(([label, cell]) => el("tr", {}, el("th", { scope: "row" }, label), ...runs.map((run, place) => el("td", { class: "wb-num" }, ...cell(run, place))))))]
        : [el("thead", {}, el("tr", {}, el("th", {}), ...rows.map(([label]) => el("th", { scope: "col" }, label)))),
           el("tbody", {}, ...runs.map((run, place) => el("tr", {}, name(run, place, "row"), ...rows.map(([, cell]) => el("td", { class: "wb-num" }, ...cell(run, place))))))];
      this.figures.replaceChildren(el("table", { class: "wb-differences" }, ...table),
        ...(differences.length ? [] : [el("p", { class: "wb-soft", text: t("no_differences") })]));
    }
    paintAnswers() {
      if (!this.found || !this.steps?.length) return;
      const { runs, answers } = this.found;
      const step = this.steps[Number(this.slider.value)] ?? this.steps.at(-1);
      this.at.textContent = step;
      const until = (rows) => rows.filter((row) => row.step <= step).at(-1);
      this.answers.replaceChildren(el("table", { class: "wb-answers-compared" },
        el("thead", {}, el("tr", {}, el("th", { text: t("question") }), ...runs.map((run, place) => el("th", {}, dot(place), run.run)))),
        el("tbody", {}, ...answers.map((entry) => el("tr", {}, el("td", { text: asText(entry.prompt) }), ...entry.answers.map((rows, place) => {
          const row = until(rows);
          const cell = answerCell(row, null, runs[place].run);
          if (row && row.step !== step) cell.append(el("span", { class: "wb-soft", text: ` (${t("at_step", { step: row.step })})` }));
          return cell;
        }))))));
    }
    /* ---- curves ---- */
    points(follower) {
      const rows = follower.rows.filter((row) => typeof row[this.series] === "number");
      const start = follower.rows.find((row) => row.time)?.time ?? 0;
      const known = this.axis === "step" ? rows : rows.filter((row) => row[this.axis === "minutes" ? "time" : "epoch"] !== undefined);
      const x = known.map((row) => (this.axis === "minutes" ? (row.time - start) / 60 : row[this.axis]));
      return { x, y: known.map((row) => row[this.series]) };
    }
    smooth(values) {
      let sum = 0, weight = 0;
      return values.map((value) => { sum = sum * this.smoothing + value * (1 - this.smoothing); weight = weight * this.smoothing + (1 - this.smoothing); return sum / weight; });
    }
    async draw() {
      if (!this.names.length || this.box.hidden) return;
      const Plotly = await loadPlotly();
      const ink = colour("--wb-ink"), line = colour("--wb-line");
      const noisy = ["loss", "grad_norm", "tokens_per_second"].includes(this.series);
      const score = this.series.endsWith("_score");
      for (const option of this.seriesBox.querySelectorAll("option")) option.disabled = ![...this.followers.values()].some((follower) => follower.rows.some((row) => typeof row[option.value] === "number"));
      const traces = this.names.flatMap((name, place) => {
        const follower = this.followers.get(name);
        if (!follower) return [];
        const { x, y } = this.points(follower);
        const smooth = noisy && this.smoothing > 0;
        return [{ x, y: smooth ? this.smooth(y) : y, name, type: "scatter", mode: x.length < 40 && !noisy ? "lines+markers" : "lines", line: { width: 2, ...look(place) },
          hovertemplate: `%{y:${score ? ".0%" : ".4g"}}<extra>%{fullData.name}</extra>` }];
      });
      const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true };
      await Plotly.react(this.chart, traces, {
        uirevision: `${this.names}|${this.axis}|${this.series}`, height: 320, margin: { l: 44, r: 12, t: 6, b: 30 }, showlegend: this.names.length <= 8,
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)", font: { family: getComputedStyle(document.body).fontFamily, size: 11, color: ink },
        hovermode: "x unified", hoverlabel: { bgcolor: colour("--wb-panel"), bordercolor: line, font: { color: ink } },
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
        xaxis: { ...axis, title: { text: t(this.axis), standoff: 4 }, rangemode: "tozero" },
        yaxis: { ...axis, type: this.log ? "log" : "linear", title: { text: t(this.series), standoff: 4 }, tickformat: score ? ".0%" : undefined },
      }, { responsive: true, displayModeBar: false, doubleClick: "reset+autosize" });
    }
  };
  const dot = (place) => el("span", { class: "wb-dot", style: `--wb-dot: ${look(place).color}` });
  const star = (title) => el("span", { class: "wb-best", title, text: " ★" });
})();
