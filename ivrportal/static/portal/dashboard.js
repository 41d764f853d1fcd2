/* The home screen's charts, and what is said while another period is on its way. Without a script all figures stand in
   the tables, and the periods are links. */
(() => {
  "use strict";
  const charts = [];
  let isOnPaper = false;

  const colour = (canvas, name) => getComputedStyle(canvas).getPropertyValue(`--chart-${name}`).trim();

  /* Calls behind, missed in front of them and narrower: they are a part of the calls. What is usual is a line. */
  const dataset = (canvas, one) => {
    const isLine = one.type === "line";
    const ink = colour(canvas, isLine ? `usual-${one.colour}` : one.colour);
    const isMissed = one.colour === "missed";
    return {
      type: one.type,
      label: one.name,
      data: one.values,
      order: isLine ? 0 : isMissed ? 1 : 2,
      borderColor: ink,
      backgroundColor: isLine ? "transparent" : ink,
      borderWidth: isLine ? 2 : 0,
      borderDash: isLine ? (isMissed ? [2, 3] : [7, 4]) : undefined,
      pointRadius: 0,
      pointHoverRadius: 4,
      tension: 0.3,
      grouped: false,
      borderRadius: 2,
      barPercentage: isMissed && one.values.length <= 40 ? 0.5 : 0.9,
      categoryPercentage: 0.95,
      isMissed,
    };
  };

  const draw = (canvas) => {
    const drawn = JSON.parse(canvas.closest(".home-card").querySelector("script[type='application/json']").textContent);
    const ink = colour(canvas, "ink");
    const line = colour(canvas, "line");
    const goTo = (event, found, chart) => {
      if (!found.length) return;
      const links = chart.data.datasets[found[0].datasetIndex].isMissed ? drawn.missedLinks : drawn.links;
      window.location.assign(links[found[0].index]);
    };
    charts.push(
      new window.Chart(canvas, {
        type: "bar",
        data: { labels: drawn.labels, datasets: drawn.series.map((one) => dataset(canvas, one)) },
        options: {
          animation: false,
          responsive: true,
          maintainAspectRatio: false,
          interaction: { mode: "index", intersect: false },
          onClick: (event, _found, chart) => goTo(event, chart.getElementsAtEventForMode(event, "nearest", { intersect: true }, false).concat(chart.getElementsAtEventForMode(event, "index", { intersect: false }, false)), chart),
          onHover: (event, found) => { event.native.target.style.cursor = found.length ? "pointer" : ""; },
          plugins: {
            legend: { position: "bottom", align: "start", labels: { color: ink, boxWidth: 18, boxHeight: 8, font: { size: 13 }, sort: (one, other) => one.datasetIndex - other.datasetIndex } },
            tooltip: { itemSort: (one, other) => one.datasetIndex - other.datasetIndex },
          },
          scales: {
            x: { grid: { display: false }, border: { color: line }, ticks: { color: ink, maxRotation: 0, autoSkipPadding: 12 } },
            y: { beginAtZero: true, grid: { color: line }, border: { display: false }, ticks: { color: ink, precision: 0, maxTicksLimit: 6 } },
          },
        },
      }),
    );
  };

  const drawAll = () => {
    while (charts.length) charts.pop().destroy();
    document.querySelectorAll(".home-canvas canvas").forEach(draw);
  };

  const figures = () => document.getElementById("home-figures");
  const isOurs = (event) => event.detail.target?.id === "home-figures";

  document.addEventListener("DOMContentLoaded", () => {
    drawAll();
    new MutationObserver(drawAll).observe(document.documentElement, { attributes: true, attributeFilter: ["class"] });
    document.body.addEventListener("htmx:beforeRequest", (event) => {
      if (!isOurs(event)) return;
      const words = figures().querySelector(".home-loading-words");
      figures().setAttribute("aria-busy", "true");
      figures().querySelector(".home-trouble").hidden = true;
      words.textContent = words.dataset.words;
    });
    document.body.addEventListener("htmx:afterSettle", (event) => {
      if (event.target.id !== "home-figures" && event.detail.elt?.id !== "home-figures") return;
      drawAll();
      if (!document.activeElement || document.activeElement === document.body) document.getElementById("home-title").focus({ preventScroll: true });
    });
    for (const trouble of ["htmx:responseError", "htmx:sendError", "htmx:timeout"]) {
      document.body.addEventListener(trouble, (event) => {
        if (!isOurs(event)) return;
        const told = figures().querySelector(".home-trouble");
        figures().removeAttribute("aria-busy");
        figures().querySelector(".home-loading-words").textContent = "";
        told.textContent = figures().dataset.trouble;
        told.hidden = false;
      });
    }
  });

  /* On paper the colours of paper, and all that is folded. */
  const paper = (isPrinting) => {
    if (isOnPaper === isPrinting || !charts.length) return;
    isOnPaper = isPrinting;
    document.querySelectorAll(".home-others").forEach((one) => { one.open = isPrinting; });
    drawAll();
    charts.forEach((chart) => chart.resize());
  };
  window.addEventListener("beforeprint", () => paper(true));
  window.addEventListener("afterprint", () => paper(false));
})();
