/* JSON of what this machine cannot do -> such choices greyed in their lists, with the reason; they cannot be chosen. */
"use strict";
(() => {
  const { el } = window.workbench.tools;
  if (window.workbench.mountMachine) return;
  let table = {};
  const reasonOf = (option) => {
    const field = Object.keys(table).find((id) => option.closest(`#${id}`));
    return field && table[field][option.getAttribute("aria-label") ?? option.textContent.trim()];
  };

  /* Lists are drawn when they open, and drawn anew while one types. */
  function paint(field) {
    for (const option of field.querySelectorAll("[role=option]")) {
      const reason = reasonOf(option);
      if (reason) { option.setAttribute("aria-disabled", "true"); option.title = reason; }
      else if (option.hasAttribute("aria-disabled")) { option.removeAttribute("aria-disabled"); option.removeAttribute("title"); }
    }
    const box = field.querySelector("input[type=checkbox]"), reason = table[field.id]?.[""];
    if (!box) return;
    box.disabled = Boolean(reason) && !box.checked; // one that a preset ticked can be taken back
    field.title = reason ?? "";
    const said = field.querySelector(".wb-cannot");
    if (!reason) said?.remove();
    else if (!said) field.append(el("p", { class: "wb-cannot", text: reason }));
    else if (said.textContent !== reason) said.textContent = reason;
  }
  const watched = new WeakSet();
  function paintAll() {
    for (const id of Object.keys(table)) {
      const field = document.getElementById(id);
      if (!field) continue;
      paint(field);
      if (watched.has(field)) continue;
      watched.add(field);
      new MutationObserver(() => paint(field)).observe(field, { childList: true, subtree: true });
      field.addEventListener("change", () => paint(field));
    }
  }
  const refuse = (event) => { event.preventDefault(); event.stopImmediatePropagation(); };
  for (const kind of ["mousedown", "click"]) document.addEventListener(kind, (event) => {
    if (event.target.closest?.("[role=option][aria-disabled=true]")) refuse(event);
  }, true);
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter") return;
    const field = event.target.closest?.(Object.keys(table).map((id) => `#${id}`).join(",") || "none");
    if (!field) return;
    const options = [...field.querySelectorAll("[role=option]")], text = event.target.value.toLowerCase();
    const fits = (option) => option.getAttribute("aria-label")?.toLowerCase().includes(text);
    const active = options.find((option) => option.classList.contains("active")), first = options.find(fits);
    // Gradio takes the active one, or the first that fits what was typed since.
    if ((active && reasonOf(active)) || (!(active && fits(active)) && first && reasonOf(first))) refuse(event);
  }, true);

  function mount(element, props, watch) {
    const take = () => {
      try { table = JSON.parse(props.value || "{}"); } catch { return; }
      requestAnimationFrame(paintAll); // after the lists that came with it
    };
    watch("value", take);
    take();
  }
  Object.assign(window.workbench, { mountMachine: mount, paintMachine: () => requestAnimationFrame(paintAll) });
})();
