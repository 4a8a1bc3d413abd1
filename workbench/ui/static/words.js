/* Gradio's own words -> the page's language, before they are drawn. Most of them Gradio says in the language that the
   document names (ui/shell.py); some stand in its components in English only, and a button or two has no name at all. */
"use strict";
(() => {
  const { page, t } = window.workbench.tools;
  if (window.workbench.words) return;
  window.workbench.words = true;
  const escaped = (text) => text.replace(/[.*+?^$()|[\]\\]/g, "\\$&");
  const pairs = page.gradio.map(([said, own]) => {
    const slots = [...said.matchAll(/\{(\w+)\}/g)].map((slot) => slot[1]);
    return [new RegExp(`^${escaped(said).replace(/\{\w+\}/g, "(.+)")}$`), slots, own];
  });
  const known = new Map();  // the same few words are met again and again
  function own(text) {
    if (known.has(text)) return known.get(text);
    let found = text;
    for (const [pattern, slots, words] of pairs) {
      const parts = text.match(pattern);
      if (parts) { found = slots.reduce((all, slot, place) => all.replace(`{${slot}}`, () => parts[place + 1]), words); break; }
    }
    if (known.size > 2000) known.clear();
    known.set(text, found);
    return found;
  }
  const NAMED = ":is([title], [aria-label]):not(.html-container *)";  // not what we draw ourselves: names are names there
  const SPOKEN = ".toast-body, .meta-text, .meta-text-center";
  function speak() {
    for (const node of document.querySelectorAll(NAMED))
      for (const name of ["title", "aria-label"]) {
        const said = node.getAttribute(name);
        if (said && own(said) !== said) node.setAttribute(name, own(said));
      }
    for (const node of document.querySelectorAll(SPOKEN)) {
      const texts = document.createTreeWalker(node, NodeFilter.SHOW_TEXT);
      while (texts.nextNode()) {
        const said = texts.currentNode.data, trimmed = said.trim();
        if (trimmed && own(trimmed) !== trimmed) texts.currentNode.data = said.replace(trimmed, () => own(trimmed));
      }
    }
    for (const node of document.querySelectorAll(".submit-button:not([aria-label])")) node.setAttribute("aria-label", t("send"));
  }
  let asked = false;
  const soon = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; speak(); });
  };
  new MutationObserver(soon).observe(document.documentElement,
    { subtree: true, childList: true, characterData: true, attributes: true, attributeFilter: ["title", "aria-label"] });
  soon();
})();
