/* JSON of the form's plan -> memory by part, steps, learning-rate curve, what speaks against the run. */
"use strict";
(() => {
  const { page, t, el, ask, number, bytes, duration, inside } = window.workbench.tools;
  if (window.workbench.mountPlan) return;

  const PARTS = { weights: "#0f766e", adapter: "#65a30d", gradients: "#d97706", optimizer: "#be185d", activations: "#0284c7", logits: "#6d28d9", framework: "#64748b" };
  let overrides = "{}", plan = null;
  const press = (id) => document.getElementById(id)?.click();
  const apply = (changes) => { overrides = JSON.stringify(changes); press("train-plan-apply"); };
  const svg = (tag, attributes, ...children) => {
    const node = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
    node.append(...children);
    return node;
  };
  const fact = (label, value, title) => el("span", { title }, el("b", { class: "wb-num", text: value }), ` ${label}`);

  /* The form's values by knob path. Gradio hands over all of them after each edit, a tenth of a second and more after the
     browser has told of it: boxes, switches and choices are read at once, and what Gradio then says is known already. */
  const form = { fields: null, values: null, ids: new Map() };
  function takeForm(fields, given) {
    const paths = Object.keys(fields);
    const first = !form.values;
    form.fields = fields;
    form.values = Object.fromEntries(paths.map((path, place) => [path, given[place]]));
    if (!form.ids.size) for (const path of paths) form.ids.set(path.replaceAll(".", "-"), path);
    if (first && bringBack()) return;  // comes again with what was filled in
    keep();
    plan?.look();
  }
  /* A form of a hundred fields outlives a refresh; another browser tab begins with a form of its own. */
  const KEPT = "workbench-form";
  function keep() {
    try { sessionStorage.setItem(KEPT, JSON.stringify(form.values)); } catch { /* private window: not kept */ }
  }
  function bringBack() {
    let kept = {};
    try { kept = JSON.parse(sessionStorage.getItem(KEPT)) ?? {}; } catch { /* nothing is kept */ }
    const same = (path) => JSON.stringify(kept[path]) === JSON.stringify(form.values[path]);
    // An emptied number box is null: it comes back with its default.
    const changed = Object.keys(form.values).filter((path) => path in kept && kept[path] !== null && !same(path));
    if (changed.length) apply(Object.fromEntries(changed.map((path) => [path, kept[path]])));
    return changed.length > 0;
  }
  const read = {
    int: ({ value }) => (value === "" ? null : Number(value)),
    float: ({ value }) => (value === "" ? null : Number(value)),
    str: ({ value }) => value,
    bool: ({ checked }) => checked,
  };
  function takeField(target, value) {
    const path = form.ids.get(target.closest(".block[id]")?.id);
    const found = path && value(form.fields[path]);
    if (found === undefined || path === undefined) return;
    form.values[path] = found;
    keep();
    plan?.look();
  }
  document.addEventListener("input", ({ target }) => {
    if (/^(INPUT|TEXTAREA)$/.test(target.tagName)) takeField(target, ({ kind }) => read[kind]?.(target));
  }, true);
  document.addEventListener("mousedown", ({ target }) => {
    const option = target.closest?.("[role=option][data-index]:not([aria-disabled=true])");
    if (option) takeField(option, ({ choices }) => choices?.[Number(option.dataset.index)]);
  }, true);

  class Plan {
    constructor(element) {
      this.element = element;
      this.asked = "";  // the values that the last answer belongs to
      plan = this;
      this.first();
    }
    root() { return inside(this.element, "wb-plan"); }
    /* Gradio wires its buttons some time after it has drawn them: pressed until the values are there. */
    first(tries = 100) {
      if (form.values || !this.element.isConnected || !tries) { if (form.values) this.look(); return; }
      press("train-plan-refresh");
      setTimeout(() => this.first(tries - 1), 100);
    }
    /* One question at a time; what changed meanwhile is asked as soon as the answer is there. */
    async look({ again = false, way = "plan" } = {}) {
      if (this.asking) { this.waiting = { again: again || this.waiting?.again, way: way === "plan" ? this.waiting?.way : way }; return; }
      const values = JSON.stringify(form.values);
      if (values === this.asked && !again) return;
      this.asked = values;
      this.asking = true;
      try { this.paint(await ask(way, { values: form.values })); }
      catch { this.asked = ""; this.later(); }  // no server for a moment
      finally { this.asking = false; }
      if (this.waiting) { const next = this.waiting; this.waiting = null; this.look(next); }
    }
    /* Asked again until it is known: the data are being counted, or steps are being measured. */
    later() {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => {
        if (!this.element.isConnected) return;
        if (this.element.offsetParent && !document.hidden) this.look({ again: true });
        else this.later();
      }, 800);
    }
    paint(plan) {
      clearTimeout(this.timer);
      if (plan.counting || plan.trial?.busy) this.later();
      const parts = [];
      if (plan.problem) parts.push(el("p", { class: "wb-soft", text: plan.problem }));
      if (plan.memory_problem) parts.push(el("p", { class: "wb-soft", text: plan.memory_problem }));
      for (const text of plan.notes ?? []) parts.push(el("p", { class: "wb-warning", role: "status", text }));
      if (plan.parts) parts.push(this.memory(plan));
      if (plan.steps) parts.push(this.course(plan));
      else if (plan.counting) parts.push(el("p", { class: "wb-soft", text: t("counting") }));
      if (plan.data_problem && plan.data_problem !== plan.memory_problem) parts.push(el("p", { class: "wb-soft", text: plan.data_problem }));
      for (const text of plan.objections ?? []) parts.push(el("p", { class: "wb-warning", role: "status" }, el("span", { text }), " ",
        ...(Object.keys(plan.longer).length ? [this.remedy({ overrides: plan.longer }, plan.labels)] : [])));
      this.root().replaceChildren(el("div", {}, ...parts));
    }
    memory(plan) {
      const { parts, total_bytes: total, available_bytes: available, verdict, remedies } = plan;
      const whole = Math.max(total, available);
      const bar = el("div", { class: "wb-bar-parts", role: "img", "aria-label": t("memory_of", { total: bytes(total), available: bytes(available) }) },
        ...Object.entries(parts).map(([name, size]) => el("span", { style: `width:${(100 * size) / whole}%;background:${PARTS[name]}`, title: `${t(`part_${name}`)} ${bytes(size)}` })),
        el("i", { style: `left:${(100 * available) / whole}%` }));
      const legend = el("div", { class: "wb-parts" }, ...Object.entries(parts).map(([name, size]) =>
        el("span", {}, el("span", { class: "wb-dot", style: `--wb-dot:${PARTS[name]}` }), `${t(`part_${name}`)} `, el("b", { class: "wb-num", text: bytes(size) }))));
      return el("div", { id: "plan-memory" },
        el("div", { class: "wb-line" }, el("h3", { text: t("memory_title") }), el("span", { class: `wb-chip wb-verdict-${verdict}`, id: "plan-verdict", text: t(`verdict_${verdict}`) }), el("span", { class: "wb-gap" }),
          el("span", { class: "wb-soft", text: t("memory_of", { total: bytes(total), available: bytes(available) }) })),
        bar, legend,
        ...(plan.without_checkpointing_bytes === null ? [] : [el("p", { class: "wb-soft", id: "plan-checkpointing", text: this.checkpointing(plan) })]),
        ...(plan.data ? [] : [el("p", { class: "wb-soft", text: t("memory_upper") })]),
        ...(remedies.length ? [el("p", {}, t(remedies.some((remedy) => remedy.verdict !== "too_big") ? "make_it_fit" : "make_it_smaller"), " "), el("div", { class: "wb-remedies" }, ...remedies.map((remedy) => this.remedy(remedy, plan.labels)))] : []));
    }
    checkpointing({ gradient_checkpointing: on, verdict, without_checkpointing_bytes: needed }) {
      return on ? t("checkpointing_on", { needed: bytes(needed) }) : t(verdict === "fits" ? "checkpointing_off" : "checkpointing_useless");
    }
    /* labels: what the form calls the knobs; the paths stand in the tip. */
    remedy(remedy, labels = {}) {
      const paths = Object.entries(remedy.overrides).map(([path, value]) => `${path}=${value}`).join(" ");
      const shown = Object.entries(remedy.overrides).map(([path, value]) => labels[path] ? `${labels[path]}: ${value}` : `${path}=${value}`).join(" · ");
      const costs = (remedy.costs ?? []).map((cost) => t(`cost_${cost}`)).join(page.language === "zh" ? "；" : "; ");
      return el("button", { type: "button", class: "wb-button wb-remedy", title: paths, onclick: () => apply(remedy.overrides) }, el("code", { text: shown }),
        ...(remedy.total_bytes ? [el("span", { class: "wb-soft", text: `→ ${bytes(remedy.total_bytes)} (${t(`verdict_${remedy.verdict}`)})` })] : []),
        ...(costs ? [el("span", { class: "wb-soft", text: costs })] : []));
    }
    course({ data, steps, curve, trial }) {
      return el("section", { id: "plan-course" },
        el("div", { class: "wb-figures" }, fact(t("steps"), number(steps.total)), fact(t("steps_per_epoch"), number(steps.per_epoch)), fact(t("epochs"), String(steps.epochs)),
          fact(t("rows"), number(data.rows)), ...(data.held_out ? [fact(t("held_out"), number(data.held_out))] : []),
          fact(t("tokens_per_epoch"), number(data.tokens), t("tokens_trained", { count: number(data.trained_tokens) })),
          fact(t("longest_row"), number(data.longest)), ...(data.cut ? [fact(t("rows_cut_off"), number(data.cut))] : [])),
        ...(data.shares.length > 1 ? [this.mix(data.shares)] : []),
        ...(curve.length > 1 ? [this.rates(curve)] : []),
        this.timing(trial));
    }
    mix(shares) {
      const all = shares.reduce((sum, share) => sum + share.taken, 0) || 1;
      return el("ul", { class: "wb-mix", id: "plan-mix", "aria-label": t("mix") }, ...shares.map((share) => el("li", {},
        el("span", { class: "wb-gap", text: share.name }),
        el("span", { class: "wb-soft wb-num", text: `${number(share.rows)} × ${share.weight} = ${number(share.taken)}` }),
        el("span", { class: "wb-num", text: `${Math.round((100 * share.taken) / all)} %` }))));
    }
    rates(curve) {
      const width = 400, height = 46, most = Math.max(...curve.map(([, rate]) => rate)) || 1, last = curve.at(-1)[0] || 1;
      const at = ([step, rate]) => `${((step / last) * width).toFixed(1)},${(height - 3 - (rate / most) * (height - 6)).toFixed(1)}`;
      return el("div", { class: "wb-rates" }, el("span", { class: "wb-soft", text: `${t("learning_rate")} ${number(most)}` }),
        svg("svg", { viewBox: `0 0 ${width} ${height}`, preserveAspectRatio: "none", role: "img", "aria-label": t("learning_rate") },
          svg("polyline", { points: curve.map(at).join(" "), fill: "none", stroke: "currentColor", "stroke-width": 1.6, "vector-effect": "non-scaling-stroke" })));
    }
    timing(trial) {
      const button = (text) => el("button", { type: "button", class: "wb-button", id: "plan-try", text, onclick: () => this.look({ again: true, way: "plan/try" }) });
      const parts = trial.busy ? [el("span", { class: "wb-soft", role: "status", text: t("trial_busy") }), button(t("trial_stop"))] : [button(t("trial_start"))];
      if (trial.tokens_per_second) parts.unshift(
        fact(t("trial_time"), `≈ ${duration(trial.seconds)}`, t("trial_help")), fact(t("seconds_per_step"), number(trial.seconds_per_step)),
        fact(t("tokens_per_second"), number(trial.tokens_per_second)), fact(t("peak_memory"), bytes(trial.peak_memory_bytes)));
      if (trial.problem) parts.push(el("span", { class: "wb-error", role: "alert", text: trial.problem }));
      return el("div", { class: "wb-line wb-tools wb-timing", id: "plan-time" }, ...parts);
    }
  }

  Object.assign(window.workbench, {
    mountPlan: (element) => new Plan(element),
    planForm: takeForm,
    planOverrides: () => overrides,
    refreshPlan: () => press("train-plan-refresh"),
  });
})();
