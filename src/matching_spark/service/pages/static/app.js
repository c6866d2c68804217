// What makes the pages smoother where scripts run: every page but /mine works without it.
"use strict";
(() => {
  const UNDO_MS = 10_000;
  const PREVIEW_PX = 640;
  const one = (selector, root = document) => root.querySelector(selector);
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const tell = (words, failed = false) => { // what failed is shown as well: nothing else changes then
    one("#said").textContent = words || "";
    one("#said").classList.toggle("unseen", !failed);
  };
  const on = (name, act) => document.addEventListener(name, act);

  // -- the photo: a preview, dropping, pasting, taking it away
  async function preview(input) {
    const box = input.closest("[data-photo]");
    const canvas = one("canvas", box), file = input.files[0], name = one(".big", box);
    name.dataset.empty ||= name.textContent;
    box.classList.toggle("chosen", Boolean(file));
    one("[data-clear]", box).hidden = !file;
    canvas.hidden = true;
    name.textContent = file ? file.name : name.dataset.empty;
    if (!file) return;
    try {
      const picture = await createImageBitmap(file); // upright, as the photo says
      const scale = Math.min(1, PREVIEW_PX / Math.max(picture.width, picture.height));
      canvas.width = Math.max(1, picture.width * scale);
      canvas.height = Math.max(1, picture.height * scale);
      canvas.getContext("2d").drawImage(picture, 0, 0, canvas.width, canvas.height);
      picture.close();
      canvas.hidden = input.files[0] !== file;
    } catch { /* HEIC, which this browser cannot show: its name says that it was chosen */ }
  }
  function choose(input, files) {
    const photo = [...files].find((file) => file.type.startsWith("image/")) || files[0];
    if (!photo) return; // what is none is sent too: the service says that, and of which kinds it is one
    const chosen = new DataTransfer();
    chosen.items.add(photo);
    input.files = chosen.files;
    preview(input);
  }
  on("change", (event) => {
    if (event.target.matches("[data-photo] input[type=file]")) preview(event.target);
  });
  for (const name of ["dragover", "dragleave", "drop"]) {
    on(name, (event) => {
      const box = event.target.closest?.("[data-photo]");
      if (!box) return;
      event.preventDefault();
      box.classList.toggle("over", name === "dragover");
      if (name === "drop") choose(one("input[type=file]", box), event.dataTransfer.files);
    });
  }
  on("paste", (event) => {
    const input = one("[data-photo] input[type=file]");
    if (input && event.clipboardData.files.length) choose(input, event.clipboardData.files);
  });

  // -- clicks: take the photo away, copy, zoom
  function selected(element) {
    const range = document.createRange();
    range.selectNodeContents(element);
    getSelection().removeAllRanges();
    getSelection().addRange(range);
  }
  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.dataset.copy);
      tell(document.body.dataset.copied);
      const words = button.textContent;
      button.textContent = document.body.dataset.copied;
      setTimeout(() => { button.textContent = words; }, 1500);
    } catch { // not over plain HTTP: then it is marked, to be copied by hand
      selected(one("#private-link") || button);
    }
  }
  on("click", (event) => {
    if (!one("#said").matches(".unseen")) tell(""); // it has been read, and lies over the page
    const button = event.target.closest?.("button, .zoomable");
    if (!button) return;
    if (button.matches("[data-clear]")) {
      const input = one("input[type=file]", button.closest("[data-photo]"));
      input.value = "";
      preview(input);
      input.focus();
    } else if (button.matches("[data-keys]")) {
      shortcuts(!shortcuts());
      shown(button);
    } else if (button.matches("[data-copy]")) {
      copy(button);
    } else if (button.matches("[data-zoom], .zoomable")) {
      const zoomed = one(".pair").classList.toggle("zoomed");
      one("[data-zoom]").setAttribute("aria-pressed", zoomed);
    }
  });
  on("pointermove", (event) => {
    const picture = event.target.closest?.(".zoomed .zoomable");
    if (!picture) return;
    const box = picture.getBoundingClientRect(), pair = picture.closest(".pair").style;
    pair.setProperty("--x", `${(100 * (event.clientX - box.left)) / box.width}%`);
    pair.setProperty("--y", `${(100 * (event.clientY - box.top)) / box.height}%`);
  });

  // -- keys: a control says which is its own (data-key); J and K also go along a queue
  const typing = (element) => element.closest("input:not([type=file]), textarea, select, [contenteditable]");
  function letter(event) { // also under a Korean keyboard, where Y is ㅛ
    if (/^[a-z/]$/i.test(event.key)) return event.key.toLowerCase();
    return event.code === "Slash" ? "/" : (event.code.match(/^Key([A-Z])$/)?.[1] || "").toLowerCase();
  }
  function along(step) {
    const links = all(".queue > li > a");
    const from = links.includes(document.activeElement) ? document.activeElement : one(".queue [aria-current]");
    const at = links.indexOf(from);
    const next = links[at < 0 ? (step > 0 ? 0 : links.length - 1) : at + step];
    next?.focus();
  }
  const shortcuts = (are) => { // single keys can be switched off, as WCAG 2.1.4 asks
    try {
      if (are !== undefined) localStorage.setItem("keys", are ? "on" : "off");
      return localStorage.getItem("keys") !== "off";
    } catch { return true; } // a browser that keeps nothing
  };
  const shown = (button) => {
    button.hidden = false;
    button.setAttribute("aria-pressed", shortcuts());
  };
  on("DOMContentLoaded", () => all("[data-keys]").forEach(shown));
  on("keydown", (event) => {
    if (!shortcuts()) return;
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || event.repeat) return;
    const key = letter(event);
    if (!key || typing(event.target)) return;
    const target = all(`[data-key="${key}"]`).pop();
    if (target?.matches("input")) target.focus();
    else if (target) target.click();
    else if (key === "j" || key === "k") along(key === "j" ? 1 : -1);
    else return;
    event.preventDefault();
  });

  // -- forms: what is under way, what is not saved, what is no longer a suggestion
  const busy = (asking, is) => { // a form, or one of its buttons
    const within = asking.form ? asking.closest("#answer section:has([data-busy])") || asking.form : asking;
    const line = within.matches?.("form, section") && one("[data-busy]", within);
    if (!line) return;
    line.hidden = !is;
    if (is) line.scrollIntoView({ block: "nearest" });
    if (is) tell(line.dataset.busy);
    else if (one("#said").textContent === line.dataset.busy) tell("");
  };
  on("submit", (event) => {
    if (event.target.matches("[data-slow]")) busy(event.target, true);
  });
  on("input", (event) => {
    const field = event.target.closest(".field"), form = event.target.closest("[data-saved]");
    if (field) one("[data-mark]", field)?.remove();
    const state = form && one("[data-state]", form);
    if (state?.dataset.unsaved) {
      state.textContent = state.dataset.unsaved;
      state.classList.add("unsaved");
    }
  });

  on("formdata", (event) => { // an address that was typed goes along with another search, too
    const address = one("#answer.found #address");
    if (address && event.target === home) event.formData.set("address", address.value);
  });
  on("keydown", (event) => { // of all fields of what was found this one is for a report
    if (event.key !== "Enter" || !event.target.matches("#answer.found #address")) return;
    event.preventDefault();
    one("#answer button[formaction='/losses']").click();
  });

  // -- what is pressed twice is asked once (hx-sync); whose fields say something else by now takes its place
  const sent = new WeakMap();
  function newer(form) {
    const now = [...new FormData(form)].map(([name, said]) => `${name}=${said.name ?? said}`).join("\n");
    if (sent.get(form) !== now) {
      htmx.trigger(form, "htmx:abort"); // also what Back or a reload has asked for
      returning = null;
    }
    sent.set(form, now);
  }
  addEventListener("submit", (event) => newer(event.target), true); // before htmx hears it
  addEventListener("click", (event) => {
    const button = event.target.closest?.("button[hx-post]"), day = one("#day-asked");
    if (button?.matches("[data-day]") && !day.value) { // that day: which one?
      event.preventDefault();
      event.stopPropagation();
      day.focus();
      try { day.showPicker(); } catch { /* of a browser that has none */ }
    } else if (button) newer(button.form);
  }, true);

  // -- htmx: words for who does not see the page change, and the heading to go on from
  on("htmx:beforeRequest", (event) => {
    busy(event.detail.elt, true);
    if (!event.detail.elt.matches(".queue a")) return;
    one(".queue [aria-current]")?.removeAttribute("aria-current");
    event.detail.elt.setAttribute("aria-current", "true");
  });
  on("htmx:afterRequest", (event) => busy(event.detail.elt, false));
  const failed = (status = 0) => { // 413 without a page is of a proxy, which takes less than the service
    tell(status === 413 ? document.body.dataset.large : document.body.dataset.offline, true);
  };
  on("htmx:configRequest", (event) => { event.detail.headers.Accept = "text/html"; }); // problems too
  on("htmx:beforeSwap", (event) => { // what has no answer in it would leave no place for the next
    const { xhr, requestConfig } = event.detail;
    if (returning && xhr.status >= 400) return event.preventDefault(); // forgotten since
    if (xhr.responseText.includes('id="answer"')) return;
    event.preventDefault();
    if (requestConfig.verb === "get") location.assign(requestConfig.path); // to sign in again
    else failed(xhr.status);
  });
  on("htmx:sendError", () => failed());
  on("htmx:timeout", () => failed());
  on("htmx:afterSettle", () => {
    ready();
    const heading = one("#answer [data-answer]");
    if (!heading) return;
    heading.focus({ preventScroll: true });
    const answer = heading.closest("#answer");
    if (returning) scrollBy(0, answer.getBoundingClientRect().top - returning.top);
    else answer.scrollIntoView({ block: "start" });
    tell(heading.textContent.trim());
    remember();
  });

  // -- what was found beside the form has no address: this tab's history keeps what was asked
  let returning = null; // what is asked for once more, after Back or a reload
  const home = one("form.find[action='/search']");
  function remember() {
    const found = one("#answer.found"), fields = {};
    if (!home) return;
    for (const [name, value] of found ? new FormData(found) : []) {
      if (!["csrf", "address", "photo"].includes(name)) (fields[name] ||= []).push(value);
    }
    const top = found?.getBoundingClientRect().top;
    history.replaceState(found && { fields, top }, "");
  }
  addEventListener("pagehide", () => { if (home && history.state && !returning) remember(); });
  on("click", (event) => { // to look for something else begins with nothing, at the same address
    const plain = !(event.button || event.ctrlKey || event.metaKey || event.shiftKey);
    if (home && plain && event.target.closest?.("a[href='/']")) history.replaceState(null, "");
  });
  function back() {
    returning = home && history.state?.fields ? history.state : null;
    if (!returning) return;
    const { fields } = returning;
    one("#words").value = fields.words?.[0] || "";
    htmx.ajax("POST", "/search", {
      source: home, values: fields, target: "#answer", select: "#answer", swap: "outerHTML",
    }).catch(() => { /* another search has taken its place */ })
      .finally(() => { setTimeout(() => { returning = null; }, 100); });
  }

  // -- once a page, or a part of it, is there
  function ready() {
    for (const hidden of all("[data-copy][hidden], [data-zoom][hidden]")) hidden.hidden = false;
    for (const bar of all("[data-undo]")) setTimeout(() => bar.remove(), UNDO_MS);
  }
  // The token of a private link stands in the fragment, which no server is told: it is posted.
  function door() {
    const form = one("[data-fragment]"), token = location.hash.slice(1);
    if (!form || !token) return;
    one(`[name=${form.dataset.fragment}]`, form).value = token;
    const language = one("form.switch"); // a redirect keeps the fragment of what was asked for
    if (language) language.action = `${language.getAttribute("action")}#${token}`;
    if ("now" in form.dataset) form.requestSubmit();
  }
  ready();
  addEventListener("hashchange", door);
  const opened = () => { door(); back(); };
  if (document.readyState === "complete") opened();
  else addEventListener("load", opened); // htmx has then seen the form
})();
