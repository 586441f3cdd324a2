"use strict";
// What the page does beyond being read: search, filter, sort, open. Without this it is all there, unsorted.
(() => {
  const find = (selector, inside = document) => inside.querySelector(selector);
  const all = (selector, inside = document) => Array.from(inside.querySelectorAll(selector));

  const table = find("table.assets");
  const heads = all("thead th", table);
  const body = find("tbody", table);
  const details = new Map(all("details.asset").map((one) => [find(".body", one).id, one]));
  const rows = all("tr", body).map((row) => ({
    row,
    detail: details.get(find("a.key", row).getAttribute("href").slice(1)),
    words: null, // read when somebody searches
    standings: row.dataset.standings.split("|"),
    cells: Array.from(row.children, (cell) => cell.dataset.sort),
  }));
  const search = find("#search");
  const standing = find("#standing");
  const sort = find("#sort");
  const shown = find("#shown");
  const open = find("#open");

  // Search and filter

  function wordsOf(one) {
    one.words ??= [one.row.children[0], ...all(".promise", one.detail)]
      .map((part) => part.textContent.toLowerCase())
      .join(" ");
    return one.words;
  }

  function filter() {
    const words = search.value.toLowerCase().split(/\s+/).filter(Boolean);
    let count = 0;
    for (const one of rows) {
      const like = standing.value === "all" || one.standings.includes(standing.value);
      const visible = like && words.every((word) => wordsOf(one).includes(word));
      if (one.row.hidden === visible) one.row.hidden = one.detail.hidden = !visible;
      count += visible;
    }
    const total = rows.length.toLocaleString("en");
    shown.textContent = count === rows.length ? `${total} shown` : `${count.toLocaleString("en")} of ${total} shown`;
    find("#nothing").hidden = count > 0;
    table.hidden = count === 0;
    for (const tile of all("a.tile")) {
      if (tile.dataset.standing !== "all") {
        tile.toggleAttribute("aria-current", tile.dataset.standing === standing.value);
      }
    }
  }

  function choose(wanted) {
    if (![...standing.options].some((option) => option.value === wanted)) {
      standing.add(new Option(wanted)); // no asset is like that, and the table says so
    }
    standing.value = wanted;
    filter();
  }

  // Sort

  const text = new Intl.Collator("en", { numeric: true });

  function order(column, down) {
    const sign = down ? -1 : 1;
    const number = heads[column].classList.contains("number") || column === 1;
    rows.sort((a, b) => {
      const [x, y] = [a.cells[column], b.cells[column]];
      const by = number ? x - y : text.compare(x, y);
      return sign * by || text.compare(a.cells[0], b.cells[0]);
    });
    body.append(...rows.map((one) => one.row));
    find("#all").append(...rows.map((one) => one.detail));
    heads.forEach((head, at) => {
      if (at === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    sort.value = String(column);
  }

  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    button.addEventListener("click", () => {
      const now = head.getAttribute("aria-sort");
      order(column, now ? now === "ascending" : "down" in head.dataset);
    });
    head.replaceChildren(button);
  });

  // Open

  function openTarget() {
    const id = decodeURIComponent(location.hash.slice(1));
    const detail = details.get(id);
    if (!detail) return;
    if (detail.hidden) {
      search.value = "";
      choose("all");
    }
    detail.open = true;
    const summary = find("summary", detail);
    summary.scrollIntoView();
    summary.focus({ preventScroll: true });
  }

  let telling = 0;
  function tell() {
    cancelAnimationFrame(telling); // a thousand may be opened at once
    telling = requestAnimationFrame(tellNow);
  }
  function tellNow() {
    open.textContent = all("details.asset").every((one) => one.open) ? "Close all" : "Open all";
  }

  let closed = [];
  function openForPrint() {
    closed = closed.concat(all("details:not([open])"));
    for (const one of closed) one.open = true;
  }
  function closeAfterPrint() {
    for (const one of closed) one.open = false;
    closed = [];
  }

  open.addEventListener("click", () => {
    const opening = open.textContent === "Open all";
    for (const { detail } of rows) if (!detail.hidden || !opening) detail.open = opening;
    open.textContent = opening ? "Close all" : "Open all";
  });
  find("#all").addEventListener("toggle", tell, true);
  addEventListener("hashchange", openTarget);
  addEventListener("beforeprint", openForPrint);
  addEventListener("afterprint", closeAfterPrint);
  for (const link of all("a.key")) {
    link.addEventListener("click", () => {
      if (link.hash === location.hash) openTarget(); // the same once more: no hashchange
    });
  }

  search.addEventListener("input", filter);
  standing.addEventListener("change", filter);
  sort.addEventListener("change", () => {
    const column = Number(sort.value);
    order(column, "down" in heads[column].dataset);
  });
  find(".tools").addEventListener("submit", (event) => event.preventDefault());
  for (const tile of all("a.tile")) tile.addEventListener("click", () => choose(tile.dataset.standing));

  sort.value = "1";
  find(".tools").hidden = open.hidden = false;
  filter();
  openTarget();
})();
