/* JSON of /live -> progress, curve, probe answers.
   Text reaches the page only through textContent: names, prompts and answers are whatever a user or a model wrote. */
"use strict";
window.workbench ??= (() => {  // Gradio may put the head's scripts in twice
  const page = window.workbenchPage;
  const ACTIVE = ["queued", "running", "stopping"];
  const POLL_MS = { active: 700, idle: 2500 };
  const views = new Map();

  document.documentElement.lang = page.language === "zh" ? "zh-CN" : page.language;
  document.cookie = `${page.cookie}=${page.language}; path=${page.root || "/"}; max-age=31536000; samesite=lax`;

  /* Slots of a text as locales/__init__.py fills them: {count}, and {count:row|rows} by whether the value reads 1. */
  const fill = (text, values) => text.replace(/\{(\w+)(?::([^{}|]*)\|([^{}|]*))?\}/g, (slot, name, one, many) => {
    if (!(name in values)) return slot;
    const value = String(values[name]);
    return many === undefined ? value : value === "1" ? one : many;
  });
  const t = (key, values = {}) => fill(page.texts[key] ?? key, values);

  function el(tag, attributes = {}, ...children) {
    const node = document.createElement(tag);
    for (const [key, value] of Object.entries(attributes)) {
      if (value === undefined || value === null || value === false) continue;
      if (key === "text") node.textContent = value;
      else if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
      else node.setAttribute(key, value === true ? "" : value);
    }
    node.append(...children);
    return node;
  }

  async function ask(path, body) {
    const options = body && {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ ...body, lang: page.language }),
    };
    const response = await fetch(`${page.root}/live/${path}`, options);
    const answer = await response.json();
    if (!response.ok) throw new Error(answer.error || response.statusText);
    return answer;
  }

  /* ---- numbers as people read them ---- */
  const number = (value) =>
    value === null || value === undefined ? "–"
      : Math.abs(value) >= 1000 ? Math.round(value).toLocaleString("en-US")
      : value !== 0 && Math.abs(value) < 1e-3 ? value.toExponential(1)
      : Math.abs(value) >= 100 ? value.toFixed(0)
      : String(Number(value.toPrecision(3)));
  function bytes(value) {
    if (value === null || value === undefined) return "–";
    let unit = 0;
    while (value >= 999.5 && unit < 4) { value /= 1024; unit += 1; }
    return `${unit && value < 100 ? Number(value.toPrecision(2 + (value >= 10))) : Math.round(value)} ${["B", "KB", "MB", "GB", "TB"][unit]}`;
  }
  const percent = (value) => (value === null || value === undefined ? "–" : `${Math.round(value * 100)} %`);
  function duration(seconds) {
    const whole = Math.max(0, Math.round(seconds));
    const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
    const two = (value) => String(value).padStart(2, "0");
    return h ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`;
  }
  const moment = (utc) =>
    utc ? new Date(utc * 1000).toLocaleString(page.language === "zh" ? "zh-CN" : "en-GB",
      { month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" }) : "–";
  function median(values) {
    const sorted = [...values].sort((a, b) => a - b);
    return sorted.length ? sorted[sorted.length >> 1] : null;
  }
  function chip(state) {
    return el("span", { class: `wb-chip wb-${state}`, text: page.states[state] ?? state });
  }

  /* ---- plotly, fetched from this server when the first curve is drawn ---- */
  let plotly = null;
  function loadPlotly() {
    plotly ??= new Promise((resolve, reject) => {
      const script = el("script", { src: `${page.root}/static/plotly/plotly.min.js` });
      script.onload = () => resolve(window.Plotly);
      script.onerror = () => { plotly = null; reject(new Error(t("no_chart"))); };
      document.head.append(script);
    });
    return plotly;
  }
  const colour = (name) => getComputedStyle(document.body).getPropertyValue(name).trim();

  class Curve {
    /* Traces: 0 loss as measured, 1 smoothed, 2 evaluation loss, 3 identity taken over, 4 everything else kept. */
    constructor(box) {
      this.box = box;
      this.smoothing = 0.8;
      this.log = false;
      this.revision = 0;
      this.work = Promise.resolve();
      this.reset();
      new MutationObserver(() => this.draw()).observe(document.body, { attributes: true, attributeFilter: ["class"] });
    }
    reset() {
      this.x = []; this.y = [];
      this.extra = { eval_loss: [[], []], identity_score: [[], []], kept_score: [[], []] };
      this.drawn = false;
      this.revision += 1;  // a new run starts with its own zoom
      this.average = { sum: 0, weight: 0 };
    }
    smooth(values) {
      /* Exponential average, corrected for its start (Adam's bias correction): no dive from zero. */
      const decay = this.smoothing;
      return values.map((value) => {
        this.average.sum = this.average.sum * decay + value * (1 - decay);
        this.average.weight = this.average.weight * decay + (1 - decay);
        return this.average.sum / this.average.weight;
      });
    }
    /* Plotly draws asynchronously: one thing after the other, or an early redraw would swallow later points. */
    inTurn(action) {
      const done = this.work.then(action);
      this.work = done.catch(() => {});
      return done;
    }
    add(rows) { const revision = this.revision; return this.inTurn(() => revision === this.revision && this.#add(rows)); }
    draw() { return this.inTurn(() => this.#draw()); }
    async #add(rows) {
      const losses = rows.filter((row) => row.loss !== undefined);
      const x = losses.map((row) => row.step);
      const y = losses.map((row) => row.loss);
      this.x.push(...x); this.y.push(...y);
      const more = {};
      for (const [name, [xs, ys]] of Object.entries(this.extra)) {
        const some = rows.filter((row) => row[name] !== undefined);
        more[name] = [some.map((row) => row.step), some.map((row) => row[name])];
        xs.push(...more[name][0]); ys.push(...more[name][1]);
      }
      if (!this.x.length) return;  // scores of step 0 wait for the first loss: an axis without data has no range
      // Scores and evaluations that appear for the first time change the layout; otherwise only new points are sent.
      if (!this.drawn || Object.entries(more).some(([name, [xs]]) => xs.length && xs.length === this.extra[name][0].length)) {
        return this.#draw(true);
      }
      if (!rows.length) return;
      const Plotly = await loadPlotly();
      const columns = [[x, y], [x, this.smooth(y)], more.eval_loss, more.identity_score, more.kept_score];
      await Plotly.extendTraces(this.box, { x: columns.map((c) => c[0]), y: columns.map((c) => c[1]) }, [0, 1, 2, 3, 4]);
    }
    async #draw(first = false) {
      if (!first && !this.drawn) return;
      this.drawn = true;
      this.box.hidden = false;
      const scored = this.extra.identity_score[0].length || this.extra.kept_score[0].length;
      const height = scored ? 340 : 250;
      this.box.style.minHeight = `${height}px`;  // its place, while the library loads: what stands below does not jump
      const Plotly = await loadPlotly();
      this.average = { sum: 0, weight: 0 };
      const accent = colour("--wb-accent"), ink = colour("--wb-ink"), line = colour("--wb-line");
      const kept = colour("--wb-kept"), evaluation = colour("--wb-eval");
      const one = (x, y, name, more) => ({ x, y, name, type: "scatter", mode: "lines", hovertemplate: `%{y:.4g}<extra>${name}</extra>`, ...more });
      const scores = { yaxis: "y2", mode: "lines+markers", hovertemplate: "%{y:.0%}<extra>%{fullData.name}</extra>" };
      const shown = (values) => ({ showlegend: values.length > 0 });
      const traces = [
        one([...this.x], [...this.y], t("loss_raw"), { line: { color: accent, width: 1 }, opacity: 0.45, hoverinfo: "skip", hovertemplate: undefined }),
        one([...this.x], this.smooth(this.y), t("loss"), { line: { color: accent, width: 2 } }),
        one(...this.extra.eval_loss.map((v) => [...v]), t("eval_loss"), { mode: "lines+markers", line: { color: evaluation, width: 1.5 }, marker: { size: 5 }, ...shown(this.extra.eval_loss[0]) }),
        one(...this.extra.identity_score.map((v) => [...v]), t("identity_score"), { ...scores, line: { color: accent, width: 2 }, marker: { size: 6 }, ...shown(this.extra.identity_score[0]) }),
        one(...this.extra.kept_score.map((v) => [...v]), t("kept_score"), { ...scores, line: { color: kept, width: 2, dash: "dot" }, marker: { size: 6, symbol: "square" }, ...shown(this.extra.kept_score[0]) }),
      ];
      const axis = { gridcolor: line, zerolinecolor: line, linecolor: line, automargin: true, fixedrange: false };
      const layout = {
        uirevision: `${this.revision}`, height,
        margin: { l: 44, r: 12, t: 6, b: 30 }, paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        font: { family: getComputedStyle(document.body).fontFamily, size: 11, color: ink },
        hovermode: "x unified", hoverlabel: { bgcolor: colour("--wb-panel"), bordercolor: line, font: { color: ink } },
        legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
        xaxis: { ...axis, title: { text: t("step"), standoff: 4 }, anchor: scored ? "y2" : "y", rangemode: "tozero" },
        yaxis: { ...axis, domain: scored ? [0.42, 1] : [0, 1], type: this.log ? "log" : "linear", title: { text: t("loss"), standoff: 4 } },
        yaxis2: { ...axis, domain: [0, 0.3], range: [-0.05, 1.08], tickformat: ".0%", tickvals: [0, 0.5, 1], visible: Boolean(scored) },
      };
      await Plotly.react(this.box, traces, layout, { responsive: true, displayModeBar: false, doubleClick: "reset+autosize" });
    }
    resmooth(value) {
      return this.inTurn(async () => {
        this.smoothing = value;
        if (!this.drawn) return;
        const Plotly = await loadPlotly();
        this.average = { sum: 0, weight: 0 };
        await Plotly.restyle(this.box, { y: [this.smooth(this.y)] }, [1]);
      });
    }
    async unzoom() {
      if (this.drawn) (await loadPlotly()).relayout(this.box, { "xaxis.autorange": true, "yaxis.autorange": true });
    }
  }

  class Probes {
    /* The same questions asked at several steps: before | at the step under the slider. */
    constructor(id) {
      this.slider = el("input", { type: "range", min: 0, max: 0, value: 0, id: `${id}-scrubber`, "aria-label": t("scrub"),
        oninput: () => { this.follow = Number(this.slider.value) === this.steps.length - 1; this.paint(); } });
      this.at = el("output", { class: "wb-num" });
      this.table = el("table", { class: "wb-probes", id: `${id}-probes` });
      this.box = el("section", { hidden: true },
        el("div", { class: "wb-line" }, el("h3", { text: t("answers") }), el("span", { class: "wb-gap" }),
          el("label", { class: "wb-line", text: t("scrub") }, this.slider), this.at),
        el("div", { class: "wb-scroll" }, this.table));
      this.reset();
    }
    reset() { this.rows = new Map(); this.steps = []; this.follow = true; this.box.hidden = true; this.table.replaceChildren(); }
    add(rows) {
      if (!rows.length) return;
      for (const row of rows) {
        if (!this.rows.has(row.step)) this.rows.set(row.step, new Map());
        this.rows.get(row.step).set(asText(row.prompt), row);
      }
      this.steps = [...this.rows.keys()].sort((a, b) => a - b);
      this.slider.max = this.steps.length - 1;
      if (this.follow) this.slider.value = this.steps.length - 1;
      this.paint();
    }
    paint() {
      const step = this.steps[Number(this.slider.value)];
      const before = this.rows.get(this.steps[0]), now = this.rows.get(step);
      this.box.hidden = false;
      this.at.textContent = step;
      const head = el("tr", {}, el("th", { text: t("question") }), el("th", { text: t("before") }), el("th", { text: t("at_step", { step }) }));
      const groups = ["identity", "kept"].map((kind) => [kind, [...now.values()].filter((row) => (row.kind ?? "identity") === kind)]);
      this.table.replaceChildren(el("thead", {}, head), ...groups.filter(([, rows]) => rows.length).map(([kind, rows]) =>
        el("tbody", {},
          el("tr", { class: "wb-group" }, el("th", { colspan: 3, scope: "rowgroup", text: t(`${kind}_probes`) },
            el("span", { class: "wb-num", text: percent(mean(rows.map((row) => row.score))) }))),
          ...rows.map((row) => {
            const old = before.get(asText(row.prompt));
            return el("tr", {}, el("td", { text: asText(row.prompt) }), answerCell(old, null, t("before")), answerCell(row, old, t("at_step", { step })));
          }))));
    }
  }
  const mean = (values) => { const known = values.filter((v) => typeof v === "number"); return known.length ? known.reduce((a, b) => a + b, 0) / known.length : null; };
  const asText = (prompt) => (typeof prompt === "string" ? prompt
    : Array.isArray(prompt) ? prompt.map((turn) => (typeof turn === "string" ? turn : turn.content)).join(" ⏎ ") : String(prompt));
  function answerCell(row, old, heading) {  // the heading is shown where a narrow screen stacks the cells
    if (!row) return el("td", { text: "–", "data-heading": heading });
    const good = typeof row.score === "number" ? row.score >= 0.5 : null;
    const mark = good === null ? null : el("span", { class: good ? "wb-good" : "wb-poor", title: t(good ? "passed" : "not_passed"), text: good ? "✓ " : "✗ " });
    return el("td", { class: old && old.answer !== row.answer ? "wb-changed" : undefined, "data-heading": heading }, ...(mark ? [mark] : []), el("span", { text: row.answer || t("nothing_said") }));
  }

  class View {
    constructor(root) {
      this.root = root;
      this.id = root.dataset.view;
      this.kind = root.dataset.kind;
      this.pinned = "";
      this.curve = new Curve(el("div", { class: "wb-chart", id: `${this.id}-chart`, hidden: true }));
      this.probes = new Probes(this.id);
      this.small = new window.workbench.Multiples(this.id);
      this.log = new window.workbench.Log(this.id);
      this.title = el("strong", { class: "wb-name", id: `${this.id}-run` });
      this.state = el("span", {});
      this.stopButton = el("button", { type: "button", class: "wb-button", id: `${this.id}-stop`, text: t("stop"), onclick: () => this.act("stop") });
      this.resumeButton = el("button", { type: "button", class: "wb-button", id: `${this.id}-resume`, text: t("resume"), onclick: () => this.act("resume") });
      this.talkButton = el("button", { type: "button", class: "wb-button", id: `${this.id}-talk`, text: t("talk"), hidden: true,
        onclick: () => document.getElementById(`${this.id}-chat`)?.click() });
      this.bar = el("progress", { max: 1, "aria-label": t("progress") });
      this.figures = el("div", { class: "wb-figures", id: `${this.id}-progress`, role: "status" });
      this.reason = el("p", { class: "wb-error", role: "alert", hidden: true });
      this.why = el("p", { hidden: true, id: `${this.id}-reason` });
      this.empty = el("div", { class: "wb-empty", text: t(`empty_${this.kind}`) });
      this.tools = el("div", { class: "wb-line wb-tools", hidden: true },
        el("label", { class: "wb-line", text: t("smoothing") },
          el("input", { type: "range", min: 0, max: 0.98, step: 0.02, value: this.curve.smoothing, id: `${this.id}-smoothing`,
            oninput: (event) => this.curve.resmooth(Number(event.target.value)) })),
        el("label", { class: "wb-line" }, el("input", { type: "checkbox", onchange: (event) => { this.curve.log = event.target.checked; this.curve.draw(); } }), t("log_scale")),
        el("span", { class: "wb-gap" }),
        el("span", { class: "wb-hint", text: t("zoom_hint") }),
        el("button", { type: "button", class: "wb-link", text: t("unzoom"), onclick: () => this.curve.unzoom() }));
      this.body = el("div", { hidden: true },
        el("div", { class: "wb-line" }, this.title, this.state, el("span", { class: "wb-gap" }), this.stopButton, this.resumeButton, this.talkButton),
        this.bar, this.figures, this.why, this.curve.box, this.tools, this.small.box, this.probes.box, this.log.box);
      root.replaceChildren(this.reason, this.empty, this.body);
      this.forget("");
      this.loop();
    }
    forget(run) {
      this.run = run; this.generation = -1; this.metrics_offset = 0; this.probes_offset = 0;
      this.recent = []; this.last = {};
      this.curve.reset(); this.curve.box.hidden = true; this.tools.hidden = true; this.probes.reset();
      this.small.reset(); this.log.reset(run);
    }
    show(run) {
      this.pinned = run || "";
      this.say("");
      this.poke();
    }
    note(text, bad) { this.why.textContent = text; this.why.hidden = !text; this.why.className = bad ? "wb-error" : "wb-hint wb-why"; }
    say(text) { this.reason.textContent = text; this.reason.hidden = !text; }
    async act(verb) {
      const button = verb === "stop" ? this.stopButton : this.resumeButton;
      button.disabled = true;
      this.say("");
      this.pinned = this.run;  // once it has ended others may be newer: what is shown is what was pressed
      try { await ask(verb, { name: this.pinned }); }
      catch (error) { this.say(error.message); }
      finally { button.disabled = false; }
      this.poke();
    }
    poke() { clearTimeout(this.timer); this.loop(); }
    async loop() {
      const turn = (this.turn = (this.turn ?? 0) + 1);  // a poke starts a new chain; the old one must end
      let wait = POLL_MS.idle;
      if (!this.root.isConnected) { if (views.get(this.id) === this) views.delete(this.id); return; }
      if (!document.hidden && this.root.offsetParent !== null) {
        try { wait = await this.poll(turn); this.offline(false); }
        catch (error) { if (turn === this.turn) this.offline(true, error); }
      } else wait = 300;
      if (turn === this.turn) this.timer = setTimeout(() => this.loop(), wait);
    }
    offline(is, error) {
      if (is) { this.wasOffline = true; this.say(error instanceof TypeError ? t("offline") : error.message); }
      else if (this.wasOffline) { this.wasOffline = false; this.say(""); }
    }
    async poll(turn) {
      const query = new URLSearchParams({ name: this.pinned, kind: this.kind, shown: this.run, generation: this.generation,
        metrics_offset: this.metrics_offset, probes_offset: this.probes_offset, lang: page.language });
      const news = await ask(`run?${query}`);
      if (turn !== this.turn) return POLL_MS.idle;
      this.body.hidden = !news.run; this.empty.hidden = Boolean(news.run);
      if (!news.run) { this.pinned = ""; if (this.run) this.forget(""); this.tell(); return POLL_MS.idle; }
      if (news.fresh || news.run !== this.run) this.forget(news.run);
      for (const key of ["generation", "metrics_offset", "probes_offset"]) this[key] = news[key];
      this.recent = [...this.recent, ...news.rows.filter((row) => row.loss !== undefined)].slice(-24);
      for (const row of news.rows) Object.assign(this.last, row);
      this.paint(news);
      this.probes.add(news.probes);
      if (news.rows.length) { this.tools.hidden = false; this.small.add(news.rows); await this.curve.add(news.rows); }
      await this.log.poll();
      this.tell();
      return ACTIVE.includes(news.state.state) ? POLL_MS.active : POLL_MS.idle;
    }
    paint({ run, state, reason, resumable, now }) {
      const total = state.total_steps ?? 0;
      const step = Math.max(state.step ?? 0, this.last.step ?? 0);  // the heartbeat is slower than the curve
      this.current = state.state;
      this.title.textContent = run;
      this.state.replaceChildren(chip(state.state));
      this.stopButton.hidden = !ACTIVE.includes(state.state);
      this.stopButton.disabled = state.state === "stopping";
      this.resumeButton.hidden = !resumable;
      this.talkButton.hidden = !["finished", "stopped"].includes(state.state);
      this.bar.hidden = !ACTIVE.includes(state.state);
      const starting = state.state === "running" && (!step || state.phase === "preparing");
      if (starting || state.state === "queued") this.bar.removeAttribute("value"); else this.bar.value = total ? step / total : 0;
      const paces = this.recent.slice(1).map((row, i) => (row.time - this.recent[i].time) / Math.max(1, row.step - this.recent[i].step)).filter((pace) => pace > 0);
      const pace = median(paces);
      const figure = (label, value) => {
        const strong = el("b", { class: "wb-num", text: value });
        return page.language === "zh" ? el("span", {}, `${label} `, strong) : el("span", {}, strong, ` ${label}`);
      };
      const parts = [];
      if (state.state === "queued") parts.push(el("span", { text: t("waiting") }));
      else if (starting) parts.push(el("span", { text: t("loading") }));
      else parts.push(figure(t("steps"), `${step} / ${total || "?"}`));
      if (state.state === "running" && pace && total > step) parts.push(figure(t("left"), duration((total - step) * pace)));
      if (this.last.tokens_per_second) parts.push(figure(t("tokens_per_second"), number(this.last.tokens_per_second)));
      if (this.last.loss !== undefined) parts.push(figure(t("loss"), number(this.last.loss)));
      if (this.last.identity_score !== undefined) parts.push(figure(t("identity_score"), percent(this.last.identity_score)));
      if (this.last.kept_score !== undefined) parts.push(figure(t("kept_score"), percent(this.last.kept_score)));
      const end = state.ended || (ACTIVE.includes(state.state) ? now : null);
      if (state.started && end) parts.push(figure(t("elapsed"), duration(end - state.started)));
      this.figures.replaceChildren(...parts);
      const told = reason && (state.state === "running" || !ACTIVE.includes(state.state)) ? reason : "";
      if (told || this.reasonShown) this.note(told, state.state === "failed");
      this.reasonShown = told;
      document.title = state.state === "running" && total ? `${Math.floor((100 * step) / total)} % · ${t("title")}` : t("title");
    }
    tell() {
      /* The rest of the tab follows the run through a class: what is only useful after a run shows only then. */
      const state = this.run ? this.current : "none";
      this.root.dataset.state = state;
      const tab = this.root.closest(".wb-tab");
      if (tab) { tab.dataset.run = this.run; tab.dataset.state = state; }
    }
  }

  /* ---- the theme survives a refresh ---- */
  const stored = { get: (key) => { try { return localStorage.getItem(key); } catch { return null; } },
    set: (key, value) => { try { localStorage.setItem(key, value); } catch { /* private window: not remembered */ } } };
  function applyTheme() {
    const wanted = stored.get("workbench-theme");
    if (wanted) document.body.classList.toggle("dark", wanted === "dark");
  }
  function toggleTheme() {
    stored.set("workbench-theme", document.body.classList.contains("dark") ? "light" : "dark");
    applyTheme();
  }
  /* The tab one is in, and the part of the chat, stand in the address: a refresh and the back key find them again. */
  function watchTabs() {
    const selected = (kind) => [...document.querySelectorAll(`[role=tab][aria-selected=true][id^=${kind}-]`)]
      .map((tab) => tab.id.match(/^[a-z]+-([a-z]+)-button$/)?.[1]).find(Boolean);
    const place = () => {
      const tab = selected("tab"), part = tab === "chat" ? selected("part") : "";
      return part && part !== "chat" ? `${tab}/${part}` : tab ?? "";
    };
    const told = () => { for (const link of document.querySelectorAll(".wb-bar nav a")) link.hash = place(); };
    let wanted = "";
    // A click before Gradio has wired its tabs is lost, so it is repeated until it is heard.
    const open = (tries = 40) => {
      const [tab, part = tab === "chat" ? "chat" : ""] = wanted.split("/");
      const left = [`tab-${tab}-button`, ...(part ? [`part-${part}-button`] : [])]
        .find((id) => document.getElementById(id)?.getAttribute("aria-selected") !== "true");
      if (!wanted || !left || !tries) { wanted = ""; told(); return; }
      document.getElementById(left)?.click();
      setTimeout(() => open(tries - 1), 100);
    };
    const go = (otherwise) => {
      wanted = location.hash.match(/^#([a-z]+(?:\/[a-z]+)?)$/)?.[1] ?? otherwise;
      open();
    };
    document.addEventListener("click", (event) => { if (event.isTrusted && event.target.closest?.("[role=tab]")) wanted = ""; }, true);
    new MutationObserver(() => {
      if (wanted || !place() || (location.hash || "#start") === `#${place()}`) return;
      history.pushState(null, "", `#${place()}`);
      told();
    }).observe(document.body, { subtree: true, attributes: true, attributeFilter: ["aria-selected"] });
    addEventListener("popstate", () => go("start"));
    go("");
  }
  function whenBuilt(action, tries = 200) {
    if (document.querySelector("[role=tab]")) { action(); return; }
    if (tries) setTimeout(() => whenBuilt(action, tries - 1), 50);
  }
  whenBuilt(() => { applyTheme(); watchTabs(); });

  const inside = (element, name) => element.querySelector?.(`.${name}`) ?? element;
  return {
    mount: (element) => { const root = inside(element, "wb-live"); views.set(root.dataset.view, new View(root)); },
    show: (view, run) => views.get(view)?.show(run),
    current: (view) => views.get(view)?.run ?? "",
    views, toggleTheme,
    // for the other scripts of the page
    tools: { page, t, fill, el, ask, number, percent, bytes, duration, moment, chip, loadPlotly, colour, stored, inside, asText, answerCell, mean, views, ACTIVE },
  };
})();
